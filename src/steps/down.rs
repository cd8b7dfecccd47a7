//! The plan of `down`: what the steps of `up` and the commands beside it made, walked backwards.

use std::path::PathBuf;
use std::sync::Arc;

use super::build_tools::BuildToolsStep;
use super::cluster::ClusterStep;
use super::engine::EngineStep;
use super::hosts_entry::HostsEntries;
use super::kubeconfig::KubeconfigEntries;
use super::registry::RegistryStep;
use super::undo::backwards;
use super::{Depth, Plan, Revert, Session};
use crate::error::{Error, Result};
use crate::task::Task;

/// Steps of `down`. In the engine it reverts only what is there, if the session knows an engine.
///
/// The order is the one in which things are made, with one exception: what is in a file of the user
/// comes first, so that it is reverted last. Whatever state such a file is in, and whoever may write to
/// it, the cluster is deleted.
pub fn plan(session: &Arc<Session>, depth: Depth) -> Result<Plan> {
    let own = || session.clone();
    backwards(
        vec![
            Box::new(HostsEntries { session: own() }),
            Box::new(Directory { made_by: "cache", session: own() }),
            Box::new(EngineStep { session: own() }),
            Box::new(BuildToolsStep { images: Vec::new(), session: own() }),
            // It tells what is ours in the user's kubeconfigs.
            Box::new(Directory { made_by: "state", session: own() }),
            Box::new(KubeconfigEntries { session: own() }),
            Box::new(RegistryStep { session: own() }),
            Box::new(ClusterStep { session: own() }),
        ],
        depth,
    )
}

/// The state of the cluster, or the cache, which all steps write to.
struct Directory {
    made_by: &'static str,
    session: Arc<Session>,
}

impl Directory {
    fn is_state(&self) -> bool {
        self.made_by == "state"
    }

    fn path(&self) -> PathBuf {
        if self.is_state() { self.session.dir() } else { self.session.paths.cache.clone() }
    }
}

impl Revert for Directory {
    fn made_by(&self) -> &str {
        self.made_by
    }

    fn what(&self) -> String {
        if self.is_state() { "State of the cluster" } else { "Cache of tools and images" }.to_owned()
    }

    fn losses(&self, depth: Depth) -> Vec<String> {
        let path = self.path();
        let goes = path.exists() && (self.is_state() || depth == Depth::Machine);
        if goes { vec![format!("deletes {}", path.display())] } else { Vec::new() }
    }

    fn revert(&self, _task: &Task<'_>, _depth: Depth) -> Result<String> {
        let path = self.path();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("delete", &path, &error))
            }
            _ => Ok("deleted".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::session;
    use crate::steps::{Undo, up};

    /// A step that makes something cannot be added without its way back: each step of `up` either names
    /// why there is nothing to revert, or is one that `down` reverts.
    #[test]
    fn down_reverts_all_that_up_makes() {
        for profile in ["kind", "minikube"] {
            let dir = tempfile::tempdir().unwrap();
            let session = session(dir.path(), profile);
            // All that can be lost is there.
            session.set_engine(crate::engine::testing::engine());
            session
                .record_host(|host| {
                    host.made.engine.daemon = Some((1, 1));
                    host.made.build_tools = vec!["debootstrap".to_owned()];
                })
                .unwrap();
            session.record(|receipt| receipt.made.cluster.complete = true).unwrap();
            // A record that cannot be read may name a registry of ours.
            std::fs::create_dir_all(&session.paths.cache).unwrap();
            std::fs::write(session.paths.cache.join("registry.json"), "{").unwrap();
            let down = plan(&session, Depth::Machine).unwrap();
            let reverted: Vec<&str> = down.steps().map(crate::steps::Step::id).collect();
            assert_eq!(reverted, ["cluster", "registry", "state", "build-tools", "engine", "cache"]);
            let up = up::plan(&session).unwrap();
            let mut expected = 0;
            for step in up.steps() {
                match step.undo() {
                    Undo::Nothing(why) => assert!(!why.is_empty(), "{}", step.id()),
                    Undo::By(revert) => {
                        expected += 1;
                        assert_eq!(revert.made_by(), step.id());
                        assert!(reverted.contains(&step.id()), "`down` leaves what `{}` made", step.id());
                    }
                }
            }
            assert_eq!(expected, 4);
        }
    }

    #[test]
    fn without_purge_the_machine_keeps_what_was_installed() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        session.record_host(|host| host.made.build_tools = vec!["debootstrap".to_owned()]).unwrap();
        session.record(|_| {}).unwrap();
        std::fs::create_dir_all(&session.paths.cache).unwrap();
        let down = plan(&session, Depth::Cluster).unwrap();
        assert_eq!(down.steps().map(crate::steps::Step::id).collect::<Vec<_>>(), ["state"]);
    }
}
