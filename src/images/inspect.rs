//! What the engine says of an image.

use std::collections::BTreeMap;

use super::labels::{INPUTS_LABEL, REFERENCE_LABEL};
use super::{Built, Order};
use crate::engine::Engine;
use crate::error::Result;
use crate::task::Task;

#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) id: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) tags: Vec<String>,
    /// Bytes, as the engine counts them.
    pub(super) size: Option<u64>,
}

impl Inspected {
    /// As a result, if it was made of `inputs` and still has the reference that it was given.
    pub(super) fn current(&self, order: &Order<'_>, inputs: &str) -> Result<Built, String> {
        if self.labels.get(INPUTS_LABEL).is_none_or(|own| own != inputs) {
            return Err("its sources or its base image changed".to_owned());
        }
        let (name, id) = (order.spec.name.clone(), self.id.clone());
        match self.reference() {
            Some(reference) => Ok(Built { name, reference, id, built: false }),
            None => Err("its tag is gone from the engine".to_owned()),
        }
    }

    /// The reference that it was given, if it still has it.
    pub(super) fn reference(&self) -> Option<String> {
        self.labels.get(REFERENCE_LABEL).filter(|reference| self.tags.contains(reference)).cloned()
    }
}

/// Id, labels, tags and size by one process, as this is asked in every run.
pub(super) fn inspect(task: &Task<'_>, engine: &Engine, reference: &str) -> Result<Option<Inspected>> {
    const FORMAT: &str = "{{.Id}}\n{{json .Config.Labels}}\n{{json .RepoTags}}\n{{.Size}}";
    let cmd = engine.cmd(format!("look for the image {reference}"));
    let output = task.run(&cmd.args(["image", "inspect", "--format", FORMAT, reference]).any_status())?;
    let text = output.text();
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let (Some(id), true) = (lines.next(), output.ok()) else { return Ok(None) };
    let labels: Option<BTreeMap<String, String>> =
        lines.next().and_then(|line| serde_json::from_str(line).ok()).flatten();
    let tags: Option<Vec<String>> = lines.next().and_then(|line| serde_json::from_str(line).ok()).flatten();
    let size = lines.next().and_then(|line| line.trim().parse().ok());
    let id = if id.starts_with("sha256:") { id.to_owned() } else { format!("sha256:{id}") };
    Ok(Some(Inspected { id, labels: labels.unwrap_or_default(), tags: tags.unwrap_or_default(), size }))
}
