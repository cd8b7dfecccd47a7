//! `images sbom`: prints the SBOMs that `up` wrote.

use serde_json::Value;

use super::super::context::{Context, print_json};
use super::super::reach::application;
use crate::error::{Error, Exit, Result};
use crate::images::sbom;
use crate::steps::Session;
use crate::ui::{Table, data};

pub(super) fn run(context: &Context<'_>, image: Option<&str>) -> Result<Exit> {
    let session = context.session()?;
    let app = application(&session)?;
    let names: Vec<String> = app.images.iter().map(|spec| spec.name.clone()).collect();
    if let Some(image) = image {
        super::known(app, &names, image)?;
        return print_json(&document(&session, image)?);
    }
    let documents: Result<Vec<Value>> = names.iter().map(|name| document(&session, name)).collect();
    let documents = documents?;
    if context.json() {
        return print_json(&documents);
    }
    let mut table = Table::new(&["image", ">parts", "covers", "file"]);
    for (name, document) in names.iter().zip(&documents) {
        let parts = document["components"].as_array().map_or(0, Vec::len);
        let file = sbom::file(&session.dir(), name).display().to_string();
        table.row([name.clone(), parts.to_string(), covers(document), file]);
    }
    data(&table.render());
    Ok(Exit::Fine)
}

fn document(session: &Session, image: &str) -> Result<Value> {
    sbom::read(&session.dir(), image)?.ok_or_else(|| {
        Error::failed(format!("image {image} has no SBOM yet"))
            .because(format!("{} does not exist", sbom::file(&session.dir(), image).display()))
            .help("todo-bootstrap up   # writes an SBOM for each image")
    })
}

/// The inputs that the SBOM covers, and those that could not be read.
fn covers(document: &Value) -> String {
    let properties = document["metadata"]["properties"].as_array().into_iter().flatten();
    let lines = properties.filter_map(|property| {
        let value = property["value"].as_str()?;
        match property["name"].as_str()?.strip_prefix("todo-bootstrap:")? {
            "covers" => Some(value.to_owned()),
            "cannot-read" => Some(format!("NOT {value}")),
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}
