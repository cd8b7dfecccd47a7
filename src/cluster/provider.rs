//! Creating, starting and deleting a cluster with its provider's program.

use super::local::ready::{self, Started};
use super::{Encryption, Provider, kind, minikube};
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
    /// It was complete, and the container of a node no longer exists. The other nodes may hold data.
    Lost {
        why: String,
    },
    /// Complete, but [`Provider::start`] must run before it is used (which also restores a lost kubeconfig).
    Stopped {
        why: String,
    },
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

/// Every method may be called again after it was interrupted.
impl Provider {
    /// Creates the cluster, after deleting what an interrupted creation left. Its API server responds
    /// then; [`Provider::wait_ready`] waits for the rest. Calls `taking_images` once its nodes take images, which is
    /// while the control plane starts; it must not take long.
    pub fn create(&self, task: &Task<'_>, taking_images: &mut dyn FnMut()) -> Result<()> {
        match self.state(task)? {
            State::Absent => {}
            State::Partial { why } => {
                task.warn(format!("deleting a partially created cluster ({why}) to recreate it"));
            }
            State::Lost { .. } | State::Stopped { .. } | State::Running => {
                return Err(Error::failed(format!("cluster `{}` exists already", self.name())));
            }
        }
        // Without a container there may still be a network or files.
        self.delete(task)?;
        self.prepare()?;
        self.save_keys(&Encryption::generate()?)?;
        let created = self.create_network(task).and_then(|()| {
            if self.is_minikube() {
                minikube::create_node(self, task, taking_images)
            } else {
                kind::create_nodes(self, task, taking_images)
            }?;
            self.mark_complete(task)?;
            self.keep_kubeconfig()
        });
        if created.is_err()
            && task.check().is_ok()
            && let Err(error) = self.delete(task)
        {
            task.warn(format!("the partially created cluster still exists: {}", error.one_line()));
        }
        created
    }

    /// Waits until a new cluster can be used: its nodes, storage and DNS.
    pub fn wait_ready(&self, task: &Task<'_>) -> Result<()> {
        ready::wait(task, &self.kubeconfig, &Started::now())
    }

    /// Starts a stopped cluster, and waits until the state that it reports is current again.
    pub fn start(&self, task: &Task<'_>) -> Result<()> {
        if self.is_minikube() { minikube::start(self, task) } else { kind::start(self, task) }
    }

    /// Deletes everything that [`Provider::owned`] lists, as far as it exists.
    pub fn delete(&self, task: &Task<'_>) -> Result<()> {
        self.delete_node(task)?;
        if self.is_minikube() { minikube::delete_files(self) } else { Ok(()) }
    }
}
