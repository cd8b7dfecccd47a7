//! The application's images in the registry, for people and programs.

use serde::Serialize;

use super::labels::{INPUTS_LABEL, TARGET_LABEL};
use super::look::look_up;
use super::{Order, TAG_LABEL, inputs_hash, probe};
use crate::error::Result;
use crate::local_registry::Stored;
use crate::registry::Registry;
use crate::task::Task;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: String,
    /// What pods are given; `None` if the registry has none.
    pub reference: Option<String>,
    pub digest: Option<String>,
    /// Bytes of the layers in the registry, compressed where they are.
    pub size: Option<u64>,
    /// The hash of what it was built from; `None` for an image that is used as it is.
    pub inputs: Option<String>,
    pub target: Option<String>,
    /// Whether it is what `up` would deploy now, and why not where it is not.
    pub current: bool,
    pub why: Option<String>,
    /// Where it is, for those who read it.
    #[serde(skip)]
    pub stored: Option<Stored>,
}

/// An image that is built from the project; where the sources changed, what was built of the old ones
/// is shown.
pub fn list(task: &Task<'_>, registry: &Registry, order: &Order<'_>) -> Result<Listed> {
    let (name, repository) = (&order.spec.name, order.repository());
    let why = probe(task, registry, order)?.err();
    let tag = if why.is_none() { super::tag::input_tag(&inputs_hash(order)?) } else { order.newest_tag() };
    let Some(image) = look_up(task, registry, &repository, &tag)? else {
        return Ok(absent(name, why.unwrap_or_default()));
    };
    let tag = image.label(TAG_LABEL).unwrap_or(&tag).to_owned();
    let stored = Stored { repository, tag, digest: image.digest.clone() };
    Ok(Listed {
        reference: Some(stored.in_cluster()),
        size: Some(image.size),
        inputs: image.label(INPUTS_LABEL).map(str::to_owned),
        target: image.label(TARGET_LABEL).map(str::to_owned),
        current: why.is_none(),
        why,
        digest: Some(image.digest),
        stored: Some(stored),
        ..absent(name, String::new())
    })
}

/// An image that is used as it is: where it is, or why it is not there.
pub fn ready(
    task: &Task<'_>,
    registry: &Registry,
    name: &str,
    found: Result<Stored, String>,
) -> Result<Listed> {
    let stored = match found {
        Ok(stored) => stored,
        Err(why) => return Ok(absent(name, why)),
    };
    let Some(image) = look_up(task, registry, &stored.repository, &stored.digest)? else {
        return Ok(absent(name, format!("the registry has no {stored}")));
    };
    Ok(Listed {
        reference: Some(stored.in_cluster()),
        digest: Some(image.digest),
        size: Some(image.size),
        current: true,
        why: None,
        stored: Some(stored),
        ..absent(name, String::new())
    })
}

/// An image that is not there, and why.
pub fn absent(name: &str, why: String) -> Listed {
    let name = name.to_owned();
    Listed {
        name,
        reference: None,
        digest: None,
        size: None,
        inputs: None,
        target: None,
        current: false,
        why: Some(why),
        stored: None,
    }
}
