//! `tools`: which kubectl, helm and kind are used, and where they stand.

use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::context::{Context, print_json};
use crate::error::{Error, Exit, Result};
use crate::progress::Silent;
use crate::tools::TOOLS;
use crate::ui::{Align, Table, data};

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// List the tools with version, origin and digest
    List,
    /// Print the path of a tool, fetching it if it is missing
    Path {
        /// kubectl, helm or kind
        name: String,
    },
}

pub(crate) fn run(context: &Context<'_>, command: &ToolsCommand) -> Result<Exit> {
    match command {
        ToolsCommand::List => list(context),
        ToolsCommand::Path { name } => path(context, name),
    }
}

fn list(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let task = bench.task("tools");
    let mut rows = Vec::new();
    for tool in TOOLS {
        let (found, refusals) = session.origins.present_tool(&task, tool.name)?;
        let refusals: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        rows.push(match found {
            Some(found) => json!({
                "name": found.name, "version": found.version, "origin": found.origin.name(),
                "path": found.path, "sha256": found.sha256, "refusals": refusals,
            }),
            None => json!({ "name": tool.name, "origin": "missing", "refusals": refusals }),
        });
    }
    if context.json() {
        print_json(&rows)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&[
        ("tool", Align::Left),
        ("version", Align::Left),
        ("origin", Align::Left),
        ("path", Align::Left),
    ]);
    for row in &rows {
        let cell = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        table.row([cell("name"), cell("version"), cell("origin"), cell("path")]);
    }
    data(&table.render());
    Ok(Exit::Fine)
}

fn path(context: &Context<'_>, name: &str) -> Result<Exit> {
    if !TOOLS.iter().any(|tool| tool.name == name) {
        let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        return Err(Error::usage(format!("there is no tool `{name}`"))
            .because(format!("the tools are: {}", names.join(", ")))
            .help("todo-bootstrap tools list"));
    }
    let session = context.session(None, false)?;
    let bench = context.bench(context.reporter(), None)?;
    let found = session.origins.tool(&bench.task("tools"), None, name)?;
    data(&format!("{}\n", found.path.display()));
    Ok(Exit::Fine)
}
