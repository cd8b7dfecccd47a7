//! The plan of `stop`: the cluster stands still, with all that is in it.

use std::sync::Arc;

use super::{Plan, Probe, Session, Step, Undo};
use crate::cluster::State;
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// The one step of `stop`; the session knows its engine.
pub fn plan(session: &Arc<Session>) -> Result<Plan> {
    Plan::new(vec![(Box::new(StopStep { session: session.clone() }), Vec::new())])
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
            // A node that runs counts as stopped where its kubeconfig was lost.
            State::Stopped | State::Running => Ok(Probe::Needed("it is not stopped yet".to_owned())),
            State::Absent => Err(Error::failed(format!("cluster `{name}` no longer exists"))
                .because("its node container no longer exists")
                .help("todo-bootstrap up   # recreates it")),
            State::Partial { why } => Err(Error::failed(format!("cluster `{name}` is incomplete"))
                .because(why)
                .help("todo-bootstrap up   # recreates it")),
        }
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (session, provider) = (&self.session, self.session.provider()?);
        provider.stop(task)?;
        // It comes back with the cluster; one that another cluster uses goes on.
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
