//! The plan of `stop`.

use std::sync::Arc;

use super::{Plan, Probe, Session, Step, Undo};
use crate::cluster::State;
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// A plan with the only step of `stop`. The engine of the session must be set.
pub fn plan(session: &Arc<Session>) -> Result<Plan> {
    Plan::new(vec![(Box::new(StopStep { session: session.clone() }), Vec::new())])
}

/// The error for a cluster without its node container, or that is incomplete because of `why`.
pub fn incomplete(name: &str, why: Option<String>) -> Error {
    let state = if why.is_some() { "is incomplete" } else { "no longer exists" };
    Error::failed(format!("cluster `{name}` {state}"))
        .because(why.unwrap_or_else(|| "its node container no longer exists".to_owned()))
        .help("todo-bootstrap up   # recreates it")
}

struct StopStep {
    session: Arc<Session>,
}

impl Step for StopStep {
    fn id(&self) -> &'static str {
        "stop"
    }

    fn title(&self) -> String {
        format!("Cluster {}", self.session.profile.cluster.name)
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("stops cluster `{}` and keeps its data", self.session.profile.cluster.name)]
    }

    fn undo(&self) -> Undo<'_> {
        Undo::Nothing("`start` starts the cluster again")
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let name = &self.session.profile.cluster.name;
        match self.session.provider()?.state(task)? {
            State::Stopped if self.session.has_kubeconfig() => Ok(Probe::Done("is stopped".to_owned())),
            // The state of a running node without a kubeconfig is `Stopped`.
            State::Stopped | State::Running => Ok(Probe::Needed("it is not stopped yet".to_owned())),
            State::Absent => Err(incomplete(name, None)),
            State::Partial { why } => Err(incomplete(name, Some(why))),
        }
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (session, provider) = (&self.session, self.session.provider()?);
        provider.stop(task)?;
        // `start` starts it again. It keeps running if another cluster uses it.
        LocalRegistry::stop(task, session.engine()?, &session.paths.cache, &provider.network())?;
        Ok("stopped".to_owned())
    }

    fn verify(&self, task: &Task<'_>) -> Result<()> {
        match self.session.provider()?.state(task)? {
            State::Running => Err(Error::failed(format!("{} is still running", self.title()))
                .help("todo-bootstrap stop   # tries again; `todo-bootstrap doctor` checks the machine")),
            State::Stopped | State::Absent | State::Partial { .. } => Ok(()),
        }
    }
}
