//! The plan of `down`: reverts what the steps of `up` and other commands created, in reverse order.

use std::path::PathBuf;

use super::build_tools::BuildToolsStep;
use super::cluster::ClusterStep;
use super::engine::EngineStep;
use super::hosts_entry::HostsEntries;
use super::kubeconfig::KubeconfigEntries;
use super::plan::{NO_CHANGE, Planned};
use super::registry::RegistryStep;
use super::{Plan, Probe, Session, Step};
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

/// Reverts what a step or another command created.
pub trait Revert: Send + Sync {
    /// What will be deleted, for the list that the user confirms; empty if there is nothing.
    fn losses(&self, session: &Session, depth: Depth) -> Vec<String>;

    /// What still exists. The default returns the losses.
    fn remains(&self, session: &Session, _task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        Ok(self.losses(session, depth))
    }

    /// What still exists although `revert` should have deleted it. The default: whatever remains.
    fn left(&self, session: &Session, task: &Task<'_>, depth: Depth) -> Result<Vec<String>> {
        self.remains(session, task, depth)
    }

    /// Deletes it and describes that. A second run after an interruption must end in the same state.
    fn revert(&self, session: &Session, task: &Task<'_>, depth: Depth) -> Result<String>;
}

/// The steps of `down`; each needs the success of the one before. Those that need the engine are left out if
/// the session has none.
///
/// The list is in the order of creation, except that changes to the user's files come first and are thus
/// reverted last: a file that cannot be changed must not prevent the deletion of the cluster.
pub fn plan(session: &Session, depth: Depth) -> Result<Plan> {
    let cache = Directory { path: session.paths.cache.clone(), deleted_by: &[Depth::Machine] };
    // Contains the record of our entries in the user's kubeconfigs.
    let state = Directory { path: session.dir(), deleted_by: &[Depth::Cluster, Depth::Machine] };
    let tools = BuildToolsStep { images: Vec::new() };
    let made: [(&str, String, Box<dyn Revert>); 8] = [
        ("hosts-entry", "Entry in the hosts file".to_owned(), Box::new(HostsEntries)),
        ("cache", "Cache of tools and images".to_owned(), Box::new(cache)),
        ("engine", "Container engine".to_owned(), Box::new(EngineStep)),
        ("build-tools", "Image build tools".to_owned(), Box::new(tools)),
        ("state", "State of the cluster".to_owned(), Box::new(state)),
        ("kubeconfig-entries", "Entries in your kubeconfig".to_owned(), Box::new(KubeconfigEntries)),
        ("registry", "Local registry".to_owned(), Box::new(RegistryStep)),
        ("cluster", session.cluster_title(), Box::new(ClusterStep)),
    ];
    let mut steps: Vec<Planned> = Vec::new();
    for (id, title, revert) in made.into_iter().rev() {
        let losses = revert.losses(session, depth);
        if !losses.is_empty() {
            let needs = steps.last().map(|before| before.id.clone());
            let step = Reverted { title: title.clone(), revert, depth, losses };
            steps.push(Planned::new(id, title, 10, needs, NO_CHANGE, step));
        }
    }
    Plan::new(steps)
}

/// A step of `down`.
struct Reverted {
    title: String,
    revert: Box<dyn Revert>,
    depth: Depth,
    losses: Vec<String>,
}

impl Step for Reverted {
    fn effects(&self, _session: &Session) -> Vec<String> {
        self.losses.clone()
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let remains = self.revert.remains(session, task, self.depth)?;
        Ok(if remains.is_empty() {
            Probe::Done("does not exist".to_owned())
        } else {
            Probe::Needed(remains.join(", "))
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        self.revert.revert(session, task, self.depth)
    }

    fn verify(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let left = self.revert.left(session, task, self.depth)?;
        if left.is_empty() {
            return Ok(Probe::Done("does not exist".to_owned()));
        }
        let purge = if self.depth == Depth::Machine { " --purge" } else { "" };
        Err(Error::failed(format!("{}: still exists after it was deleted", self.title))
            .because(left.join(", "))
            .help(format!("todo-bootstrap down{purge}")))
    }
}

/// The state directory of the cluster, or the cache.
struct Directory {
    path: PathBuf,
    deleted_by: &'static [Depth],
}

impl Revert for Directory {
    fn losses(&self, _session: &Session, depth: Depth) -> Vec<String> {
        let deleted = self.deleted_by.contains(&depth) && self.path.exists();
        if deleted { vec![format!("deletes {}", self.path.display())] } else { Vec::new() }
    }

    fn revert(&self, _session: &Session, _task: &Task<'_>, _depth: Depth) -> Result<String> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("delete", &self.path, &error))
            }
            _ => Ok("deleted".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::plan::Undo;
    use crate::steps::testing::session;
    use crate::steps::up;

    fn ids(plan: &Plan) -> Vec<&str> {
        plan.steps().iter().map(|step| step.id.as_str()).collect()
    }

    /// `down` reverts each step of `up` that says so, and no other.
    #[test]
    fn down_reverts_everything_that_up_creates() {
        for profile in ["kind", "minikube"] {
            let dir = tempfile::tempdir().unwrap();
            let session = session(dir.path(), profile);
            // Everything that can be reverted exists.
            session.set_engine(crate::engine::testing::engine());
            session
                .record_host(|host| {
                    host.made.engine.daemon = Some((1, 1));
                    host.made.build_tools = vec!["debootstrap".to_owned()];
                })
                .unwrap();
            session.record(|receipt| receipt.made.cluster.complete = true).unwrap();
            // An unreadable record may be that of our registry.
            std::fs::create_dir_all(&session.paths.cache).unwrap();
            std::fs::write(session.paths.cache.join("registry.json"), "{").unwrap();
            let down = plan(&session, Depth::Machine).unwrap();
            assert_eq!(ids(&down), ["cluster", "registry", "state", "build-tools", "engine", "cache"]);
            let up = up::plan(&session).unwrap();
            for step in up.steps() {
                let title =
                    |plan: &Plan| Some(plan.steps().iter().find(|one| one.id == step.id)?.title.clone());
                let reverted = (step.undo == Undo::Reverted).then(|| step.title.clone());
                assert_eq!(title(&down), reverted, "{}", step.id);
            }
        }
    }

    #[test]
    fn without_purge_installed_packages_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        session.record_host(|host| host.made.build_tools = vec!["debootstrap".to_owned()]).unwrap();
        session.record(|_| {}).unwrap();
        std::fs::create_dir_all(&session.paths.cache).unwrap();
        let down = plan(&session, Depth::Cluster).unwrap();
        assert_eq!(ids(&down), ["state"]);
    }
}
