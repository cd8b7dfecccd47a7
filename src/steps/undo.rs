//! How what steps made is reverted, and the plan of `down`, which walks them backwards.

use std::time::Duration;

use super::{Plan, Probe, Step};
use crate::error::{Error, Result};
use crate::task::Task;

/// How far `down` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `down`: one cluster, and what exists because of it.
    Cluster,
    /// `down --purge`: also the caches, and what was installed on this machine.
    Machine,
}

/// What `down` does about a step.
pub enum Undo<'a> {
    /// It reverts the step.
    By(&'a dyn Revert),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// The reason of steps that change nothing but the cluster.
pub(super) const IN_CLUSTER: Undo<'static> = Undo::Nothing("it is deleted with the cluster");
/// The reason of steps that only fill the cache or the registry.
pub(super) const IN_CACHE: Undo<'static> =
    Undo::Nothing("it is deleted with the cache or the local registry");

/// The way back from what a step made.
pub trait Revert: Send + Sync {
    /// The id of the step, or of what else made it.
    fn made_by(&self) -> &str;

    /// What is reverted, as a title.
    fn what(&self) -> String;

    /// What will be deleted, for the list that the user confirms; empty where there is nothing.
    fn losses(&self, depth: Depth) -> Vec<String>;

    /// What still exists, by name. Where nothing but the losses tells it, these.
    fn remains(&self, _task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        Ok(self.losses(depth))
    }

    /// Deletes it and says in a few words what was done. Running it again after it was interrupted
    /// anywhere must end in the same state.
    fn revert(&self, task: &Task<'_>, depth: Depth) -> Result<String>;
}

/// The plan that reverts `made`, the last one first; each starts after the one before ended well.
pub(super) fn backwards(made: Vec<Box<dyn Revert>>, depth: Depth) -> Result<Plan> {
    let mut plan: Vec<(Box<dyn Step>, Vec<String>)> = Vec::new();
    for revert in made.into_iter().rev() {
        let losses = revert.losses(depth);
        if !losses.is_empty() {
            let needs = plan.last().map(|(before, _)| before.id().to_owned()).into_iter().collect();
            plan.push((Box::new(Reverted { revert, depth, losses }), needs));
        }
    }
    Plan::new(plan)
}

/// A step walked backwards.
struct Reverted {
    revert: Box<dyn Revert>,
    depth: Depth,
    losses: Vec<String>,
}

impl Step for Reverted {
    fn id(&self) -> &str {
        self.revert.made_by()
    }

    fn title(&self) -> String {
        self.revert.what()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn effects(&self) -> Vec<String> {
        self.losses.clone()
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let remains = self.revert.remains(task, self.depth)?;
        Ok(if remains.is_empty() {
            Probe::Done("does not exist".to_owned())
        } else {
            Probe::Needed(remains.join(", "))
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        self.revert.revert(task, self.depth)
    }

    fn undo(&self) -> Undo<'_> {
        Undo::Nothing("`up` creates it again")
    }

    fn verify(&self, task: &Task<'_>) -> Result<()> {
        match self.probe(task)? {
            Probe::Done(_) => Ok(()),
            Probe::Needed(what) => {
                let purge = if self.depth == Depth::Machine { " --purge" } else { "" };
                Err(Error::failed(format!("{}: still exists after it was deleted", self.title()))
                    .because(what)
                    .help(format!("todo-bootstrap down{purge}")))
            }
        }
    }
}
