//! What is wrong with an engine that responds, but in which a cluster cannot run.

use std::path::Path;

use super::{Engine, Fault};
use crate::error::{Error, Result};
use crate::host::Facts;

impl Engine {
    /// The conditions that kind checks before it creates a node (`validateProvider` in
    /// `pkg/cluster/internal/create/create.go`); minikube's nodes have the same ones.
    pub fn unfit(&self, facts: &Facts) -> Option<Fault> {
        let cgroup = match self.cgroup_version {
            0 => facts.cgroup.version().unwrap_or_default(),
            version => version,
        };
        if !self.rootless {
            None
        } else if cgroup == 1 {
            Some(Fault::RootlessCgroupV1)
        } else if self.unlimited.is_empty() {
            None
        } else {
            Some(Fault::NotDelegated { missing: self.unlimited.join(", ") })
        }
    }

    /// Fails if the client cannot open `path` because it is a snap: its interface `home` excludes hidden directories,
    /// and its `/tmp` is its own (canonical/docker-snap#334, docker/desktop-linux#226).
    pub fn check_access(&self, path: &Path) -> Result<()> {
        let Some(home) = &self.confined_to else { return Ok(()) };
        let first = path.strip_prefix(home).ok().and_then(|below| below.components().next());
        let hidden = |part: std::path::Component<'_>| part.as_os_str().to_string_lossy().starts_with('.');
        if path.is_relative() || first.is_some_and(|part| !hidden(part)) {
            return Ok(());
        }
        Err(Error::host(format!("{} cannot read {} (engine-snap)", self.client.display(), path.display()))
            .because("Docker from snap reads only files in visible directories below the home directory")
            .help(
                "sudo snap remove docker   # then `todo-bootstrap doctor` names the packages of this system",
            )
            .help(
                "or keep everything in visible directories: move the project there, and for the cache: \
                 export TODO_BOOTSTRAP_CACHE=\"$HOME/todo-bootstrap-cache\"",
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::engine;
    use crate::host::recorded::{debian, micro_vm};

    #[test]
    fn only_engines_without_root_need_delegation_and_cgroup_v2() {
        let all = ["cpu", "memory", "pids"];
        for (rootless, cgroup_version, unlimited, code) in [
            (false, 1, &all[..], None),
            (false, 2, &all[..1], None),
            (true, 2, &[], None),
            (true, 2, &all[..1], Some("engine-delegation")),
            (true, 1, &[], Some("engine-rootless-cgroup")),
        ] {
            let engine = Engine { rootless, cgroup_version, unlimited: unlimited.to_vec(), ..engine() };
            assert_eq!(engine.unfit(&debian()).map(|fault| fault.code()), code, "{engine:?}");
        }
        // What the engine does not report is that of the machine.
        let silent = Engine { rootless: true, cgroup_version: 0, ..engine() };
        assert_eq!(silent.unfit(&micro_vm()), Some(Fault::RootlessCgroupV1));
        assert_eq!(silent.unfit(&debian()), None);
    }

    #[test]
    fn a_snap_reads_visible_files_below_the_home_directory_only() {
        let snap = Engine { confined_to: Some("/home/u".into()), ..engine() };
        for (path, readable) in [
            ("/home/u/todo/services", true),
            ("/home/u/todo/.next", true),
            ("/home/u/.cache/todo-bootstrap/images/a.tar", false),
            ("/home/u", false),
            ("/home/v/todo", false),
            ("/tmp/todo", false),
            (".", true),
        ] {
            assert_eq!(snap.check_access(Path::new(path)).is_ok(), readable, "{path}");
            assert!(engine().check_access(Path::new(path)).is_ok());
        }
        let error = snap.check_access(Path::new("/tmp/todo")).unwrap_err();
        assert!(
            error.what().contains("(engine-snap)") && error.hints()[0].starts_with("sudo snap"),
            "{error}"
        );
    }
}
