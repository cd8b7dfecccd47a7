//! The application's images in the registry, for people and programs.

use serde::Serialize;

use super::labels::{INPUTS_LABEL, TARGET_LABEL};
use super::look::{InRegistry, look_up};
use super::{Order, TAG_LABEL, inputs_hash, probe};
use crate::error::Result;
use crate::local_registry::Stored;
use crate::registry::Registry;
use crate::task::Task;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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

/// An image that is built from the project, if need be of older sources.
pub fn list(task: &Task<'_>, registry: &Registry, order: &Order<'_>) -> Result<Listed> {
    let (name, repository) = (&order.spec.name, order.repository());
    let why = probe(task, registry, order)?.err();
    let tag = if why.is_none() { super::tag::input_tag(&inputs_hash(order)?) } else { order.newest_tag() };
    let Some(image) = look_up(task, registry, &repository, &tag)? else {
        return Ok(absent(name, why.unwrap_or_default()));
    };
    let tag = image.label(TAG_LABEL).unwrap_or(&tag).to_owned();
    let stored = Stored { repository, tag, digest: image.digest.clone() };
    Ok(Listed { current: why.is_none(), why, ..there(name, image, stored) })
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
    Ok(match look_up(task, registry, &stored.repository, &stored.digest)? {
        Some(image) => there(name, image, stored),
        None => absent(name, format!("the registry has no {stored}")),
    })
}

fn there(name: &str, image: InRegistry, stored: Stored) -> Listed {
    let label = |key| image.label(key).map(str::to_owned);
    Listed {
        name: name.to_owned(),
        reference: Some(stored.in_cluster()),
        inputs: label(INPUTS_LABEL),
        target: label(TARGET_LABEL),
        digest: Some(image.digest),
        size: Some(image.size),
        current: true,
        why: None,
        stored: Some(stored),
    }
}

pub fn absent(name: &str, why: String) -> Listed {
    Listed { name: name.to_owned(), why: Some(why), ..Listed::default() }
}
