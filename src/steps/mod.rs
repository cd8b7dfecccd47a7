//! The steps of `up` and `down`, their plan, the journal and the receipts.
//!
//! A [`Step`] probes whether its goal is met, runs if it is not, and verifies the result with the probe. A
//! [`Plan`] is a checked graph of steps; [`execute`] runs it in parallel. A [`Revert`] deletes what was made.

mod addon;
mod addon_removal;
pub mod backup;
mod build_tools;
mod certificate;
mod checks;
mod cluster;
pub mod down;
mod early;
mod engine;
pub mod env;
mod environment;
mod executor;
mod hosts_entry;
mod image;
mod journal;
mod kubeconfig;
mod lock;
mod plan;
mod preset;
mod receipt;
mod registry;
mod release;
pub mod restart;
pub mod rollback;
pub mod rotate;
pub mod scale;
pub mod secrets;
mod services;
mod session;
mod status;
pub mod stop;
#[cfg(test)]
mod testing;
mod tool;
pub mod up;
mod values;

pub use certificate::Tls;
pub use checks::{check_context, failure as check_failure, run as run_checks, specs as check_specs};
pub use cluster::ClusterMade;
pub use down::{Depth, Revert};
pub use engine::{EngineMade, able_to_build, usable};
pub use executor::execute;
pub use hosts_entry::{Added, HostsEntry, add_hosts_entry, hosts_entries, remove_hosts_entries};
pub use journal::{Journal, Orphan};
pub use kubeconfig::{FileUnmerged, KubeconfigMerge, backup_note, merge_kubeconfig, unmerge_kubeconfigs};
pub use lock::ClusterLock;
pub use plan::{Plan, Preview, forecasts, preview};
pub use preset::least_need;
pub use receipt::{HostReceipt, Receipt};
pub use release::shown;
pub use services::ServiceStatus;
pub use session::{Inputs, Session, UpOptions};
pub use status::{Access, PodStatus, Status, access, claims, status};

use crate::config::ProviderKind;
use crate::error::Result;
use crate::origins::Forecast;
use crate::task::Task;

/// The step that provides the node image.
pub(crate) const NODE_STEP: &str = "node-image";

/// The artifact of a provider's node image.
pub(crate) fn node_image(provider: ProviderKind) -> &'static str {
    match provider {
        ProviderKind::Minikube => "minikube-base",
        ProviderKind::Kind | ProviderKind::Existing => "node",
    }
}

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// There is no work; the text describes what was found.
    Done(String),
    /// There is work; the text gives the reason.
    Needed(String),
}

pub trait Step: Send + Sync {
    /// The changes that it makes to the machine or the cluster, for `plan`.
    fn effects(&self, _session: &Session) -> Vec<String> {
        Vec::new()
    }

    /// What is known of the tool or image that it provides, if it provides one. Changes nothing and asks no host.
    fn forecast(&self, _session: &Session, _task: &Task<'_>) -> Result<Option<Forecast>> {
        Ok(None)
    }

    /// Determines whether there is work. Changes nothing.
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe>;

    /// Does the work and describes it. A second run after an interruption must end in the same state.
    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String>;

    /// Verifies the result of `run`. The default probes again.
    fn verify(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        self.probe(session, task)
    }
}
