//! `stop`: the cluster stands still and keeps its data.

use std::sync::Arc;

use super::context::Context;
use super::reach::refuse_foreign;
use super::up::end_orphans;
use crate::cluster::State;
use crate::engine::Engine;
use crate::error::{Exit, Result};
use crate::progress::Silent;
use crate::steps::{self, Journal, Wishes};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let (_lock, session) = context.locked(None, false, &Wishes::default())?;
    let name = &session.profile.cluster.name;
    if !session.is_recorded() {
        refuse_foreign(context, &session)?;
        context.ui.good(&format!("✓ There is no cluster `{name}`; nothing to stop."));
        return Ok(Exit::Fine);
    }
    let silent = context.bench(Arc::new(Silent), None)?;
    let task = silent.task("stop");
    let engine = Engine::detect(&task, context.world, &session.facts)?;
    session.set_engine(engine.map_err(|fault| {
        fault
            .error(&session.facts)
            .context(format!("cannot determine the state of cluster `{name}`: its engine is not responding"))
    })?);
    end_orphans(context, &session.dir());
    if session.has_kubeconfig() && session.provider()?.state(&task)? == State::Stopped {
        context.ui.good(&format!("✓ Cluster `{name}` is already stopped."));
        return Ok(Exit::Fine);
    }
    let plan = steps::stop::plan(&session)?;
    let journal = Arc::new(Journal::open(&session.dir(), "stop")?);
    let bench = context.bench(context.ui.reporter(&plan.titles()), Some(journal.clone()))?;
    steps::execute(&plan, &bench.task("stop"), &journal, 1)?;
    context.ui.good(&format!("✓ Cluster `{name}` is stopped; its data is kept."));
    context.ui.say("  `todo-bootstrap start` starts it again.");
    Ok(Exit::Fine)
}
