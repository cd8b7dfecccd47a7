//! Addons: a directory `manifests/addons/<name>/` with manifests, and the checks that show whether the addon
//! works.

use std::collections::BTreeMap;

use kube::core::DynamicObject;

use crate::checks::Spec;
use crate::cluster::Need;
use crate::config::{Document, Fields, Profile, Versions};
use crate::data::{Data, Text};
use crate::deploy::objects;
use crate::error::{Error, Result};
use crate::quantity::{parse_bytes, parse_milli};

const FOLDER: &str = "manifests/addons";
const IMAGE: &str = "{image:";

#[derive(Debug)]
pub struct Addon {
    pub name: String,
    pub title: String,
    /// For objects without a namespace, and for its checks.
    pub namespace: String,
    /// Names of the images that its manifests refer to as `{image:NAME}`.
    pub images: Vec<String>,
    /// It works when all of these pass. They use `namespace` unless they specify another.
    pub ready: Vec<Spec>,
    /// Its manifests, with versions filled in, but not images.
    manifests: Vec<Text>,
}

impl Addon {
    /// The names of all addons in `data`.
    pub fn names(data: &Data) -> Vec<String> {
        let exists = |name: &String| matches!(data.read(&format!("{FOLDER}/{name}/addon.toml")), Ok(Some(_)));
        data.list(FOLDER).into_iter().filter(exists).collect()
    }

    /// Reads the addons that `profile` names.
    pub fn load_all(data: &Data, versions: &Versions, profile: &Profile) -> Result<Vec<Self>> {
        profile.addons.iter().map(|name| Self::load(data, versions, name)).collect()
    }

    /// Reads the addon `name`. Fails if the images in `addon.toml` and in the manifests differ.
    pub fn load(data: &Data, versions: &Versions, name: &str) -> Result<Self> {
        let folder = format!("{FOLDER}/{name}");
        let Some(text) = data.read(&format!("{folder}/addon.toml"))? else {
            return Err(Error::usage(format!("there is no addon `{name}`"))
                .because(format!("the addons are: {}", Self::names(data).join(", ")))
                .help("fix `addons` in the profile"));
        };
        let mut addon = Document::parse(&text.origin, &text.text)?.read(|fields| read(fields, name))?;
        for file in data.list(&folder).iter().filter(|file| is_manifest(file)) {
            if let Some(Text { origin, text }) = data.read(&format!("{folder}/{file}"))? {
                addon.manifests.push(Text { origin, text: versions.fill(&text) });
            }
        }
        if addon.manifests.is_empty() {
            return Err(Error::failed(format!("addon `{name}` has no manifest in {folder}/")));
        }
        addon.agree()?;
        Ok(addon)
    }

    /// The objects with `images` (name → reference) filled in. An image without a reference, or any other
    /// placeholder, is an error.
    pub fn objects(&self, images: &BTreeMap<String, String>) -> Result<Vec<DynamicObject>> {
        let mut all = Vec::new();
        for manifest in &self.manifests {
            let found = objects(&fill(manifest, images)?);
            all.extend(found.map_err(|error| error.context(format!("cannot use {}", manifest.origin)))?);
        }
        Ok(all)
    }

    /// The requests of its pods on one node.
    pub fn need(&self) -> Result<Need> {
        let mut sum = Need::default();
        for manifest in &self.manifests {
            let wrong = |error: Error| error.context(format!("cannot use {}", manifest.origin));
            for object in objects(&manifest.text).map_err(wrong)? {
                let spec = &object.data["spec"];
                let pods = spec["replicas"].as_u64().and_then(|pods| u32::try_from(pods).ok()).unwrap_or(1);
                sum = sum + pod_need(&spec["template"]["spec"]).map_err(wrong)?.times(pods);
            }
        }
        Ok(sum)
    }

    /// Fails if the images in `addon.toml` and in the manifests differ.
    fn agree(&self) -> Result<()> {
        let used: Vec<&str> = self.manifests.iter().flat_map(|manifest| asked(&manifest.text)).collect();
        let mut error = Error::usage(format!("addon `{}` is not valid", self.name));
        for name in used.iter().filter(|name| !self.images.iter().any(|image| image == *name)) {
            error = error.because(format!("its manifests use image `{name}`, which `images` does not list"));
        }
        for name in self.images.iter().filter(|image| !used.contains(&image.as_str())) {
            error = error.because(format!("`images` lists `{name}`, which no manifest uses"));
        }
        if error.causes().is_empty() {
            return Ok(());
        }
        Err(error.help(format!("fix {FOLDER}/{}/addon.toml", self.name)))
    }
}

fn read(fields: &mut Fields<'_, '_>, name: &str) -> Option<Addon> {
    let (title, namespace) = (fields.string("title"), fields.string("namespace"));
    let images = fields.strings("images");
    let ready = fields.tables("ready", Spec::read);
    if !fields.has("ready") {
        fields.problem("ready", "must contain a check that shows that the addon works");
    }
    let (name, manifests) = (name.to_owned(), Vec::new());
    Some(Addon { name, title: title?, namespace: namespace?, images, ready, manifests })
}

/// The requests of a pod's containers; zero without `spec`.
fn pod_need(spec: &serde_json::Value) -> Result<Need> {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut sum = Need::default();
    for container in containers {
        let amount = |key: &str, parse: fn(&str) -> Result<u64, String>| {
            let value = &container["resources"]["requests"][key];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let amount = if value.is_null() { Ok(0) } else { parse(&text) };
            amount.map_err(|why| {
                Error::usage(format!("`resources.requests.{key}` of container {} {why}", container["name"]))
            })
        };
        sum = sum + Need { cpu: amount("cpu", parse_milli)?, memory: amount("memory", parse_bytes)? };
    }
    Ok(sum)
}

fn is_manifest(file: &str) -> bool {
    let extension = std::path::Path::new(file).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The names of the images that `text` refers to.
fn asked(text: &str) -> impl Iterator<Item = &str> {
    let from = text.match_indices(IMAGE).map(|(start, _)| &text[start + IMAGE.len()..]);
    from.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn fill(manifest: &Text, images: &BTreeMap<String, String>) -> Result<String> {
    let mut text = manifest.text.clone();
    for (name, reference) in images {
        text = text.replace(&format!("{IMAGE}{name}}}"), reference);
    }
    let Some((line, placeholder)) = text.lines().enumerate().find_map(|(index, line)| {
        // Comments do not matter.
        let left = placeholder(line).filter(|_| !line.trim_start().starts_with('#'));
        left.map(|placeholder| (index + 1, placeholder))
    }) else {
        return Ok(text);
    };
    Err(Error::failed(format!(
        "{}:{line}: there is no value for the placeholder `{placeholder}`",
        manifest.origin
    )))
}

/// The first `{image:…}` or `{some-name}` of a line; YAML's own `{key: value}` is not a placeholder.
fn placeholder(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        let end = rest.find('}')?;
        let inner = &rest[1..end];
        let name = inner.strip_prefix("image:").unwrap_or(inner);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) {
            return Some(&rest[..=end]);
        }
        rest = &rest[1..];
    }
    None
}

#[cfg(test)]
mod tests {
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
            assert!(addon.objects(&all).unwrap().len() > 1, "{name}");
            let kinds: Vec<&str> = addon.ready.iter().map(|spec| spec.kind).collect();
            assert!(kinds.contains(&"rollout") && kinds.len() > 1, "{name} proves more than its rollout");
        }
    }

    #[test]
    fn images_and_versions_are_filled_in() {
        let addon = load(TOML, YAML).unwrap();
        let objects = addon.objects(&images(&[("web", "web:1.2"), ("other", "x")])).unwrap();
        assert_eq!(objects[0].data["spec"]["containers"][0]["image"], "web:1.2");
        assert!(!objects[0].metadata.labels.as_ref().unwrap()["v"].contains('{'));
    }

    #[test]
    fn requests_are_summed_from_the_manifests() {
        let yaml = |cpu: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: 2, template: \
                 {{spec: {{containers: [{{name: web, image: \"{{image:web}}\", resources: {{requests: \
                 {{cpu: {cpu}, memory: 1Mi}}}}}}, {{name: side}}]}}}}}}\n"
            )
        };
        let need = load(TOML, &yaml("0.1")).unwrap().need().unwrap();
        assert_eq!(need, Need { cpu: 200, memory: 2 << 20 });
        let error = load(TOML, &yaml("much")).unwrap().need().unwrap_err();
        assert!(error.to_string().contains("web.yaml") && error.to_string().contains("`much`"), "{error}");
    }

    #[test]
    fn a_placeholder_that_is_left_is_an_error() {
        let addon = load(TOML, YAML).unwrap();
        let error = addon.objects(&images(&[])).unwrap_err();
        assert!(error.what().contains("web.yaml:4") && error.what().contains("`{image:web}`"), "{error}");
        let addon = load(TOML, &YAML.replace("{kubernetes}", "{no-version}")).unwrap();
        let error = addon.objects(&images(&[("web", "web:1")])).unwrap_err();
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
}
