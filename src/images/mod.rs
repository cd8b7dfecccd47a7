//! The application's images: build, tag, load into the node, list, say what is in them, scan.
//!
//! An image is known by the hash of all that goes into it, kept as a label; a build or load of
//! what is already there is skipped.

mod context;
mod ignore;
mod inspect;
mod labels;
mod list;
mod node;
mod order;
pub mod sbom;
pub mod scan;
mod tag;

pub use context::inputs_hash;
pub use labels::{INPUTS_LABEL, REFERENCE_LABEL, TARGET_LABEL};
pub use list::{Listed, list, ready};
pub use node::{load, node_images};
pub use order::Order;
pub use tag::{repository, tag};

use crate::config::BASE_ARG;
use crate::engine::{Build, Engine};
use crate::error::Result;
use crate::task::Task;
use inspect::inspect;

/// An image of the application that the engine has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Built {
    pub name: String,
    /// What the cluster is to run; it never names two different images.
    pub reference: String,
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// `false` where it was there already.
    pub built: bool,
}

/// The image, if the engine has it with today's inputs, else why it has to be built; nothing is
/// changed.
pub fn probe(task: &Task<'_>, engine: &Engine, order: &Order<'_>) -> Result<Result<Built, String>> {
    let inputs = inputs_hash(order)?;
    look(task, engine, order, &inputs)
}

fn look(task: &Task<'_>, engine: &Engine, order: &Order<'_>, inputs: &str) -> Result<Result<Built, String>> {
    let local = order.local_reference();
    Ok(match inspect(task, engine, &local)? {
        None => Err(format!("{local} was not built yet")),
        Some(image) => image.current(order, inputs),
    })
}

/// Takes up an image that was built elsewhere and loaded as `reference`; `Err` says why it is not
/// what would be built now.
pub fn adopt(
    task: &Task<'_>,
    engine: &Engine,
    order: &Order<'_>,
    reference: &str,
) -> Result<Result<Built, String>> {
    engine.tag(task, reference, &order.local_reference())?;
    probe(task, engine, order)
}

/// Builds the image unless the engine has it with today's inputs.
pub fn build(task: &Task<'_>, engine: &Engine, order: &Order<'_>) -> Result<Built> {
    let inputs = inputs_hash(order)?;
    if let Ok(built) = look(task, engine, order, &inputs)? {
        return Ok(built);
    }
    let spec = order.spec;
    let commit = tag::commit(task, &spec.context);
    let reference = unused_reference(task, engine, order, commit.as_ref(), &inputs)?;
    task.say(format!("building {reference}"));
    let meaning = order.meaning()?;
    let base = order.base.map(|(base, _)| (BASE_ARG.to_owned(), base.to_owned()));
    let id = engine.build(
        task,
        &Build {
            context: spec.context.clone(),
            dockerfile: spec.dockerfile.clone(),
            tags: vec![reference.clone(), order.local_reference()],
            args: base.into_iter().chain(meaning.args).collect(),
            labels: labels::labels(order, &inputs, &reference, commit.as_ref()),
            target: meaning.stage,
        },
    )?;
    Ok(Built { name: spec.name.clone(), reference, id, built: true })
}

/// The reference of this commit; with a hash behind it where the folder differs from the commit,
/// or where that reference names an image of other inputs (another base, files that git ignores).
fn unused_reference(
    task: &Task<'_>,
    engine: &Engine,
    order: &Order<'_>,
    commit: Option<&tag::Commit>,
    inputs: &str,
) -> Result<String> {
    let repository = repository(&order.app.name, &order.spec.name);
    let named = |commit: &str, dirty: Option<&str>| {
        format!("{repository}:{}", tag(&order.app.version, Some(commit), dirty, order.target))
    };
    let Some(commit) = commit else {
        return Ok(named(&format!("src{inputs}"), None));
    };
    let clean = named(&commit.id, None);
    let taken = match inspect(task, engine, &clean)? {
        Some(image) => image.labels.get(INPUTS_LABEL).is_none_or(|own| own != inputs),
        None => false,
    };
    Ok(if commit.dirty || taken { named(&commit.id, Some(inputs)) } else { clean })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
