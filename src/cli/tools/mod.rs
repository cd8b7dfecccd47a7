//! `tools`: which kubectl, helm and kind are used, where they stand, and whether they are whole.

mod env;
mod install;
mod list;
mod verify;

use clap::Subcommand;

use super::context::Context;
use crate::error::{Exit, Result};
use crate::tools::ToolSpec;
use crate::ui::data;

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
        ToolsCommand::List => list::run(context),
        ToolsCommand::Install(args) => install::run(context, args),
        ToolsCommand::Verify => verify::run(context),
        ToolsCommand::Path { name } => path(context, name),
        ToolsCommand::Env(args) => env::run(context, args),
    }
}

fn path(context: &Context<'_>, name: &str) -> Result<Exit> {
    // A wrong name is said before anything is read or asked.
    let spec = ToolSpec::named(name)?;
    let session = context.session(None, false)?;
    let bench = context.bench(context.reporter(), None)?;
    let found = session.origins.tool(&bench.task("tools"), None, spec.name)?;
    if context.json() {
        super::context::print_json(&found)?;
    } else {
        data(&format!("{}\n", found.path.display()));
    }
    Ok(Exit::Fine)
}
