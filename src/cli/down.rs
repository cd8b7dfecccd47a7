//! `down`: lists what the receipts contain, and deletes it after a confirmation.

use std::time::Duration;

use clap::Args;

use super::context::{Bench, Context};
use super::reach::{connect, refuse_foreign};
use super::up::end_orphans;
use crate::engine::certainly_absent;
use crate::error::{Error, Exit, Result};
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
    for claim in volume_claims(session, &silent.task("down")) {
        context.ui.say(&format!("  - the data of {claim}"));
    }
    let loss = "All data in the cluster will be deleted";
    if !context.global.yes && !ui::confirm_name(context.process_env, loss, &name)? {
        return Err(Error::refused("nothing was deleted").help("todo-bootstrap down --yes"));
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
    if known {
        context.ui.good(&format!("✓ Cluster `{name}` was deleted."));
    } else {
        context.ui.good("✓ Everything in the list was deleted.");
    }
    if !args.purge {
        context.ui.say("  Container engine and cache are kept; `todo-bootstrap down --purge` removes them.");
    }
    Ok(Exit::Fine)
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
