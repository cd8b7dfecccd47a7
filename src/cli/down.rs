//! `down`: lists what the receipts contain, saves the data, and deletes all of it after a confirmation.

use std::time::Duration;

use clap::Args;

use super::context::{Bench, Context};
use super::reach::{connect, connect_or_explain, refuse_foreign};
use super::up::end_orphans;
use crate::backup::{self, Reason};
use crate::cluster::State;
use crate::engine::certainly_absent;
use crate::error::{Error, Exit, Kind, Result};
use crate::files::remove;
use crate::local_registry::LocalRegistry;
use crate::steps::{self, Depth, HostReceipt, Session};
use crate::task::Task;
use crate::ui;

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Also delete the caches, and uninstall what the receipt lists as installed on this machine
    #[arg(long)]
    pub purge: bool,
    /// Do not save the data first
    #[arg(long)]
    pub no_backup: bool,
    /// Also delete all backups of this cluster
    #[arg(long, requires = "no_backup")]
    pub delete_backups: bool,
}

/// What becomes of the data before the cluster is deleted.
enum Saving {
    /// There is none, or the user does not want a backup.
    Nothing,
    Possible,
    /// There may be some, but it cannot be reached, or a backup failed.
    Impossible(Error),
}

pub(crate) fn run(context: &Context<'_>, args: &DownArgs) -> Result<Exit> {
    let (lock, session) = context.locked()?;
    let result = down(context, args, &session);
    drop(lock);
    let state = &session.paths.state;
    for dir in [&state.join("clusters"), state] {
        // This fails if there is something in it.
        let _ = std::fs::remove_dir(dir);
    }
    result
}

fn down(context: &Context<'_>, args: &DownArgs, session: &Session) -> Result<Exit> {
    let name = session.profile.cluster.name.clone();
    let depth = if args.purge { Depth::Machine } else { Depth::Cluster };
    // An interrupted `down` may have deleted only a part of the state.
    let known = session.is_recorded() || session.dir().exists();
    if !known && !args.purge && steps::hosts_entries(session, depth)?.is_empty() {
        refuse_foreign(context, session)?;
        context.ui.good(&format!("✓ There is no cluster `{name}`; nothing to delete."));
        return Ok(Exit::Fine);
    }
    // One that cannot be read must not count as empty.
    HostReceipt::load(&session.paths.state)?;
    let silent = context.silent()?;
    find_engine(context, args, session, &silent)?;
    let plan = steps::down::plan(session, depth)?;
    let effects: Vec<String> =
        plan.steps().iter().flat_map(|planned| planned.step.effects(session)).collect();
    if effects.is_empty() {
        context.ui.good("✓ There is nothing to delete.");
        return Ok(Exit::Fine);
    }
    context.ui.say("This will be deleted:");
    for effect in &effects {
        context.ui.say(&format!("  - {effect}"));
    }
    let claims = volume_claims(session, &silent.task("down"));
    for claim in &claims {
        context.ui.say(&format!("  - the data of {claim}"));
    }
    let backups = steps::backup::shelf(session).dir;
    if args.delete_backups && backups.exists() {
        context.ui.say(&format!("  - all backups in {}", backups.display()));
    }
    let loss = "All data in the cluster will be deleted";
    let saving = if args.no_backup { Saving::Nothing } else { saving(session, &silent.task("down")) };
    match saving {
        Saving::Nothing => {
            if !claims.is_empty() && !args.no_backup {
                context.ui.warn("no data is saved: the application has no [[data]] in its application.toml");
            }
            confirm(context, loss, &name)?;
        }
        Saving::Possible => {
            confirm(context, &format!("{loss}, after it was saved"), &name)?;
            if let Err(error) = save(context, session) {
                without_backup(context, error, &name)?;
            }
        }
        Saving::Impossible(error) => without_backup(context, error, &name)?,
    }
    end_orphans(context, &session.dir());
    // The journal is not in the directory of the cluster, which is deleted.
    let state = &session.paths.state;
    context.execute(session, &plan, "down", state, 1)?;
    if args.purge {
        // What only the next `down` would need.
        for journal in ["journal.jsonl", "journal.1.jsonl"] {
            remove(&state.join(journal))?;
        }
    }
    if args.delete_backups && backups.exists() {
        std::fs::remove_dir_all(&backups).map_err(|e| Error::io("delete", &backups, &e))?;
        // This fails if another cluster has backups.
        let _ = backups.parent().map(std::fs::remove_dir);
    }
    if known {
        context.ui.good(&format!("✓ Cluster `{name}` was deleted."));
    } else {
        context.ui.good("✓ Everything in the list was deleted.");
    }
    if !args.purge {
        context.ui.say("  Container engine and cache are kept; `todo-bootstrap down --purge` removes them.");
    }
    if backups.exists() {
        context.ui.say(&format!("  Backups are kept in {}.", backups.display()));
    }
    Ok(Exit::Fine)
}

fn confirm(context: &Context<'_>, loss: &str, name: &str) -> Result<()> {
    if !context.global.yes && !ui::confirm_name(context.process_env, loss, name)? {
        return Err(Error::refused("nothing was deleted").help("todo-bootstrap down --yes"));
    }
    Ok(())
}

/// Asks whether the data may be lost; `--yes` is no answer to that.
fn without_backup(context: &Context<'_>, error: Error, name: &str) -> Result<()> {
    if error.kind() == Kind::Interrupted {
        return Err(error);
    }
    let error = error
        .context("the data cannot be saved, so nothing was deleted")
        .help("todo-bootstrap down --no-backup   # deletes the data without a backup");
    if context.global.yes || !context.process_env.can_ask() {
        return Err(error.with_kind(Kind::Refused));
    }
    context.ui.error(&error);
    let loss = "All data in the cluster will be deleted WITHOUT a backup";
    if ui::confirm_name(context.process_env, loss, name)? { Ok(()) } else { Err(error) }
}

/// Whether there is data to save. None is left if the cluster is incomplete, and none is expected if an earlier
/// `down` saved it and was interrupted while it deleted the cluster.
fn saving(session: &Session, task: &Task<'_>) -> Saving {
    let Some(application) = session.application.as_ref().filter(|application| !application.data.is_empty())
    else {
        return Saving::Nothing;
    };
    let receipt = session.receipt();
    if !receipt.made.cluster.complete {
        return Saving::Nothing;
    }
    if let Ok(State::Absent | State::Partial { .. }) =
        session.provider().and_then(|provider| provider.state(task))
    {
        return Saving::Nothing;
    }
    let task = task.within(Duration::from_secs(30));
    let found =
        connect_or_explain(session, &task).and_then(|()| backup::stores(&task, session.kube()?, application));
    match found {
        Ok(stores) if stores.is_empty() => Saving::Nothing,
        Ok(_) => Saving::Possible,
        Err(_) if receipt.saved.is_some() => Saving::Nothing,
        Err(error) => Saving::Impossible(error),
    }
}

/// Saves the data, and records that before anything is deleted.
fn save(context: &Context<'_>, session: &Session) -> Result<()> {
    let made = super::backup::save(context, session, Reason::BeforeDown, None)?;
    context.ui.say(&format!("  The data was saved to {}", made.dir.display()));
    session.record(|receipt| receipt.saved = Some(made.name.clone()))
}

/// Finds the engine. It fails if an engine that is not responding may contain our cluster or registry: if
/// their receipts were deleted, nothing would identify them as ours any more.
fn find_engine(context: &Context<'_>, args: &DownArgs, session: &Session, bench: &Bench) -> Result<()> {
    let registry = args.purge && LocalRegistry::is_recorded(&session.paths.cache)?;
    if !session.is_recorded() && !registry {
        return Ok(());
    }
    let Some(fault) = session.detect_engine(&bench.task("engine"))? else { return Ok(()) };
    let began = session.is_recorded() && session.receipt().began();
    if !(began || registry) || (args.purge && certainly_absent(&fault, context.process_env)) {
        return Ok(());
    }
    let name = &session.profile.cluster.name;
    let what = if began { format!("cluster `{name}`") } else { "the local registry".to_owned() };
    Err(fault
        .error(&session.facts)
        .context(format!("cannot delete {what}: its engine is not responding; nothing was deleted")))
}

/// The volume claims in the cluster; none if it does not respond, which does not prevent its deletion.
fn volume_claims(session: &Session, task: &Task<'_>) -> Vec<String> {
    let task = task.within(Duration::from_secs(5));
    connect(session, &task).and_then(|()| steps::claims(session, &task)).unwrap_or_default()
}
