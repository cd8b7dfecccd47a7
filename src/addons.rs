//! Addons: a directory `manifests/addons/<name>/` with manifests, and the checks that show whether the addon
//! works.

use std::collections::BTreeMap;

use kube::core::DynamicObject;

use crate::checks::Spec;
use crate::cluster::{Need, Overhead};
use crate::config::{Document, Fields, Profile, Versions};
use crate::data::{Data, Text};
use crate::deploy::{ObjectRef, objects, replicas};
use crate::error::{Error, Result};

const FOLDER: &str = "manifests/addons";
const IMAGE: &str = "{image:";
/// The port of this machine on which the ingress controller answers with TLS.
const HTTPS_PORT: &str = "{https-port}";

#[derive(Debug)]
pub struct Addon {
    pub name: String,
    pub title: String,
    /// For objects without a namespace, and for its checks.
    pub namespace: String,
    /// Names of the images that its manifests refer to as `{image:NAME}`.
    pub images: Vec<String>,
    /// Set if it is an ingress controller.
    pub ingress: Option<IngressController>,
    /// It works when all of these pass. They use `namespace` unless they specify another.
    pub ready: Vec<Spec>,
    /// Its manifests, with versions filled in, but not images.
    manifests: Vec<Text>,
}

/// What applications need to know of an ingress controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressController {
    /// The ingress class that it serves.
    pub class: String,
    /// The labels of its pods, in the namespace of the addon: network policies let them in.
    pub pods: BTreeMap<String, String>,
    /// Annotations that the Ingress of an application gets.
    pub annotations: BTreeMap<String, String>,
    /// Further ones of an application with TLS: requests without it are redirected.
    pub secure_annotations: BTreeMap<String, String>,
}

impl Addon {
    /// The names of all addons in `data`.
    pub fn names(data: &Data) -> Vec<String> {
        let exists = |name: &String| matches!(data.read(&format!("{FOLDER}/{name}/addon.toml")), Ok(Some(_)));
        data.list(FOLDER).into_iter().filter(exists).collect()
    }

    /// Reads the addons that `profile` names. Fails if they do not fit together.
    pub fn load_all(data: &Data, versions: &Versions, profile: &Profile) -> Result<Vec<Self>> {
        let all = profile.addons.iter().map(|name| Self::load(data, versions, name));
        let all = all.collect::<Result<Vec<Self>>>()?;
        fit(&all, profile)?;
        Ok(all)
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

    /// The objects with `images` (name → reference) and the port for TLS filled in. An image without a reference, or
    /// any other placeholder, is an error.
    pub fn objects(&self, images: &BTreeMap<String, String>, https: u16) -> Result<Vec<DynamicObject>> {
        let mut all = Vec::new();
        for manifest in &self.manifests {
            all.extend(parsed(manifest, &fill(manifest, images, https)?)?);
        }
        Ok(all)
    }

    /// What identifies its objects in the cluster.
    pub fn references(&self) -> Result<Vec<ObjectRef>> {
        let mut all = Vec::new();
        for manifest in &self.manifests {
            let found = parsed(manifest, &manifest.text)?;
            all.extend(found.iter().map(|object| ObjectRef::of(object, &self.namespace)));
        }
        Ok(all)
    }

    /// Adds the requests of its pods.
    pub fn add_to(&self, overhead: &mut Overhead) -> Result<()> {
        for manifest in &self.manifests {
            for object in parsed(manifest, &manifest.text)? {
                let pod = Need::of_pod(&object.data["spec"]["template"]["spec"]);
                let pod = pod.map_err(|error| unusable(manifest, error))?;
                if object.types.as_ref().is_some_and(|types| types.kind == "DaemonSet") {
                    overhead.add_to_each_node(pod);
                } else if pod != Need::default() {
                    overhead.pods.push((pod, replicas(&object)));
                }
            }
        }
        Ok(())
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

/// The objects in the text of a manifest.
fn parsed(manifest: &Text, text: &str) -> Result<Vec<DynamicObject>> {
    objects(text).map_err(|error| unusable(manifest, error))
}

fn unusable(manifest: &Text, error: Error) -> Error {
    error.context(format!("cannot use {}", manifest.origin))
}

fn read(fields: &mut Fields<'_, '_>, name: &str) -> Option<Addon> {
    let (title, namespace) = (fields.string("title"), fields.string("namespace"));
    let images = fields.strings("images");
    let ingress = fields.opt_table("ingress", |fields| {
        let (pods, annotations) = (fields.string_map("pods"), fields.string_map("annotations"));
        if pods.is_empty() {
            fields.problem("pods", "must contain a label of the pods of the ingress controller");
        }
        let secure_annotations = fields.string_map("secure-annotations");
        let class = fields.string("class")?;
        Some(IngressController { class, pods, annotations, secure_annotations })
    });
    let ready = fields.tables("ready", Spec::read);
    if !fields.has("ready") {
        fields.problem("ready", "must contain a check that shows that the addon works");
    }
    let (name, manifests) = (name.to_owned(), Vec::new());
    Some(Addon { name, title: title?, namespace: namespace?, images, ingress, ready, manifests })
}

/// Fails if several addons are ingress controllers, because they use the same ports, or if the profile names another
/// ingress class than that of its ingress controller.
fn fit(addons: &[Addon], profile: &Profile) -> Result<()> {
    let controllers: Vec<(&str, &str)> = addons
        .iter()
        .filter_map(|addon| Some((addon.name.as_str(), addon.ingress.as_ref()?.class.as_str())))
        .collect();
    let names = |separator: &str| controllers.iter().map(|one| one.0).collect::<Vec<_>>().join(separator);
    match (controllers.as_slice(), &profile.ingress_class) {
        ([_, _, ..], _) => {
            Err(Error::usage(format!("profile `{}` has more than one ingress controller", profile.name))
                .because(format!("the addons {} use the same ports of the node", names(" and ")))
                .help(format!("remove all but one of {} from `addons` in the profile", names(", "))))
        }
        ([(name, class)], Some(asked)) if class != asked => {
            Err(Error::usage(format!("profile `{}` asks for the ingress class `{asked}`", profile.name))
                .because(format!("its ingress controller, the addon `{name}`, serves the class `{class}`"))
                .help(format!("set ingress-class = \"{class}\" in the profile, or remove that line")))
        }
        _ => Ok(()),
    }
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

fn fill(manifest: &Text, images: &BTreeMap<String, String>, https: u16) -> Result<String> {
    let mut text = manifest.text.replace(HTTPS_PORT, &https.to_string());
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
mod tests;
