//! The plan of `down`: reverts what the steps of `up` and other commands created, in reverse order.

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

/// The steps of `down`. Those that need the engine are left out if the session has none.
///
/// The list is in the order of creation, except that changes to the user's files come first and are thus
/// reverted last: a file that cannot be changed must not prevent the deletion of the cluster.
pub fn plan(session: &Arc<Session>, depth: Depth) -> Result<Plan> {
    let own = || session.clone();
    backwards(
        vec![
            Box::new(HostsEntries { session: own() }),
            Box::new(Directory {
                made_by: "cache",
                title: "Cache of tools and images",
                path: session.paths.cache.clone(),
                deleted_by: &[Depth::Machine],
            }),
            Box::new(EngineStep { session: own() }),
            Box::new(BuildToolsStep { images: Vec::new(), session: own() }),
            // Contains the record of our entries in the user's kubeconfigs.
            Box::new(Directory {
                made_by: "state",
                title: "State of the cluster",
                path: session.dir(),
                deleted_by: &[Depth::Cluster, Depth::Machine],
            }),
            Box::new(KubeconfigEntries { session: own() }),
            Box::new(RegistryStep { session: own() }),
            Box::new(ClusterStep { session: own() }),
        ],
        depth,
    )
}

/// The state directory of the cluster, or the cache.
struct Directory {
    made_by: &'static str,
    title: &'static str,
    path: PathBuf,
    deleted_by: &'static [Depth],
}

impl Revert for Directory {
    fn made_by(&self) -> &str {
        self.made_by
    }

    fn what(&self) -> String {
        self.title.to_owned()
    }

    fn losses(&self, depth: Depth) -> Vec<String> {
        let deleted = self.deleted_by.contains(&depth) && self.path.exists();
        if deleted { vec![format!("deletes {}", self.path.display())] } else { Vec::new() }
    }

    fn revert(&self, _task: &Task<'_>, _depth: Depth) -> Result<String> {
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
    use crate::steps::testing::session;
    use crate::steps::{Undo, up};

    /// Each step of `up` either gives a reason why there is nothing to revert, or is reverted by `down`.
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
                        assert!(reverted.contains(&step.id()), "`down` does not revert `{}`", step.id());
                    }
                }
            }
            assert_eq!(expected, 4);
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
        assert_eq!(down.steps().map(crate::steps::Step::id).collect::<Vec<_>>(), ["state"]);
    }
}
