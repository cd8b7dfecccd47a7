//! The plan of `stop`.

use std::sync::Arc;

use super::plan::{NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::cluster::State;
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// A plan with the only step of `stop`. The engine of the session must be set.
pub fn plan(session: &Arc<Session>) -> Result<Plan> {
    let step = StopStep { session: session.clone() };
    Plan::new(vec![Planned::new("stop", session.cluster_title(), 5, NOTHING, step)])
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
    fn effects(&self) -> Vec<String> {
        vec![format!("stops cluster `{}` and keeps its data", self.session.profile.cluster.name)]
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

    fn verify(&self, task: &Task<'_>) -> Result<Probe> {
        if self.session.provider()?.state(task)? != State::Running {
            return Ok(Probe::Done("is stopped".to_owned()));
        }
        Err(Error::failed(format!("{} is still running", self.session.cluster_title()))
            .help("todo-bootstrap stop   # tries again; `todo-bootstrap doctor` checks the machine"))
    }
}
