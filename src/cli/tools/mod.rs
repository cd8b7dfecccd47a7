//! `tools`: lists, installs, verifies and locates the tools.

mod env;
mod install;

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::{Context, print_json};
use crate::error::{Error, Exit, Kind, Result};
use crate::fetch::Urgency;
use crate::tools::{TOOLS, ToolSpec};
use crate::ui::{Table, data};

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// List the tools with version, origin and digest
    List,
    /// Download and verify tools in parallel; without names, those that `up` needs
    Install(install::InstallArgs),
    /// Verify the checksum of every tool: installed tools against record and pin, tools of this
    /// machine against their state when they were first used
    Verify,
    /// Print the path of a tool; download the tool if it is missing
    Path {
        /// kubectl, helm, kind, minikube or an optional tool
        name: String,
    },
    /// Print the line that adds the installed tools to PATH: eval "$(todo-bootstrap tools env)"
    Env(env::EnvArgs),
}

pub(crate) fn run(context: &Context<'_>, command: &ToolsCommand) -> Result<Exit> {
    match command {
        ToolsCommand::List => list(context),
        ToolsCommand::Install(args) => install::run(context, args),
        ToolsCommand::Verify => verify(context),
        ToolsCommand::Path { name } => path(context, name),
        ToolsCommand::Env(args) => env::run(context, args),
    }
}

fn path(context: &Context<'_>, name: &str) -> Result<Exit> {
    let spec = ToolSpec::named(name)?;
    let session = context.session()?;
    let bench = context.bench()?;
    let found = session.origins.tool(&bench.task("tools"), spec.name, Urgency::Check)?;
    if context.json() {
        print_json(&found)?;
    } else {
        data(&format!("{}\n", found.path.display()));
    }
    Ok(Exit::Fine)
}

/// Lists the tools. Downloads nothing.
fn list(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.silent()?;
    let task = bench.task("tools");
    let mut rows = Vec::new();
    for spec in TOOLS {
        let wanted = session.origins.wanted_version(spec)?.to_string();
        let (found, refusals) = session.origins.present_tool(&task, spec.name)?;
        let refusals: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        let found = found.as_ref();
        rows.push(json!({
            "name": spec.name, "optional": spec.optional, "wanted": wanted,
            "version": found.map(|found| &found.version),
            "origin": found.map_or("missing", |found| found.origin.name()),
            "path": found.map(|found| &found.path), "sha256": found.map(|found| &found.sha256),
            "size": found.map(|found| found.size), "refusals": refusals,
        }));
    }
    if context.json() {
        return print_json(&rows);
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
    let mut table = Table::new(&["tool", "wanted", "version", "origin", "path"]);
    for (spec, row) in rows {
        let cell = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        table.row([spec.name.to_owned(), cell("wanted"), cell("version"), cell("origin"), cell("path")]);
    }
    table.render()
}

fn verify(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.silent()?;
    let verdicts = session.origins.verify_tools(&bench.task("tools"))?;
    if context.json() {
        print_json(&verdicts)?;
    } else if !verdicts.is_empty() {
        let mut table = Table::new(&["tool", "version", "origin", "state", "path"]);
        for verdict in &verdicts {
            let state = if verdict.fault.is_none() { "good" } else { "wrong" };
            let path = verdict.path.display().to_string();
            table.row([verdict.name.as_str(), verdict.version.as_str(), verdict.origin.name(), state, &path]);
        }
        data(&table.render());
    }
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| verdict.fault.is_some()).collect();
    if wrong.is_empty() {
        context.ui.say(match verdicts.len() {
            0 => "no tools are installed yet:  todo-bootstrap tools install",
            _ => "✓ every tool is unchanged",
        });
        return Ok(Exit::Fine);
    }
    let noun = if wrong.len() == 1 { "tool has" } else { "tools have" };
    let what = format!("{} {noun} changed since installation", wrong.len());
    let mut error = Error::new(Kind::CheckFailed, what);
    for verdict in wrong {
        error = error.because(format!("{}: {}", verdict.name, verdict.fault.as_deref().unwrap_or_default()));
        error = error.help(verdict.remedy.as_deref().unwrap_or_default());
    }
    Err(error)
}
