//! What every provider can do with its one cluster.

use crate::error::Result;
use crate::task::Task;

/// What there is of a cluster, as the engine or the cloud tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Absent,
    /// Its making was cut short; it holds nothing of worth and is made anew.
    Partial {
        why: String,
    },
    /// Whole, but [`Provider::start`] has to run before it can be used (it also restores a
    /// kubeconfig that was lost).
    Stopped,
    Running,
}

/// Ports on the host's loopback address that lead to the ingress controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
}

/// A thing on this machine that exists because of the cluster and goes with it.
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

/// Makes, starts, stops and removes one cluster. Every method but [`Provider::state`],
/// [`Provider::owned`] and [`Provider::ports`] may be called again after it was cut short.
pub trait Provider: Send + Sync {
    fn name(&self) -> &'static str;

    /// Reads only. Fails as refused where something of the cluster's name is not ours.
    fn state(&self, task: &Task<'_>) -> Result<State>;

    /// Makes the cluster, removing what is [`State::Partial`] before, until its API server answers
    /// and images can be sent to its node; [`Provider::settle`] waits for the rest.
    fn create(&self, task: &Task<'_>) -> Result<()>;

    /// Waits until a new cluster is of use: its node, storage and DNS.
    fn settle(&self, task: &Task<'_>) -> Result<()>;

    /// Brings a stopped cluster back and waits until what it says of itself is true again.
    fn start(&self, task: &Task<'_>) -> Result<()>;

    fn stop(&self, task: &Task<'_>) -> Result<()>;

    /// Removes all that [`Provider::owned`] lists; nothing there is no error.
    fn delete(&self, task: &Task<'_>) -> Result<()>;

    /// The container of the control plane.
    fn node(&self) -> String;

    /// The containers of all nodes.
    fn nodes(&self, task: &Task<'_>) -> Result<Vec<String>>;

    /// The engine's network that the nodes are on.
    fn network(&self) -> String;

    fn owned(&self, task: &Task<'_>) -> Result<Vec<Owned>>;

    /// The ports that the existing cluster listens on.
    fn ports(&self, task: &Task<'_>) -> Result<Ports>;
}
