//! The plan of `stop`.

use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::cluster::State;
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// A plan with the only step of `stop`. The engine of the session must be set.
pub fn plan(session: &Session) -> Result<Plan> {
    Plan::new(vec![Planned::new("stop", session.cluster_title(), 5, NOTHING, NO_CHANGE, StopStep)])
}

/// The error for a cluster without its node container, or that is incomplete because of `why`.
pub fn incomplete(name: &str, why: Option<String>) -> Error {
    let state = if why.is_some() { "is incomplete" } else { "no longer exists" };
    Error::failed(format!("cluster `{name}` {state}"))
        .because(why.unwrap_or_else(|| "its node container no longer exists".to_owned()))
        .help("todo-bootstrap up   # recreates it")
}

/// The error for a complete cluster that has lost a node.
pub fn lost(name: &str, why: String) -> Error {
    Error::refused(format!("cluster `{name}` has lost a node"))
        .because(why)
        .because(
            "no node can be added to a cluster that exists; the other nodes keep their data until `down`",
        )
        .help("todo-bootstrap down && todo-bootstrap up   # recreates the cluster; deletes all data in it")
}

struct StopStep;

impl Step for StopStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        vec![format!("stops cluster `{}` and keeps its data", session.profile.cluster.name)]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let name = &session.profile.cluster.name;
        let provider = session.provider()?;
        match provider.state(task)? {
            State::Absent => Err(incomplete(name, None)),
            State::Partial { why } => Err(incomplete(name, Some(why))),
            // Some nodes of a stopped cluster may run, and so may one whose kubeconfig is lost.
            State::Lost { .. } | State::Stopped { .. } | State::Running => Ok(if provider.runs(task)? {
                Probe::Needed("it is not stopped yet".to_owned())
            } else {
                Probe::Done("is stopped".to_owned())
            }),
        }
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let provider = session.provider()?;
        provider.stop(task)?;
        // `start` starts it again. It keeps running if another cluster uses it.
        LocalRegistry::stop(task, session.engine()?, &session.paths.cache, &provider.network())?;
        Ok("stopped".to_owned())
    }

    fn verify(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        if !session.provider()?.runs(task)? {
            return Ok(Probe::Done("is stopped".to_owned()));
        }
        Err(Error::failed(format!("{} is still running", session.cluster_title()))
            .help("todo-bootstrap stop   # tries again; `todo-bootstrap doctor` checks the machine"))
    }
}
