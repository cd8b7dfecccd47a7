//! Addons of the program, what is wrong with others, and what their manifests become.

use super::*;

const TOML: &str = "title = \"t\"\nnamespace = \"ns\"\nimages = [\"web\"]\n[[ready]]\nid = \"web-up\"\ntitle = \"t\"\nkind = \"rollout\"\nobject = \"Deployment\"\nname = \"web\"\n";
const YAML: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {v: \"{kubernetes}\"}}\nspec: {containers: [{name: web, image: \"{image:web}\"}]}\n";

fn load(toml: &str, yaml: &str) -> Result<Addon> {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER).join("mine");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("addon.toml"), toml).unwrap();
    std::fs::write(folder.join("web.yaml"), yaml).unwrap();
    let data = Data::new(Some(dir.path().to_owned()));
    Addon::load(&data, &Versions::load(&data).unwrap(), "mine")
}

fn images(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, reference)| ((*name).to_owned(), (*reference).to_owned())).collect()
}

#[test]
fn every_embedded_addon_loads_and_its_objects_are_whole() {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    assert!(!Addon::names(&data).is_empty());
    for name in Addon::names(&data) {
        let addon = Addon::load(&data, &versions, &name).unwrap();
        let all: BTreeMap<String, String> =
            addon.images.iter().map(|image| (image.clone(), format!("{image}:1"))).collect();
        assert!(addon.objects(&all, 443).unwrap().len() > 1, "{name}");
        let kinds: Vec<&str> = addon.ready.iter().map(|spec| spec.kind).collect();
        assert!(kinds.contains(&"rollout") && kinds.len() > 1, "{name} proves more than its rollout");
    }
}

/// Network policies let in the pods with `pods`, and the class exists once the addon is applied.
#[test]
fn every_embedded_ingress_controller_is_as_it_says() {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    let mut classes = Vec::new();
    for name in Addon::names(&data) {
        let addon = Addon::load(&data, &versions, &name).unwrap();
        let Some(controller) = &addon.ingress else { continue };
        let images = addon.images.iter().map(|image| (image.clone(), "i:1".to_owned())).collect();
        let objects = addon.objects(&images, 443).unwrap();
        let of = |kind: &str| {
            let of_kind = |object: &&DynamicObject| object.types.as_ref().is_some_and(|t| t.kind == kind);
            objects.iter().find(of_kind).unwrap_or_else(|| panic!("{name} has a {kind}")).clone()
        };
        assert_eq!(of("IngressClass").metadata.name.as_ref(), Some(&controller.class));
        let workload = of("DaemonSet");
        let template = &workload.data["spec"]["template"];
        for (label, value) in &controller.pods {
            assert_eq!(template["metadata"]["labels"][label], *value, "{name}");
        }
        assert_eq!(workload.metadata.namespace.as_ref(), Some(&addon.namespace));
        let ports = template["spec"]["containers"].as_array().unwrap().iter().flat_map(|container| {
            container["ports"].as_array().into_iter().flatten().filter_map(|port| port["hostPort"].as_u64())
        });
        assert_eq!(ports.collect::<Vec<_>>(), [80, 443], "{name}");
        classes.push(controller.class.clone());
    }
    assert!(classes.len() > 1, "{classes:?}");
}

#[test]
fn a_profile_has_one_ingress_controller_and_its_class() {
    let data = Data::default();
    let versions = Versions::load(&data).unwrap();
    let load = |text: &str| {
        let text = Text { origin: "p.toml".to_owned(), text: format!("provider = \"kind\"\n{text}\n") };
        Addon::load_all(&data, &versions, &Profile::parse("p", &text).unwrap())
    };
    let names = Addon::names(&data).into_iter();
    let controllers: Vec<String> =
        names.filter(|name| Addon::load(&data, &versions, name).unwrap().ingress.is_some()).collect();
    let [one, two, ..] = controllers.as_slice() else { panic!("{controllers:?}") };
    for name in &controllers {
        load(&format!("addons = [\"metrics-server\", \"{name}\"]")).unwrap();
        load(&format!("addons = [\"{name}\"]\ningress-class = \"{name}\"")).unwrap();
    }
    load("addons = [\"metrics-server\"]\ningress-class = \"mine\"").unwrap();
    load("").unwrap();
    let error = load(&format!("addons = [\"{one}\", \"{two}\"]")).unwrap_err().to_string();
    assert!(error.contains(&format!("{one} and {two} use the same ports")), "{error}");
    assert!(error.contains("help:"), "{error}");
    let error = load(&format!("addons = [\"{one}\"]\ningress-class = \"{two}\"")).unwrap_err().to_string();
    assert!(error.contains(&format!("serves the class `{one}`")) && error.contains("help:"), "{error}");
}

#[test]
fn images_and_versions_are_filled_in() {
    let addon = load(TOML, YAML).unwrap();
    let objects = addon.objects(&images(&[("web", "web:1.2"), ("other", "x")]), 443).unwrap();
    assert_eq!(objects[0].data["spec"]["containers"][0]["image"], "web:1.2");
    assert!(!objects[0].metadata.labels.as_ref().unwrap()["v"].contains('{'));
}

#[test]
fn requests_are_summed_from_the_manifests() {
    let yaml = |kind: &str, cpu: &str| {
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec: {{replicas: 2, template: \
             {{spec: {{containers: [{{name: web, image: \"{{image:web}}\", resources: {{requests: \
             {{cpu: {cpu}, memory: 1Mi}}}}}}, {{name: side}}]}}}}}}\n"
        )
    };
    let overhead = |kind: &str, cpu: &str| {
        let mut overhead = Overhead::default();
        load(TOML, &yaml(kind, cpu)).unwrap().add_to(&mut overhead).map(|()| overhead)
    };
    let pod = Need { cpu: 100, memory: 1 << 20 };
    assert_eq!(overhead("Deployment", "0.1").unwrap().pods, [(pod, 2)]);
    assert_eq!(
        overhead("DaemonSet", "0.1").unwrap(),
        Overhead { control_plane: pod, worker: pod, pods: Vec::new() }
    );
    let error = overhead("Deployment", "much").unwrap_err();
    assert!(error.to_string().contains("web.yaml") && error.to_string().contains("`much`"), "{error}");
}

#[test]
fn a_placeholder_that_is_left_is_an_error() {
    let addon = load(TOML, YAML).unwrap();
    let error = addon.objects(&images(&[]), 443).unwrap_err();
    assert!(error.what().contains("web.yaml:4") && error.what().contains("`{image:web}`"), "{error}");
    let addon = load(TOML, &YAML.replace("{kubernetes}", "{no-version}")).unwrap();
    let error = addon.objects(&images(&[("web", "web:1")]), 443).unwrap_err();
    assert!(error.what().contains("`{no-version}`"), "{error}");
}

#[test]
fn only_names_in_braces_are_placeholders() {
    assert_eq!(placeholder("a: {b: c, d: {e-f: 1}}"), None);
    assert_eq!(placeholder("r: '[0-9]{2}' {}"), None);
    assert_eq!(placeholder("a: {b: '{c-d}'}"), Some("{c-d}"));
}

#[test]
fn description_and_manifests_must_agree() {
    let error = load(&TOML.replace("[\"web\"]", "[\"wbe\"]"), YAML).unwrap_err().to_string();
    assert!(error.contains("use image `web`") && error.contains("lists `wbe`"), "{error}");
}

#[test]
fn all_mistakes_of_a_description_are_named() {
    let error = load("titel = \"t\"\n[[ready]]\nkind = \"http\"\n", YAML).unwrap_err().to_string();
    for part in
        ["did you mean `title`?", "`namespace` is missing", "`ready[0].id` is missing", "`ready[0].via`"]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn an_unknown_addon_lists_the_known_ones() {
    let data = Data::default();
    let error = Addon::load(&data, &Versions::load(&data).unwrap(), "none").unwrap_err();
    assert!(error.to_string().contains("the addons are: "), "{error}");
}
