//! `images sbom`: the bills of materials that `up` wrote.

use serde_json::Value;

use super::super::context::{Context, print_json};
use super::super::reach::application;
use crate::error::{Error, Exit, Result};
use crate::images::sbom;
use crate::steps::Session;
use crate::ui::{Align, Table, data};

pub(super) fn run(context: &Context<'_>, image: Option<&str>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let app = application(&session)?;
    let names: Vec<String> = app.images.iter().map(|spec| spec.name.clone()).collect();
    if let Some(image) = image {
        super::known(app, &names, image)?;
        print_json(&bill(&session, image)?)?;
        return Ok(Exit::Fine);
    }
    let bills: Result<Vec<Value>> = names.iter().map(|name| bill(&session, name)).collect();
    let bills = bills?;
    if context.json() {
        print_json(&bills)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&[
        ("image", Align::Left),
        ("parts", Align::Right),
        ("covers", Align::Left),
        ("file", Align::Left),
    ]);
    for (name, bill) in names.iter().zip(&bills) {
        let parts = bill["components"].as_array().map_or(0, Vec::len);
        let file = sbom::file(&session.dir(), name).display().to_string();
        table.row([name.clone(), parts.to_string(), covers(bill), file]);
    }
    data(&table.render());
    Ok(Exit::Fine)
}

fn bill(session: &Session, image: &str) -> Result<Value> {
    sbom::read(&session.dir(), image)?.ok_or_else(|| {
        Error::failed(format!("image {image} has no SBOM yet"))
            .because(format!("{} does not exist", sbom::file(&session.dir(), image).display()))
            .help("todo-bootstrap up   # writes an SBOM for each image")
    })
}

/// What it was made from, and what could not be read.
fn covers(bill: &Value) -> String {
    let said = bill["metadata"]["properties"].as_array().into_iter().flatten();
    let lines = said.filter_map(|property| {
        let value = property["value"].as_str()?;
        match property["name"].as_str()?.strip_prefix("todo-bootstrap:")? {
            "covers" => Some(value.to_owned()),
            "cannot-read" => Some(format!("NOT {value}")),
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}
