//! The units of `up` and `down`, the plan that orders them, the journal and the receipt.
//!
//! A [`Step`] describes itself, probes whether it is already true, runs, is verified by its own probe,
//! and says how it is reverted. A [`Plan`] is a checked graph of steps; [`execute`] runs it in parallel,
//! and `down` walks steps backwards.

mod addon;
mod address;
mod build;
mod build_tools;
mod checks;
mod cluster;
pub mod down;
mod engine;
pub mod env;
mod executor;
mod hosts_entry;
mod image;
mod journal;
mod kubeconfig;
mod lock;
mod plan;
mod preset;
mod pull;
mod receipt;
mod registry;
mod release;
pub mod restart;
pub mod secrets;
mod services;
mod session;
mod settle;
mod status;
pub mod stop;
#[cfg(test)]
mod testing;
mod tool;
mod undo;
pub mod up;

pub use address::{Access, access};
pub use checks::{check_context, failure as check_failure, run as run_checks, specs as check_specs};
pub use cluster::ClusterMade;
pub use engine::EngineMade;
pub use engine::able_to_build;
pub use executor::{Outcome, execute};
pub use hosts_entry::{Added, HostsEntry, add_hosts_entry, hosts_entries, remove_hosts_entries};
pub use journal::{Journal, Orphan};
pub use kubeconfig::{FileUnmerged, KubeconfigMerge, backup_note, merge_kubeconfig, unmerge_kubeconfigs};
pub use lock::ClusterLock;
pub use plan::{Plan, Preview, preview};
pub use preset::least_need;
pub use receipt::{HostReceipt, Receipt};
pub use services::{CauseStatus, ServiceStatus};
pub use session::{Parts, Session, Wishes};
pub use status::{NodeStatus, PodStatus, Status, claims, status};
pub use undo::{Depth, Revert, Undo};

use std::time::Duration;

use crate::config::ProviderKind;
use crate::error::Result;
use crate::task::Task;

/// The step that provides the node's image.
pub(crate) const NODE_STEP: &str = "node-image";

/// The artifact that a provider's node is made of.
pub(crate) fn node_image(provider: ProviderKind) -> &'static str {
    match provider {
        ProviderKind::Minikube => "minikube-base",
        ProviderKind::Kind | ProviderKind::Existing => "node",
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Nothing to do; the text says what was found.
    Done(String),
    /// There is work; the text says why (what is missing, or what changed by name).
    Needed(String),
}

pub trait Step: Send + Sync {
    /// Stable name, used in events, the journal and the plan.
    fn id(&self) -> &str;

    /// What it makes true, in a newcomer's words.
    fn title(&self) -> String;

    /// The longest that probe and run may take together.
    fn deadline(&self) -> Duration {
        Duration::from_secs(300)
    }

    /// What running it changes on the machine or the cluster, for `plan`.
    fn effects(&self) -> Vec<String> {
        Vec::new()
    }

    /// Looks, without changing anything, whether there is work.
    fn probe(&self, task: &Task<'_>) -> Result<Probe>;

    /// Does the work and says in a few words what was done. Running it again after it was cut off
    /// anywhere must end in the same state.
    fn run(&self, task: &Task<'_>) -> Result<String>;

    /// How `down` reverts it, or why it does not have to.
    fn undo(&self) -> Undo<'_>;

    /// Proves that `run` did what it should. The default asks the probe again.
    fn verify(&self, task: &Task<'_>) -> Result<()> {
        match self.probe(task)? {
            Probe::Done(_) => Ok(()),
            Probe::Needed(why) => {
                let what = format!("{}: verification failed after the step ran", self.title());
                Err(crate::error::Error::failed(what).because(why).help("todo-bootstrap doctor"))
            }
        }
    }
}
