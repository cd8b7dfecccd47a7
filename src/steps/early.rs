//! Step `early-pulls`: while the control plane of a new cluster starts, its nodes pull the images that the registry has
//! by then. Nothing depends on it: the steps `pull-<image>` follow, and pull what is missing.

use std::time::Duration;

use super::{Probe, Session, Step, image, registry};
use crate::error::Result;
use crate::task::Task;

/// For all that has to be configured before nodes can pull.
const SETUP: Duration = Duration::from_secs(20);
/// For one image. Who needs it waits for this pull before it starts its own.
const PULL: Duration = Duration::from_secs(2 * 60);
/// How often it is looked for images that have arrived, and how soon a pull that failed is repeated.
const LOOK: Duration = Duration::from_millis(500);

/// How far the creation of a cluster is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    #[default]
    Ahead,
    /// The nodes run, and their control plane starts.
    TakesImages,
    /// It has ended, or there is none.
    Over,
}

/// To be called by the creation once the nodes run: lets them pull, if that succeeds.
pub(super) fn begin(session: &Session, task: &Task<'_>) {
    let begun = session.provider().and_then(|provider| {
        registry::configure(session, &task.within(SETUP), &provider.network(), &provider.node_names())
    });
    match begun {
        Ok(()) => session.set_creation(Creation::TakesImages),
        Err(error) => tracing::debug!(%error, "no early pulls"),
    }
}

/// Ends the early pulls when it is dropped.
pub(super) struct Ending<'a>(pub &'a Session);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.set_creation(Creation::Over);
    }
}

pub struct EarlyPullsStep {
    pub images: Vec<String>,
}

impl Step for EarlyPullsStep {
    fn probe(&self, session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(if session.receipt().made.cluster.complete {
            Probe::Done("the cluster was created before".to_owned())
        } else {
            Probe::Needed("the cluster is new".to_owned())
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        session.wait_for_creation(task)?;
        let (mut left, mut pulled) = (self.images.clone(), 0);
        // One at a time: the control plane needs processor and disk as well.
        while !left.is_empty() && session.creation() == Creation::TakesImages {
            let there = left.iter().position(|name| session.image(name).is_ok());
            if let Some(at) = there {
                let name = left.remove(at);
                match image::pull(session, &task.within(PULL), &name) {
                    Ok(_) => {
                        pulled += 1;
                        continue;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "an early pull failed");
                        left.push(name);
                    }
                }
            }
            task.wait("the next image", async {
                tokio::time::sleep(LOOK).await;
                Ok(())
            })?;
        }
        Ok(format!("{pulled} of {} images", self.images.len()))
    }

    /// The pulls that follow verify each image.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

#[cfg(test)]
mod tests;
