//! `manifests/images.toml`: where images are published.

use std::collections::BTreeMap;

use crate::config::{Document, Fields, Versions};
use crate::data::Data;
use crate::error::Result;

const FILE: &str = "manifests/images.toml";

/// References by image name, versions filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Published {
    references: BTreeMap<String, String>,
}

impl Published {
    pub(super) fn load(data: &Data, versions: &Versions) -> Result<Self> {
        let Some(text) = data.read(FILE)? else { return Ok(Self::default()) };
        Document::parse(&text.origin, &text.text)?.read(|fields| Some(read(fields, versions)))
    }

    pub(super) fn reference(&self, name: &str) -> Option<&str> {
        self.references.get(name).map(String::as_str)
    }
}

fn read(fields: &mut Fields<'_, '_>, versions: &Versions) -> Published {
    let mut references = BTreeMap::new();
    for name in fields.keys() {
        let reference = fields.opt_table(&name, |image| {
            let reference = versions.fill(&image.string("download")?);
            if reference.contains(['{', '}']) {
                image.problem("download", format!("names a version that is not known: {reference}"));
            }
            Some(reference)
        });
        references.extend(reference.map(|reference| (name, reference)));
    }
    Published { references }
}

/// Whether what a reference names cannot change.
pub(super) fn is_pinned(reference: &str) -> bool {
    let digest = reference.split_once("@sha256:").map(|(_, digest)| digest);
    digest.is_some_and(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The host that serves a reference.
pub(super) fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host != "docker.io" && (host.contains(['.', ':']) || host == "localhost") => host,
        _ => "registry-1.docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_pinned_and_of_the_version_that_versions_toml_names() {
        let data = Data::default();
        let versions = Versions::load(&data).unwrap();
        let published = Published::load(&data, &versions).unwrap();
        let node = published.reference("node").unwrap();
        assert!(is_pinned(node), "{node}");
        assert!(node.contains(&format!(":v{}@", versions.get("kubernetes-image").unwrap())), "{node}");
        assert!(!is_pinned(published.reference("python").unwrap()));
    }

    #[test]
    fn the_registry_is_the_host_that_is_asked() {
        assert_eq!(registry("docker.io/kindest/node:v1"), "registry-1.docker.io");
        assert_eq!(registry("python:3"), "registry-1.docker.io");
        assert_eq!(registry("registry.k8s.io/pause:3"), "registry.k8s.io");
    }
}
