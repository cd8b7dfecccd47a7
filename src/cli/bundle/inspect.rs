//! `bundle inspect`: what is in a bundle, for people and programs.

use serde_json::json;

use super::super::context::{Context, print_json};
use crate::bundle::{Contents, sbom};
use crate::error::{Exit, Result};
use crate::quantity::show_bytes;
use crate::ui::{Align, Table, data};

pub(super) fn run(context: &Context<'_>, contents: &Contents, bill: bool) -> Result<Exit> {
    if bill {
        data(&String::from_utf8_lossy(&sbom::render(contents)?));
        return Ok(Exit::Fine);
    }
    let Contents { manifest, sha256, .. } = contents;
    if context.json() {
        print_json(&json!({ "sha256": sha256, "schema": manifest.schema, "entries": manifest.entries }))?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("kind", Align::Left),
        ("version", Align::Left),
        ("platform", Align::Left),
        ("size", Align::Right),
        ("sha256", Align::Left),
    ]);
    for entry in &manifest.entries {
        let plain = [&entry.name, &entry.kind, &entry.version, &entry.platform].map(String::clone);
        table.row([&plain[..], &[show_bytes(entry.size), entry.sha256.clone()]].concat());
    }
    data(&table.render());
    context.ui.say(&format!("sha256 of the manifest: {sha256}"));
    Ok(Exit::Fine)
}
