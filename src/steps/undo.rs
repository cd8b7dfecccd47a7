//! How steps are reverted, and the plan of `down`, which reverts them in reverse order.

use std::time::Duration;

use super::{Plan, Probe, Step};
use crate::error::{Error, Result};
use crate::task::Task;

/// How much `down` deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `down`: a cluster and everything that belongs to it.
    Cluster,
    /// `down --purge`: also the caches and what was installed on the machine.
    Machine,
}

/// How `down` reverts a step.
pub enum Undo<'a> {
    By(&'a dyn Revert),
    /// There is nothing to revert, for this reason.
    Nothing(&'static str),
}

/// For steps that change only the cluster.
pub(super) const IN_CLUSTER: Undo<'static> = Undo::Nothing("it is deleted with the cluster");
/// For steps that only fill the cache or the registry.
pub(super) const IN_CACHE: Undo<'static> =
    Undo::Nothing("it is deleted with the cache or the local registry");

/// Reverts what a step created.
pub trait Revert: Send + Sync {
    /// The id of the step, or of another command that created it.
    fn made_by(&self) -> &str;

    /// The title of what is reverted.
    fn what(&self) -> String;

    /// What will be deleted, for the list that the user confirms; empty if there is nothing.
    fn losses(&self, depth: Depth) -> Vec<String>;

    /// What still exists. The default returns the losses.
    fn remains(&self, _task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        Ok(self.losses(depth))
    }

    /// What still exists although `revert` should have deleted it. The default: whatever remains.
    fn left(&self, task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        self.remains(task, depth)
    }

    /// Deletes it and returns a short description. A second run after an interruption at any point must end
    /// in the same state.
    fn revert(&self, task: &Task<'_>, depth: Depth) -> Result<String>;
}

/// A plan that reverts `made` in reverse order; each step needs the success of the one before.
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

/// A step of `down`.
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
        let left = self.revert.left(task, self.depth)?;
        if left.is_empty() {
            return Ok(());
        }
        let purge = if self.depth == Depth::Machine { " --purge" } else { "" };
        Err(Error::failed(format!("{}: still exists after it was deleted", self.title()))
            .because(left.join(", "))
            .help(format!("todo-bootstrap down{purge}")))
    }
}
