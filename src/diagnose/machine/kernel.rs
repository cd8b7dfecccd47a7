//! What of the kernel nodes need: control groups and capabilities.

use super::{Answer, Scene};
use crate::host::{Cgroup, Os};

/// The first Kubernetes that has no cgroup v1 any more, at the earliest (KEP 5573). From 1.35 on a
/// kubelet takes it only when told to, which clusters of ours do (`failCgroupV1: false`).
const NEEDS_V2: u64 = 38;
/// Without these no container engine runs at all.
const ENGINES_NEED: [&str; 2] = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"];
/// Without this one runc starts no privileged container.
const PRIVILEGED_NEED: &str = "CAP_SYS_RESOURCE";

pub(super) fn cgroup_version(scene: &Scene<'_>) -> Answer {
    let asked = scene.engine.map(|engine| engine.cgroup_version).filter(|version| *version > 0);
    let minor = scene.kubernetes_minor;
    match asked.or_else(|| scene.facts.cgroup.version()) {
        Some(2) => Answer::ok("version 2"),
        Some(version) if minor >= NEEDS_V2 => {
            Answer::fail(format!("version {version}; Kubernetes 1.{minor} needs version 2"), unify(scene))
        }
        Some(version) => {
            let layout = if scene.facts.cgroup == Cgroup::Hybrid { " (hybrid)" } else { "" };
            Answer::warn(
                format!("version {version}{layout}; Kubernetes 1.{minor} runs, 1.{NEEDS_V2} may not"),
                unify(scene),
            )
        }
        None if scene.facts.os == Os::Linux => {
            Answer::fail("none is mounted at /sys/fs/cgroup", "sudo mount -t cgroup2 none /sys/fs/cgroup")
        }
        None => Answer::ok("the engine's own business"),
    }
}

fn unify(scene: &Scene<'_>) -> String {
    if scene.facts.wsl {
        return "set kernelCommandLine = cgroup_no_v1=all below [wsl2] in %UserProfile%\\.wslconfig"
            .to_owned();
    }
    "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line".to_owned()
}

pub(super) fn unmounted(scene: &Scene<'_>) -> Answer {
    let missing = &scene.facts.unmounted_controllers;
    if missing.is_empty() {
        return Answer::ok("all mounted, or none in use");
    }
    Answer::warn(
        format!(
            "{} not mounted; once a container with the host's cgroup namespace mounts them, a kubelet dies \
             of \"missing paths\" (our node image hides them)",
            missing.join(", ")
        ),
        "use the node image that todo-bootstrap makes",
    )
}

pub(super) fn capabilities(scene: &Scene<'_>) -> Answer {
    let missing = &scene.facts.missing_capabilities;
    let lacks = |name: &str| missing.iter().any(|missing| missing == name);
    if missing.is_empty() {
        return Answer::ok("none is cut from this machine");
    }
    let list = missing.join(", ");
    if ENGINES_NEED.iter().any(|name| lacks(name)) {
        return Answer::fail(
            format!("{list} cut: this looks like an unprivileged container"),
            "run on the machine itself, or in a container started with --privileged",
        );
    }
    if !lacks(PRIVILEGED_NEED) {
        return Answer::ok(format!("{list} cut; nodes do without"));
    }
    match scene.engine {
        Some(engine) if engine.runtime == "bounded" => {
            Answer::ok(format!("{list} cut; the engine's runtime asks for what there is"))
        }
        // Podman gives a privileged container what Podman itself has (`--privileged` in podman-run(1)).
        Some(engine) if engine.is_podman() => Answer::ok(format!("{list} cut; Podman does without")),
        Some(_) => Answer::fail(
            format!("{list} cut: privileged containers fail with \"unable to apply caps\""),
            "make a runtime that does not ask for it the default in /etc/docker/daemon.json (see \
             offline/host/runc-bounded), then restart the engine",
        ),
        None => Answer::warn(
            format!("{list} cut: privileged containers need a runtime that does not ask for it"),
            "todo-bootstrap up --yes   # sets it up with the engine that it installs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Need;
    use crate::diagnose::machine::Severity;
    use crate::host::Facts;
    use crate::host::recorded::{debian, macos, micro_vm, wsl};

    fn scene(facts: &Facts, kubernetes_minor: u64) -> Scene<'_> {
        Scene { facts, engine: None, fault: None, kubernetes_minor, need: Need::default(), pinned: None }
    }

    #[test]
    fn cgroup_v1_serves_up_to_1_37() {
        let facts = micro_vm();
        assert_eq!(cgroup_version(&scene(&facts, 37)).severity, Severity::Warn);
        assert_eq!(cgroup_version(&scene(&facts, 38)).severity, Severity::Fail);
        assert_eq!(cgroup_version(&scene(&debian(), 38)).severity, Severity::Ok);
        assert_eq!(cgroup_version(&scene(&macos(), 38)).severity, Severity::Ok);
        let facts = Facts { cgroup: Cgroup::V1, ..wsl() };
        assert!(cgroup_version(&scene(&facts, 37)).remedy.unwrap().contains(".wslconfig"));
        let facts = Facts { cgroup: Cgroup::None, ..debian() };
        assert_eq!(cgroup_version(&scene(&facts, 37)).severity, Severity::Fail);
    }

    #[test]
    fn cut_capabilities_matter_by_name() {
        let of = |names: &[&str]| {
            let missing_capabilities = names.iter().map(|name| (*name).to_owned()).collect();
            let facts = Facts { missing_capabilities, ..debian() };
            capabilities(&scene(&facts, 37)).severity
        };
        assert_eq!(of(&[]), Severity::Ok);
        assert_eq!(of(&["CAP_SYS_TIME"]), Severity::Ok);
        assert_eq!(of(&["CAP_SYS_RESOURCE"]), Severity::Warn);
        assert_eq!(of(&["CAP_SYS_RESOURCE", "CAP_SYS_ADMIN"]), Severity::Fail);
    }

    #[test]
    fn unmounted_controllers_are_listed() {
        assert!(unmounted(&scene(&micro_vm(), 37)).detail.starts_with("hugetlb not mounted"));
        assert_eq!(unmounted(&scene(&debian(), 37)).severity, Severity::Ok);
    }
}
