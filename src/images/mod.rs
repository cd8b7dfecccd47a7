//! The application's images: build, push to the local registry, list, describe, scan. A tag in the registry is the
//! hash of all inputs; an image that is already there is not built.

mod context;
mod ignore;
mod labels;
mod list;
mod look;
mod order;
pub mod sbom;
pub mod scan;
mod tag;

pub use context::inputs_hash;
pub use labels::{INPUTS_LABEL, TAG_LABEL, TARGET_LABEL};
pub use list::{Listed, absent, list, ready};
pub use order::Order;
pub use tag::{repository, tag};

use crate::config::BASE_ARG;
use crate::engine::{Build, Engine};
use crate::error::{Error, Result};
use crate::local_registry::Stored;
use crate::registry::Registry;
use crate::task::Task;
use look::{InRegistry, look_up};

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Built {
    pub name: String,
    pub stored: Stored,
    /// `false` if it was there already.
    pub built: bool,
}

/// The image, if the registry has it with today's inputs, else why it has to be built.
pub fn probe(task: &Task<'_>, registry: &Registry, order: &Order<'_>) -> Result<Result<Built, String>> {
    let inputs = inputs_hash(order)?;
    current(task, registry, order, &inputs)
}

fn current(
    task: &Task<'_>,
    registry: &Registry,
    order: &Order<'_>,
    inputs: &str,
) -> Result<Result<Built, String>> {
    let repository = order.repository();
    let Some(image) = look_up(task, registry, &repository, &tag::input_tag(inputs))? else {
        let built_before = registry.digest(task, &repository, &order.newest_tag())?.is_some();
        return Ok(Err(if built_before {
            "its sources or its base image changed".to_owned()
        } else {
            format!("{repository} was not built yet")
        }));
    };
    // The tag has half of the hash; the label has all of it.
    if image.label(INPUTS_LABEL) != Some(inputs) {
        return Ok(Err(format!("{repository} was built from other inputs than its tag indicates")));
    }
    if !registry.complete(task, &repository, &image.digest)? {
        return Ok(Err(format!("the registry lost a part of {repository}")));
    }
    Ok(match image.label(TAG_LABEL) {
        None => Err(format!("{repository} has no tag of its own")),
        Some(tag) => {
            let stored = Stored { tag: tag.to_owned(), digest: image.digest.clone(), repository };
            Ok(Built { name: order.spec.name.clone(), stored, built: false })
        }
    })
}

/// Takes up an image that was built elsewhere and pushed; `Err` says why it is not what would be built now.
pub fn adopt(
    task: &Task<'_>,
    registry: &Registry,
    order: &Order<'_>,
    digest: &str,
) -> Result<Result<Built, String>> {
    let inputs = inputs_hash(order)?;
    name(task, registry, order, &inputs, digest)?;
    current(task, registry, order, &inputs)
}

/// Gives the image the tags by which it is found: that of its inputs, and the newest one.
fn name(task: &Task<'_>, registry: &Registry, order: &Order<'_>, inputs: &str, digest: &str) -> Result<()> {
    let repository = order.repository();
    for tag in [tag::input_tag(inputs), order.newest_tag()] {
        registry.tag(task, &repository, digest, &tag)?;
    }
    Ok(())
}

/// Builds the image and pushes it, unless the registry has it with today's inputs.
pub fn build(task: &Task<'_>, engine: &Engine, registry: &Registry, order: &Order<'_>) -> Result<Built> {
    let inputs = inputs_hash(order)?;
    if let Ok(built) = current(task, registry, order, &inputs)? {
        return Ok(built);
    }
    let (spec, repository) = (order.spec, order.repository());
    let commit = tag::commit(task, &spec.context);
    let tag = unused_tag(task, registry, order, commit.as_ref(), &inputs)?;
    let reference = format!("{}/{repository}:{tag}", registry.authority());
    task.say(format!("building {repository}:{tag}"));
    let meaning = order.meaning()?;
    let base = order.base.map(|base| (BASE_ARG.to_owned(), base.in_engine(registry.authority())));
    engine.build_and_push(
        task,
        &Build {
            context: spec.context.clone(),
            dockerfile: spec.dockerfile.clone(),
            tags: vec![reference.clone()],
            args: base.into_iter().chain(meaning.args).collect(),
            labels: labels::labels(order, &inputs, &tag, commit.as_ref()),
            target: meaning.stage,
        },
    )?;
    let Some(image) = look_up(task, registry, &repository, &tag)? else {
        return Err(Error::failed(format!("{reference} was pushed, but the registry does not have it"))
            .help("todo-bootstrap up"));
    };
    // Between push and look, another program may have pushed its own.
    if image.label(INPUTS_LABEL) != Some(inputs.as_str()) {
        return Err(Error::failed(format!(
            "{reference} was pushed, but the registry has another image of that tag (digest-mismatch)"
        ))
        .because(format!("its digest is {}", image.digest))
        .help("todo-bootstrap up"));
    }
    name(task, registry, order, &inputs, &image.digest)?;
    let stored = Stored { repository, tag, digest: image.digest };
    Ok(Built { name: spec.name.clone(), stored, built: true })
}

/// The tag of this commit; with a hash behind it where the folder differs, or that tag names another image.
fn unused_tag(
    task: &Task<'_>,
    registry: &Registry,
    order: &Order<'_>,
    commit: Option<&tag::Commit>,
    inputs: &str,
) -> Result<String> {
    let named =
        |commit: &str, dirty: Option<&str>| tag(&order.app.version, Some(commit), dirty, order.target);
    let Some(commit) = commit else {
        return Ok(named(&format!("src{inputs}"), None));
    };
    let clean = named(&commit.id, None);
    let taken = look_up(task, registry, &order.repository(), &clean)?
        .is_some_and(|image: InRegistry| image.label(INPUTS_LABEL) != Some(inputs));
    Ok(if commit.dirty || taken { named(&commit.id, Some(inputs)) } else { clean })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
