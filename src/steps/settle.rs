//! Step `cluster-ready`: a new cluster's node, storage and DNS work. Images are sent to the node
//! meanwhile; only what asks the cluster for something waits for this.

use std::sync::Arc;
use std::time::Duration;

use super::undo::IN_CLUSTER;
use super::{Probe, Session, Step, Undo};
use crate::error::Result;
use crate::task::Task;

pub struct SettleStep {
    pub session: Arc<Session>,
}

impl Step for SettleStep {
    fn id(&self) -> &'static str {
        "cluster-ready"
    }

    fn title(&self) -> String {
        "Node, storage and DNS of the cluster".to_owned()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(5)
    }

    fn undo(&self) -> Undo<'_> {
        IN_CLUSTER
    }

    /// A cluster that was there before was looked at, or waited for, by the step `cluster`.
    fn probe(&self, _task: &Task<'_>) -> Result<Probe> {
        Ok(if self.session.is_new_cluster() {
            Probe::Needed("the cluster is new".to_owned())
        } else {
            Probe::Done("ready".to_owned())
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        self.session.provider()?.wait_ready(task)?;
        Ok("ready".to_owned())
    }

    /// The run watched it become true.
    fn verify(&self, _task: &Task<'_>) -> Result<()> {
        Ok(())
    }
}
