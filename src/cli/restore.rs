//! `restore`: replaces the application's data by that of a backup.

use std::collections::BTreeSet;

use clap::Args;

use super::context::Context;
use super::reach::{application, connect_or_explain};
use crate::backup::{self, Backup, Dump, Manifest, Store};
use crate::deploy;
use crate::error::{Error, Exit, Kind, Result};
use crate::quantity::show_bytes;
use crate::steps::{self, Session};
use crate::task::Task;
use crate::ui;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Name of a backup, or its folder [default: the newest]
    pub backup: Option<String>,
    /// Do not save the current data first
    #[arg(long)]
    pub no_backup: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &RestoreArgs) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    let application = application(&session)?;
    let shelf = steps::backup::shelf(&session);
    let backup = shelf.find(&context.process_env.cwd, args.backup.as_deref(), &application.name)?;
    restore(context, &session, &backup, context.global.yes, !args.no_backup)
}

/// Restores `backup` after a confirmation, unless `confirmed`. The caller holds the lock of the cluster.
pub(super) fn restore(
    context: &Context<'_>,
    session: &Session,
    backup: &Backup,
    confirmed: bool,
    save: bool,
) -> Result<Exit> {
    let application = application(session)?;
    let manifest = backup.manifest.clone()?;
    if manifest.application != application.name {
        let what =
            format!("{} is a backup of {}, not of {}", backup.name, manifest.application, application.name);
        return Err(Error::refused(what).help("todo-bootstrap backup list"));
    }
    manifest.verify(&backup.dir)?;
    let silent = context.silent()?;
    let task = silent.task("restore");
    if session.kube().is_err() {
        connect_or_explain(session, &task)?;
    }
    if session.receipt().restoring.is_some() {
        steps::backup::clean(session, &task)?;
    }
    let stores = backup::stores(&task, session.kube()?, application)?;
    let chosen = pairs(&manifest, stores)?;
    let older = older(session, &task, &chosen)?;
    let (size, created) = (show_bytes(manifest.size()), &manifest.created);
    context.ui.say(&format!(
        "backup {}: {} {}, {size}, of {created}",
        backup.name, application.name, manifest.version
    ));
    let question = format!("Replace the data of {} by this backup?", application.name);
    if !confirmed && !ui::ask(context.process_env, &question, "--yes")? {
        return Err(Error::refused("nothing was changed").help("todo-bootstrap restore --yes"));
    }
    let plan = steps::backup::restore_plan(application, backup, &chosen, save)?;
    if let Err(error) = context.execute(session, &plan, "restore", &session.dir(), 1) {
        // If it was interrupted, the next `restore` or `up` deletes the copies.
        if error.kind() != Kind::Interrupted
            && session.receipt().restoring.is_some()
            && let Err(error) = steps::backup::clean(session, &task)
        {
            context.ui.warn(&format!("a copy is left behind: {}", error.one_line()));
        }
        return Err(error.context(format!("cannot restore {}", backup.name)));
    }
    restart(context, session, &task, &older)?;
    context.ui.good(&format!("✓ The data of {} is that of {created}.", application.name));
    Ok(Exit::Fine)
}

/// Each store with its dump. Fails if the installed application lacks a store that is in the backup.
fn pairs(manifest: &Manifest, stores: Vec<Store>) -> Result<Vec<(Store, Dump)>> {
    let missing: Vec<&str> = manifest.dumps.iter().map(|dump| dump.store.as_str()).collect();
    let missing: Vec<&str> =
        missing.into_iter().filter(|name| !stores.iter().any(|store| store.spec.name == *name)).collect();
    if !missing.is_empty() {
        return Err(Error::refused(format!(
            "the application has no place for this data: {}",
            missing.join(", ")
        ))
        .because("no service with a volume is installed for it; the settings may select another one")
        .help("todo-bootstrap status"));
    }
    let with = |store: Store| {
        let dump = manifest.dumps.iter().find(|dump| dump.store == store.spec.name)?;
        Some((store, dump.clone()))
    };
    Ok(stores.into_iter().filter_map(with).collect())
}

/// The services that must migrate an older schema. Fails if a schema is newer than that of the application.
fn older(session: &Session, task: &Task<'_>, chosen: &[(Store, Dump)]) -> Result<BTreeSet<String>> {
    let mut services = BTreeSet::new();
    for (store, dump) in chosen {
        let current = store.schema(task, session.kube()?)?;
        backup::newer(store, dump, current.as_deref())?;
        if dump.schema != current {
            services.extend(store.spec.migrated_by.iter().cloned());
        }
    }
    Ok(services)
}

fn restart(
    context: &Context<'_>,
    session: &Session,
    task: &Task<'_>,
    wanted: &BTreeSet<String>,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let wanted: Vec<String> = wanted.iter().cloned().collect();
    let live = deploy::services::read(task, session.kube()?, &application(session)?.namespace)?;
    let plan = steps::restart::plan(&steps::restart::chosen(&live, &wanted)?)?;
    context.ui.say(&format!("the schema is older; restarting what migrates it: {}", wanted.join(", ")));
    context.execute(session, &plan, "restart", &session.dir(), 1).map(drop)
}
