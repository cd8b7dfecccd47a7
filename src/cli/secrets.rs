//! `secrets`: the key that encrypts Secrets in etcd.

use clap::Subcommand;

use super::context::Context;
use super::reach::{connect_or_explain, no_cluster};
use crate::error::{Exit, Result};
use crate::steps;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Replace the key that encrypts Secrets in etcd; passwords and other values stay the same
    ///
    /// Creates a new key, writes every Secret again so that the new key encrypts it, and deletes the old key. The
    /// application keeps running. If it is interrupted, run it again: it continues.
    ///
    /// It does not change the values of Secrets. To change a password or token, edit .env and run `up`.
    Rotate,
}

pub(crate) fn run(context: &Context<'_>, command: &SecretsCommand) -> Result<Exit> {
    match command {
        SecretsCommand::Rotate => rotate(context),
    }
}

fn rotate(context: &Context<'_>) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    if !session.is_recorded() {
        return Err(no_cluster(&session));
    }
    let plan = steps::rotate::plan(&session)?;
    let silent = context.silent()?;
    let task = silent.task("secrets");
    connect_or_explain(&session, &task)?;
    if let Some(fault) = session.detect_engine(&task)? {
        return Err(fault.error(&session.facts).context("cannot reach the node of the cluster"));
    }
    context.execute(&session, &plan, "secrets rotate", &session.dir(), 1)?;
    context.ui.good("✓ A new key encrypts all Secrets; their values are the same.");
    Ok(Exit::Fine)
}
