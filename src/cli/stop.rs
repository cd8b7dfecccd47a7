//! `stop`: stops the cluster and keeps its data.

use super::context::Context;
use super::reach::refuse_foreign;
use super::up::end_orphans;
use crate::error::{Exit, Result};
use crate::steps;

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    let name = &session.profile.cluster.name;
    if !session.is_recorded() {
        refuse_foreign(context, &session)?;
        context.ui.good(&format!("✓ There is no cluster `{name}`; nothing to stop."));
        return Ok(Exit::Fine);
    }
    let silent = context.silent()?;
    if let Some(fault) = session.detect_engine(&silent.task("stop"))? {
        let what = format!("cannot determine the state of cluster `{name}`: its engine is not responding");
        return Err(fault.error(&session.facts).context(what));
    }
    end_orphans(context, &session.dir());
    let plan = steps::stop::plan(&session)?;
    if context.execute(&session, &plan, "stop", &session.dir(), 1)? == 0 {
        context.ui.good(&format!("✓ Cluster `{name}` is already stopped."));
        return Ok(Exit::Fine);
    }
    // What an interrupted `down` saved may be older than the data now.
    session.record(|receipt| receipt.saved = None)?;
    context.ui.good(&format!("✓ Cluster `{name}` is stopped; its data is kept."));
    context.ui.say("  `todo-bootstrap start` starts it again.");
    Ok(Exit::Fine)
}
