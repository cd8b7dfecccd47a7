//! `tools list`: each tool as it is found now; nothing is fetched.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::context::{Context, print_json};
use crate::error::{Exit, Result};
use crate::progress::Silent;
use crate::tools::{TOOLS, ToolSpec};
use crate::ui::{Align, Table, data};

pub(super) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let task = bench.task("tools");
    let mut rows = Vec::new();
    for spec in TOOLS {
        let wanted = session.origins.wanted_version(spec)?.to_string();
        let (found, refusals) = session.origins.present_tool(&task, spec.name)?;
        let refusals: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        rows.push(match found {
            Some(found) => json!({
                "name": found.name, "optional": spec.optional, "wanted": wanted,
                "version": found.version, "origin": found.origin.name(), "path": found.path,
                "sha256": found.sha256, "size": found.size, "refusals": refusals,
            }),
            None => json!({
                "name": spec.name, "optional": spec.optional, "wanted": wanted, "version": null,
                "origin": "missing", "path": null, "sha256": null, "size": null,
                "refusals": refusals,
            }),
        });
    }
    if context.json() {
        print_json(&rows)?;
        return Ok(Exit::Fine);
    }
    let part = |optional: bool| TOOLS.iter().zip(&rows).filter(move |(spec, _)| spec.optional == optional);
    data(&table(part(false)));
    if part(true).next().is_some() {
        data("\nOptional tools, installed with: todo-bootstrap tools install NAME\n\n");
        data(&table(part(true)));
    }
    Ok(Exit::Fine)
}

fn table<'a>(rows: impl Iterator<Item = (&'a ToolSpec, &'a Value)>) -> String {
    let headings = ["tool", "wanted", "version", "origin", "path"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&headings);
    for (spec, row) in rows {
        let cell = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        table.row([spec.name.to_owned(), cell("wanted"), cell("version"), cell("origin"), cell("path")]);
    }
    table.render()
}
