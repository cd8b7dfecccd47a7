//! What the registry knows about an image.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::registry::Registry;
use crate::task::Task;

#[derive(Debug)]
pub(super) struct InRegistry {
    /// `sha256:…` of the manifest.
    pub(super) digest: String,
    labels: BTreeMap<String, String>,
    /// Bytes of all layers, as they are stored.
    pub(super) size: u64,
}

impl InRegistry {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    config: Settings,
}

#[derive(Deserialize, Default)]
struct Settings {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// `reference` is a tag or a digest; `None` if there is no such image.
pub(super) fn look_up(
    task: &Task<'_>,
    registry: &Registry,
    repository: &str,
    reference: &str,
) -> Result<Option<InRegistry>> {
    let Some(manifest) = registry.manifest(task, repository, reference)? else { return Ok(None) };
    // Without its configuration it is of no use: it is built and pushed again.
    let Some(text) = registry.config(task, repository, &manifest)? else { return Ok(None) };
    let config: Config = serde_json::from_slice(&text).map_err(|error| {
        Error::failed(format!("the configuration of {repository}:{reference} is not readable"))
            .because(error)
            .help("todo-bootstrap up")
    })?;
    let size = manifest.layers().iter().map(|layer| layer.size).sum();
    let labels = config.config.labels.unwrap_or_default();
    Ok(Some(InRegistry { digest: manifest.digest(), labels, size }))
}
