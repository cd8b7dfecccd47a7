//! The arrows of the architecture diagram are the connections that the application's network policies allow.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::support::{read, root};

/// From, to, and the label: TCP ports, after the path of an Ingress.
type Arrow = (String, String, String);

/// The value of an attribute of an XML tag.
fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    let rest = tag.split_once(&start).unwrap_or_else(|| panic!("no {name} in {tag}")).1;
    rest.split('"').next().unwrap_or_default()
}

fn number(tag: &str, name: &str) -> f64 {
    attribute(tag, name).parse().unwrap_or_else(|_| panic!("{name} is not a number: {tag}"))
}

/// The arrows of the diagram. Each line starts and ends at the edges of the boxes that its attributes name.
fn drawn() -> BTreeSet<Arrow> {
    let svg = read(&root().join("docs/architecture.svg"));
    let boxes: Vec<&str> =
        svg.lines().filter(|line| line.contains("<rect") && line.contains(" id=\"")).collect();
    let touches = |id: &str, x: f64, y: f64| {
        let tag =
            boxes.iter().find(|tag| attribute(tag, "id") == id).unwrap_or_else(|| panic!("no box {id}"));
        let (left, top) = (number(tag, "x"), number(tag, "y"));
        let (right, bottom) = (left + number(tag, "width"), top + number(tag, "height"));
        let inside = (left..=right).contains(&x) && (top..=bottom).contains(&y);
        inside && [x - left, right - x, y - top, bottom - y].contains(&0.0)
    };
    let mut arrows = BTreeSet::new();
    for group in svg.lines().filter(|line| line.contains("<g class=\"arrow")) {
        let (from, to) = (attribute(group, "data-from"), attribute(group, "data-to"));
        let ends = ["x1", "y1", "x2", "y2"].map(|name| number(group, name));
        assert!(touches(from, ends[0], ends[1]) && touches(to, ends[2], ends[3]), "{group}");
        let label =
            group.split("</text>").next().and_then(|text| text.rsplit('>').next()).unwrap_or_default();
        assert!(arrows.insert((from.to_owned(), to.to_owned(), label.to_owned())), "twice: {group}");
    }
    arrows
}

fn arrow(from: &str, to: &str, label: &str) -> Arrow {
    (from.to_owned(), to.to_owned(), label.to_owned())
}

fn list<'a>(service: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    service[key].as_array().into_iter().flatten()
}

fn services(file: &str) -> Map<String, Value> {
    let text = read(&root().join("manifests/todo-chatbot").join(file));
    let values: Value = serde_saphyr::from_str(&text).expect("YAML");
    values["services"].as_object().expect("services").clone()
}

/// What the chart's network policies allow with its default values, and a model outside of the cluster with a key.
fn allowed() -> BTreeSet<Arrow> {
    let all = services("values.yaml");
    let port = |name: &str| all[name]["port"].to_string();
    let mut arrows = BTreeSet::from([arrow("browser", "ingress", "80, 443")]);
    for (name, service) in &all {
        for path in list(service, "ingress").filter_map(|route| route["path"].as_str()) {
            arrows.insert(arrow("ingress", name, &format!("{path} {}", port(name))));
        }
        for called in list(service, "calls").filter_map(Value::as_str) {
            arrows.insert(arrow(name, called, &port(called)));
        }
    }
    for (name, service) in services("values/external-model.yaml") {
        for (place, outside) in service["outside"].as_object().into_iter().flatten() {
            let ports: Vec<String> = list(outside, "ports").map(ToString::to_string).collect();
            arrows.insert(arrow(&name, place, &ports.join(", ")));
        }
    }
    arrows
}

#[test]
fn the_diagram_has_the_arrows_of_the_application() {
    let (drawn, allowed) = (drawn(), allowed());
    let missing: Vec<&Arrow> = allowed.difference(&drawn).collect();
    let wrong: Vec<&Arrow> = drawn.difference(&allowed).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "docs/architecture.svg lacks {missing:?}, and no policy allows {wrong:?}"
    );
}
