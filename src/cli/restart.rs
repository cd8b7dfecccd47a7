//! `restart`: replaces the pods of services one by one.

use clap::Args;

use super::context::Context;
use super::reach::{application, connect_or_explain};
use crate::deploy;
use crate::error::{Error, Exit, Result};
use crate::steps;

#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// Names of services, as `status` shows them [default: all of them]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
}

pub(crate) fn run(context: &Context<'_>, args: &RestartArgs) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    let silent = context.silent()?;
    let task = silent.task("restart");
    let namespace = &application(&session)?.namespace;
    connect_or_explain(&session, &task)?;
    let live = deploy::services::read(&task, session.kube()?, namespace)?;
    let services = steps::restart::chosen(&live, &args.services)?;
    if services.is_empty() {
        return Err(Error::failed(format!("namespace {namespace} has no services to restart"))
            .help("todo-bootstrap up"));
    }
    let plan = steps::restart::plan(&services)?;
    if args.services.is_empty() {
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        context.ui.say(&format!("restarting all services, one after another: {}", names.join(", ")));
    }
    context.execute(&session, &plan, "restart", &session.dir(), 1)?;
    context.ui.good(&format!("✓ {} restarted and ready.", services.len()));
    Ok(Exit::Fine)
}
