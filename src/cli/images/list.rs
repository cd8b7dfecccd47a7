//! `images list`: lists the images of the application in the local registry.

use serde_json::{Value, json};

use super::super::context::{Context, print_json};
use super::super::reach::application;
use crate::error::{Error, Exit, Result};
use crate::images::{self, Listed, Order, sbom};
use crate::local_registry::LocalRegistry;
use crate::quantity::show_bytes;
use crate::steps::Session;
use crate::task::Task;
use crate::ui::{Table, data};

pub(super) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    application(&session)?;
    let bench = context.bench()?;
    let task = bench.task("images");
    let registry = registry(&session, &task)?;
    let listed = all(&session, &task, registry.as_ref())?;
    if context.json() {
        let documents: Result<Vec<Value>> = listed.iter().map(|image| document(&session, image)).collect();
        print_json(&documents?)?;
    } else {
        table(&listed);
    }
    Ok(Exit::Fine)
}

/// The local registry, if it is running.
pub(super) fn registry(session: &Session, task: &Task<'_>) -> Result<Option<LocalRegistry>> {
    if let Some(fault) = session.detect_engine(task)? {
        return Err(fault.error(&session.facts));
    }
    LocalRegistry::find(task, session.engine()?, &session.paths.cache)
}

/// All images of the application: first those that are built, then those that are used unchanged.
pub(super) fn all(
    session: &Session,
    task: &Task<'_>,
    registry: Option<&LocalRegistry>,
) -> Result<Vec<Listed>> {
    let app = application(session)?;
    let Some(registry) = registry.map(LocalRegistry::client) else {
        let why = "the local registry is not running";
        return Ok(app.image_names().iter().map(|name| images::absent(name, why.to_owned())).collect());
    };
    let present = |name: &str| session.origins.present_image(task, registry, name);
    let mut listed = Vec::new();
    for spec in &app.images {
        let base = spec.base.as_deref().map(present).transpose()?.and_then(Result::ok);
        let base = base.map(|base| base.stored);
        let order = Order { app, spec, target: session.target(), base: base.as_ref() };
        listed.push(images::list(task, registry, &order)?);
    }
    for name in &app.ready_images {
        listed.push(images::ready(task, registry, name, present(name)?.map(|found| found.stored))?);
    }
    Ok(listed)
}

/// An image as JSON, with its SBOM, or `null` if there is none.
fn document(session: &Session, image: &Listed) -> Result<Value> {
    let dir = session.dir();
    let document = sbom::read(&dir, &image.name)?;
    let file = document.is_some().then(|| sbom::file(&dir, &image.name));
    let mut value = serde_json::to_value(image)
        .map_err(|error| Error::failed("cannot print the images as JSON").because(error))?;
    value["sbom"] = json!({ "file": file, "document": document });
    Ok(value)
}

fn table(listed: &[Listed]) {
    let mut table = Table::new(&["image", "reference", "digest", ">size", "inputs", "target", "state"]);
    for image in listed {
        let cell = |text: Option<&str>| text.unwrap_or("-").to_owned();
        table.row([
            image.name.clone(),
            cell(image.reference.as_deref()),
            cell(image.digest.as_deref().map(|digest| short(digest.trim_start_matches("sha256:")))),
            cell(image.size.map(show_bytes).as_deref()),
            cell(image.inputs.as_deref().map(short)),
            cell(image.target.as_deref()),
            image.why.clone().unwrap_or_else(|| "current".to_owned()),
        ]);
    }
    data(&table.render());
}

/// The first 12 digits of a digest, as in the lists of the engine.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
