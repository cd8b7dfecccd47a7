//! Renders the application's chart with each of its options and compares the result with what is expected.

use std::path::Path;

use serde_json::Value;

use crate::shell::{self, Result, root};

/// Files of YAML documents: values, and then parts of objects that the chart must render from them.
const RENDERED: &str = "tests/chart/rendered";

pub(crate) fn prove(helm: &Path, chart: &str) -> Result {
    let files = shell::files(&root().join(RENDERED), &|_| true);
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let name = file.strip_prefix(root()).unwrap_or(file).display();
            Some(format!("{name}: {}", check(helm, chart, file).err()?))
        })
        .collect();
    println!("{chart} renders {} of {} files of {RENDERED}", files.len() - wrong.len(), files.len());
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    if files.is_empty() { Err(format!("{RENDERED} contains no files")) } else { Ok(()) }
}

fn check(helm: &Path, chart: &str, file: &Path) -> Result {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| error.to_string())?;
    let Some((values, expected)) = documents.split_first().filter(|(_, expected)| !expected.is_empty())
    else {
        return Err("it needs values and at least one object".to_owned());
    };
    let values = values.to_string();
    for call in [&["lint", "--strict"][..], &["template", "check"]] {
        let args = [call, &[chart, "--values", "-"]].concat();
        let rendered = shell::cmd(&root(), helm, args).stdin_bytes(values.as_bytes()).read();
        let rendered = rendered.map_err(|error| format!("helm {}: {error}", call[0]))?;
        if call[0] == "template" {
            compare(expected, &rendered)?;
        }
    }
    Ok(())
}

fn compare(expected: &[Value], rendered: &str) -> Result {
    let objects: Vec<Value> = serde_saphyr::from_multiple(rendered)
        .map_err(|error| format!("helm did not render valid YAML: {error}"))?;
    for part in expected {
        let (kind, name) = (&part["kind"], &part["metadata"]["name"]);
        let object = objects.iter().find(|one| one["kind"] == *kind && one["metadata"]["name"] == *name);
        let object = object.ok_or_else(|| format!("no {kind} {name} is rendered"))?;
        if let Some(difference) = difference(part, object, "") {
            return Err(format!("{kind} {name}: {difference}"));
        }
    }
    Ok(())
}

/// The first place where `object` lacks what `part` contains. `null` matches what is not there.
fn difference(part: &Value, object: &Value, at: &str) -> Option<String> {
    match (part, object) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().find_map(|(name, value)| difference(value, &object[name], &format!("{at}.{name}")))
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (one, other))| difference(one, other, &format!("{at}[{index}]")))
        }
        _ if part == object => None,
        _ => Some(format!("{at} is {object}, expected {part}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_different_is_found() {
        let rendered =
            "kind: Pod\nmetadata: {name: a, labels: {b: c}}\nspec: {volumes: [{name: d, size: 1}]}\n";
        let compared = |part: &str| {
            let part = serde_saphyr::from_str(&format!("kind: Pod\nmetadata: {{name: a}}\n{part}")).unwrap();
            compare(&[part], rendered)
        };
        assert_eq!(compared("spec: {volumes: [{name: d}], hosts: null}"), Ok(()));
        assert!(compared("spec: {volumes: []}").unwrap_err().contains(".spec.volumes is [{"));
        assert!(
            compared("spec: {volumes: [{name: e}]}").unwrap_err().contains(".spec.volumes[0].name is \"d\"")
        );
        assert!(compared("spec: {volumes: null}").is_err());
        assert!(compared("spec: {hosts: [e]}").is_err());
        assert!(compare(&[serde_json::json!({"kind": "Job"})], rendered).unwrap_err().contains("no \"Job\""));
    }
}
