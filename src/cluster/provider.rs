//! The interface of a provider: the program that creates a cluster.

use super::local::{Local, Naming};
use crate::error::{Error, Result};
use crate::task::Task;

/// The state of a cluster, as the engine reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Absent,
    /// Its creation was interrupted. It holds no data and is recreated.
    Partial {
        why: String,
    },
    /// Complete, but [`Provider::start`] must run before it can be used (which also restores a lost
    /// kubeconfig).
    Stopped,
    Running,
}

/// Ports on the host's loopback address that lead to the ingress controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
}

/// Something on this machine that belongs to the cluster and is deleted with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Owned {
    /// `container`, `network`, `volume` or `file`.
    pub kind: String,
    pub name: String,
}

impl Owned {
    pub fn new(kind: &str, name: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), name: name.into() }
    }
}

impl std::fmt::Display for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Creates, starts, stops and deletes one cluster. Every method may be called again after it was
/// interrupted.
pub trait Provider: Send + Sync {
    fn local(&self) -> &Local;

    /// How the provider's program names the parts of this cluster.
    fn naming(&self) -> Naming<'_>;

    /// Creates the node. Network and directory exist already.
    fn create_node(&self, task: &Task<'_>) -> Result<()>;

    /// Starts a stopped cluster, and waits until the state that it reports is current again.
    fn start(&self, task: &Task<'_>) -> Result<()>;

    /// Deletes everything that [`Provider::owned`] lists, as far as it exists.
    fn delete(&self, task: &Task<'_>) -> Result<()> {
        self.local().delete(task, &self.naming())
    }

    /// Refuses if something with the cluster's name is not ours. Changes nothing.
    fn state(&self, task: &Task<'_>) -> Result<State> {
        self.local().state(task, &self.naming())
    }

    /// Creates the cluster, after deleting what an interrupted creation left. Its API server responds
    /// then, and images can be sent to its node; [`Provider::wait_ready`] waits for the rest.
    fn create(&self, task: &Task<'_>) -> Result<()> {
        let local = self.local();
        match self.state(task)? {
            State::Absent => {}
            State::Partial { why } => {
                task.warn(format!("deleting a partially created cluster ({why}) to recreate it"));
            }
            State::Stopped | State::Running => {
                return Err(Error::failed(format!("cluster `{}` exists already", local.name())));
            }
        }
        // Without a container there may still be a network or files.
        self.delete(task)?;
        local.prepare()?;
        let created = local.create_network(task, &self.naming()).and_then(|()| {
            self.create_node(task)?;
            local.mark_complete(task, self.naming().node)?;
            local.keep_kubeconfig()
        });
        if created.is_err()
            && task.check().is_ok()
            && let Err(error) = self.delete(task)
        {
            task.warn(format!("the partially created cluster still exists: {}", error.one_line()));
        }
        created
    }

    /// Waits until a new cluster can be used: its node, storage and DNS.
    fn wait_ready(&self, task: &Task<'_>) -> Result<()> {
        self.local().wait_ready(task, None)
    }

    fn stop(&self, task: &Task<'_>) -> Result<()> {
        self.local().stop(task, &self.naming())
    }

    /// The container of the control plane.
    fn node(&self) -> String {
        self.naming().node.to_owned()
    }

    /// The containers of all nodes.
    fn nodes(&self, task: &Task<'_>) -> Result<Vec<String>> {
        self.local().nodes(task, &self.naming())
    }

    /// The engine's network that the nodes are on.
    fn network(&self) -> String {
        self.local().network(&self.naming())
    }

    fn owned(&self, task: &Task<'_>) -> Result<Vec<Owned>> {
        self.local().owned(task, &self.naming())
    }
}
