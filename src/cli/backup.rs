//! `backup`: saves the application's data, lists the backups, and verifies them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::{Context, print_json};
use super::reach::{application, connect_or_explain};
use crate::backup::{Backup, Reason};
use crate::error::{Error, Exit, Result};
use crate::quantity::show_bytes;
use crate::steps::{self, Session};
use crate::ui::{Table, data};

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Save the data of the application
    Create(CreateArgs),
    /// List the backups, the newest first
    List,
    /// Compare every byte of a backup with its digests
    Verify {
        /// Name of a backup, or its folder [default: the newest]
        backup: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Folder to create the backup in [default: that of the cluster, see `backup list`]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

pub(crate) fn run(context: &Context<'_>, command: &BackupCommand) -> Result<Exit> {
    match command {
        BackupCommand::Create(args) => create(context, args),
        BackupCommand::List => list(context),
        BackupCommand::Verify { backup } => verify(context, backup.as_deref()),
    }
}

fn create(context: &Context<'_>, args: &CreateArgs) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    application(&session)?;
    let silent = context.silent()?;
    connect_or_explain(&session, &silent.task("backup"))?;
    let to = args.to.as_ref().map(|dir| context.process_env.cwd.join(dir));
    let made = save(context, &session, Reason::Manual, to)?;
    if context.json() {
        return print_json(&document(&made));
    }
    context.ui.good(&format!("✓ The data was saved to {}", made.dir.display()));
    let name = if args.to.is_some() { made.dir.display().to_string() } else { made.name };
    context.ui.say(&format!("  `todo-bootstrap restore {name}` puts it back."));
    Ok(Exit::Fine)
}

/// Makes a backup of the application of `session`, which is connected to the cluster.
pub(super) fn save(
    context: &Context<'_>,
    session: &Session,
    reason: Reason,
    to: Option<PathBuf>,
) -> Result<Backup> {
    let (plan, made) = steps::backup::plan(application(session)?, reason, to)?;
    context.execute(session, &plan, "backup", &session.dir(), 1)?;
    made.get().cloned().ok_or_else(|| Error::failed("no backup was made"))
}

fn list(context: &Context<'_>) -> Result<Exit> {
    let shelf = steps::backup::shelf(&*context.session()?);
    let backups = shelf.list()?;
    if context.json() {
        return print_json(&backups.iter().map(document).collect::<Vec<_>>());
    }
    if backups.is_empty() {
        context.ui.say(&format!("There are no backups in {}.", shelf.dir.display()));
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["name", "application", "made", "data", ">size"]);
    for backup in &backups {
        match &backup.manifest {
            Ok(manifest) => {
                let data: Vec<String> = manifest.dumps.iter().map(|dump| dump.store.clone()).collect();
                let application = format!("{} {}", manifest.application, manifest.version);
                let size = show_bytes(manifest.size());
                table.row([
                    backup.name.as_str(),
                    &application,
                    manifest.reason.text(),
                    &data.join(", "),
                    &size,
                ]);
            }
            Err(error) => table.row([backup.name.clone(), error.one_line()]),
        }
    }
    data(&table.render());
    context.ui.say(&format!("They are in {}.", shelf.dir.display()));
    Ok(Exit::Fine)
}

fn document(backup: &Backup) -> serde_json::Value {
    let error = backup.manifest.as_ref().err().map(Error::one_line);
    json!({ "name": backup.name, "dir": backup.dir, "manifest": backup.manifest.as_ref().ok(), "error": error })
}

fn verify(context: &Context<'_>, given: Option<&str>) -> Result<Exit> {
    let session = context.session()?;
    let name = session.application.as_ref().map(|application| application.name.clone()).unwrap_or_default();
    let backup = steps::backup::shelf(&session).find(&context.process_env.cwd, given, &name)?;
    let manifest = backup.manifest.clone()?;
    manifest.verify(&backup.dir)?;
    let (count, size) = (manifest.dumps.len(), show_bytes(manifest.size()));
    context.ui.good(&format!("✓ {} is intact: {count} dumps, {size}", backup.dir.display()));
    Ok(Exit::Fine)
}
