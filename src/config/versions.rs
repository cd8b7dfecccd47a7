//! `versions.toml`: the one place for versions that must fit together.

use std::collections::BTreeMap;

use super::reader::Document;
use crate::data::Data;
use crate::error::{Error, Result};

/// Versions by key; `{key}` in data files stands for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    map: BTreeMap<String, String>,
}

impl Versions {
    pub fn load(data: &Data) -> Result<Self> {
        let text = data.read("versions.toml")?.ok_or_else(|| Error::failed("versions.toml is missing"))?;
        let map =
            Document::parse(&text.origin, &text.text)?.read(|fields| Some(fields.string_map("versions")))?;
        Ok(Self { map })
    }

    pub fn get(&self, key: &str) -> Result<&str> {
        let found = self.map.get(key).map(String::as_str);
        found.ok_or_else(|| Error::failed(format!("versions.toml has no version `{key}`")))
    }

    /// All versions with their keys, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.map.iter().map(|(key, version)| (key.as_str(), version.as_str()))
    }

    /// `text` with each `{key}` that is a version replaced; other braces stay as they are.
    pub fn fill(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (key, value) in &self.map {
            out = out.replace(&format!("{{{key}}}"), value);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_is_within_one_minor_of_the_cluster() {
        let versions = Versions::load(&Data::default()).unwrap();
        let version = |key: &str| semver::Version::parse(versions.get(key).unwrap()).unwrap();
        let (cluster, kubectl) = (version("kubernetes"), version("kubectl"));
        assert!(kubectl.minor.abs_diff(cluster.minor) <= 1, "kubectl {kubectl} does not fit {cluster}");
        assert_eq!(kubectl.major, cluster.major);
        assert_eq!(versions.get("kubernetes-minor").unwrap(), cluster.minor.to_string());
    }

    #[test]
    fn fills_only_known_keys() {
        let versions = Versions::load(&Data::default()).unwrap();
        let kubernetes = versions.get("kubernetes").unwrap();
        assert_eq!(versions.fill("v{kubernetes} {other}"), format!("v{kubernetes} {{other}}"));
    }
}
