//! The application's images: build, tag, load into the node.
//!
//! An image is known by the hash of all that goes into it, kept as a label; a build or load of
//! what is already there is skipped.

mod context;
mod ignore;
mod node;
mod tag;

pub use context::inputs_hash;
pub use node::{load, node_images};
pub use tag::{repository, tag};

use std::collections::BTreeMap;

use crate::config::{Application, ImageSpec};
use crate::engine::{Build, Engine};
use crate::error::Result;
use crate::task::Task;

/// The hash of the inputs, [`inputs_hash`].
pub const INPUTS_LABEL: &str = "todo-bootstrap.dev/inputs";
/// The reference that was given out for the image: a later run gives out the same one, so that
/// nothing is rolled out anew without need.
pub const REFERENCE_LABEL: &str = "todo-bootstrap.dev/reference";

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
/// changed. `base_id` is the engine's id of the base image.
pub fn probe(
    task: &Task<'_>,
    engine: &Engine,
    app: &Application,
    spec: &ImageSpec,
    base_id: Option<&str>,
) -> Result<Result<Built, String>> {
    let inputs = inputs_hash(spec, base_id)?;
    look(task, engine, app, spec, &inputs)
}

fn look(
    task: &Task<'_>,
    engine: &Engine,
    app: &Application,
    spec: &ImageSpec,
    inputs: &str,
) -> Result<Result<Built, String>> {
    let local = local_reference(app, spec);
    Ok(match inspect(task, engine, &local)? {
        None => Err(format!("{local} was not built yet")),
        Some(image) => image.current(spec, inputs),
    })
}

/// Builds the image unless the engine has it with today's inputs. `base` is the reference that the
/// Dockerfile gets as `BASE_IMAGE`, and the engine's id of it.
pub fn build(
    task: &Task<'_>,
    engine: &Engine,
    app: &Application,
    spec: &ImageSpec,
    base: Option<(&str, &str)>,
) -> Result<Built> {
    let inputs = inputs_hash(spec, base.map(|(_, id)| id))?;
    if let Ok(built) = look(task, engine, app, spec, &inputs)? {
        return Ok(built);
    }
    let reference = unused_reference(task, engine, app, spec, &inputs)?;
    task.say(format!("building {reference}"));
    let id = engine.build(
        task,
        &Build {
            context: spec.context.clone(),
            dockerfile: spec.dockerfile.clone(),
            tags: vec![reference.clone(), local_reference(app, spec)],
            args: base.map(|(base, _)| ("BASE_IMAGE".to_owned(), base.to_owned())).into_iter().collect(),
            labels: vec![(INPUTS_LABEL.to_owned(), inputs), (REFERENCE_LABEL.to_owned(), reference.clone())],
            target: None,
        },
    )?;
    Ok(Built { name: spec.name.clone(), reference, id, built: true })
}

fn local_reference(app: &Application, spec: &ImageSpec) -> String {
    format!("{}:{}", repository(&app.name, &spec.name), tag(&app.version, None, None))
}

/// The reference of this commit; with a hash behind it where the folder differs from the commit,
/// or where that reference names an image of other inputs (another base, files that git ignores).
fn unused_reference(
    task: &Task<'_>,
    engine: &Engine,
    app: &Application,
    spec: &ImageSpec,
    inputs: &str,
) -> Result<String> {
    let repository = repository(&app.name, &spec.name);
    let named = |commit: &str, dirty: Option<&str>| {
        format!("{repository}:{}", tag(&app.version, Some(commit), dirty))
    };
    let Some(commit) = tag::commit(task, &spec.context) else {
        return Ok(named(&format!("src{inputs}"), None));
    };
    let clean = named(&commit.id, None);
    let taken = match inspect(task, engine, &clean)? {
        Some(image) => image.labels.get(INPUTS_LABEL).is_none_or(|own| own != inputs),
        None => false,
    };
    Ok(if commit.dirty || taken { named(&commit.id, Some(inputs)) } else { clean })
}

/// What the engine says of an image.
#[derive(Debug)]
struct Inspected {
    id: String,
    labels: BTreeMap<String, String>,
    tags: Vec<String>,
}

impl Inspected {
    /// As a result, if it was made of `inputs` and still has the reference that it was given.
    fn current(self, spec: &ImageSpec, inputs: &str) -> Result<Built, String> {
        let Self { id, mut labels, tags } = self;
        if labels.get(INPUTS_LABEL).is_none_or(|own| own != inputs) {
            return Err("its sources or its base image changed".to_owned());
        }
        match labels.remove(REFERENCE_LABEL).filter(|reference| tags.contains(reference)) {
            Some(reference) => Ok(Built { name: spec.name.clone(), reference, id, built: false }),
            None => Err("its tag is gone from the engine".to_owned()),
        }
    }
}

/// Id, labels and tags by one process, as this is asked in every run.
fn inspect(task: &Task<'_>, engine: &Engine, reference: &str) -> Result<Option<Inspected>> {
    const FORMAT: &str = "{{.Id}}\n{{json .Config.Labels}}\n{{json .RepoTags}}";
    let cmd = engine.cmd(format!("look for the image {reference}"));
    let output = task.run(&cmd.args(["image", "inspect", "--format", FORMAT, reference]).any_status())?;
    let text = output.text();
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let (Some(id), true) = (lines.next(), output.ok()) else { return Ok(None) };
    let labels: Option<BTreeMap<String, String>> =
        lines.next().and_then(|line| serde_json::from_str(line).ok()).flatten();
    let tags: Option<Vec<String>> = lines.next().and_then(|line| serde_json::from_str(line).ok()).flatten();
    let id = if id.starts_with("sha256:") { id.to_owned() } else { format!("sha256:{id}") };
    Ok(Some(Inspected { id, labels: labels.unwrap_or_default(), tags: tags.unwrap_or_default() }))
}

#[cfg(test)]
mod tests;
