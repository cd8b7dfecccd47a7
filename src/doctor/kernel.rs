//! Kernel features that nodes need: control groups and capabilities.

use super::fix::sudo;
use super::{Answer, Inputs, Severity};
use crate::host::{Cgroup, Inotify, Os};

/// The earliest Kubernetes version that may not support cgroup v1 (KEP 5573). Since 1.35, the kubelet only
/// accepts it with `failCgroupV1: false`, which our clusters set.
const NEEDS_V2: u64 = 38;
/// Without these, no container engine works.
const ENGINES_NEED: [&str; 2] = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"];
/// Without this one, runc cannot start privileged containers.
const PRIVILEGED_NEED: &str = "CAP_SYS_RESOURCE";

pub(super) fn cgroup_version(inputs: &Inputs<'_>) -> Answer {
    let asked = inputs.engine.map(|engine| engine.cgroup_version).filter(|version| *version > 0);
    let minor = inputs.kubernetes_minor;
    match asked.or_else(|| inputs.facts.cgroup.version()) {
        Some(2) => Answer::ok("version 2"),
        Some(version) if minor >= NEEDS_V2 => {
            Answer::fail(format!("version {version}; Kubernetes 1.{minor} needs version 2"), unify(inputs))
        }
        Some(version) => {
            let layout = if inputs.facts.cgroup == Cgroup::Hybrid { " (hybrid)" } else { "" };
            Answer::warn(
                format!("version {version}{layout}; Kubernetes 1.{minor} runs, 1.{NEEDS_V2} may not"),
                unify(inputs),
            )
        }
        None if inputs.facts.os == Os::Linux => {
            let mount = format!("{}mount -t cgroup2 none /sys/fs/cgroup", sudo(inputs.facts));
            Answer::solved(Severity::Fail, "none is mounted at /sys/fs/cgroup", &[mount])
        }
        None => Answer::ok("provided by the engine"),
    }
}

fn unify(inputs: &Inputs<'_>) -> String {
    if inputs.facts.wsl {
        return "set kernelCommandLine = cgroup_no_v1=all below [wsl2] in %UserProfile%\\.wslconfig"
            .to_owned();
    }
    "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line".to_owned()
}

/// Limits below the kernel's own defaults: 128 instances, and at least 8192 watches (`inotify(7)`). kind
/// suggests the values of the remedy (kind.sigs.k8s.io/docs/user/known-issues, "too many open files").
pub(super) fn inotify(inputs: &Inputs<'_>) -> Answer {
    const LEAST: Inotify = Inotify { instances: 128, watches: 8192 };
    let Some(Inotify { instances, watches }) = inputs.details.inotify else {
        return Answer::ok("limited by the engine's machine");
    };
    let detail = format!("{instances} inotify instances and {watches} watches for each user");
    if instances >= LEAST.instances && watches >= LEAST.watches {
        return Answer::ok(detail);
    }
    let detail = format!("{detail}; pods fail with \"too many open files\"");
    let sudo = sudo(inputs.facts);
    let limits = "fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288";
    Answer::solved(Severity::Warn, detail, &[format!("{sudo}sysctl {limits}")])
}

pub(super) fn unmounted(inputs: &Inputs<'_>) -> Answer {
    let missing = &inputs.facts.unmounted_controllers;
    if missing.is_empty() {
        return Answer::ok("all mounted, or none in use");
    }
    Answer::warn(
        format!(
            "{} not mounted; once a container with the host's cgroup namespace mounts them, a kubelet dies \
             of \"missing paths\" (our node image hides them)",
            missing.join(", ")
        ),
        "use the node image that todo-bootstrap builds",
    )
}

pub(super) fn capabilities(inputs: &Inputs<'_>) -> Answer {
    let missing = &inputs.facts.missing_capabilities;
    let lacks = |name: &str| missing.iter().any(|missing| missing == name);
    if missing.is_empty() {
        return Answer::ok("none is missing");
    }
    let list = missing.join(", ");
    if ENGINES_NEED.iter().any(|name| lacks(name)) {
        return Answer::fail(
            format!("{list} missing: this looks like an unprivileged container"),
            "run on the machine itself, or in a container started with --privileged",
        );
    }
    if !lacks(PRIVILEGED_NEED) {
        return Answer::ok(format!("{list} missing; nodes do not need them"));
    }
    match inputs.engine {
        Some(engine) if engine.runtime == "bounded" => {
            Answer::ok(format!("{list} missing; the engine's runtime requests only the available ones"))
        }
        // Podman gives a privileged container its own capabilities (`--privileged` in podman-run(1)).
        Some(engine) if engine.is_podman() => {
            Answer::ok(format!("{list} missing; Podman does not need them"))
        }
        Some(_) => Answer::fail(
            format!("{list} missing: privileged containers fail with \"unable to apply caps\""),
            "make a runtime that does not ask for it the default in /etc/docker/daemon.json (see \
             offline/host/runc-bounded), then restart the engine",
        ),
        None => Answer::warn(
            format!("{list} missing: privileged containers need a runtime that does not request it"),
            "todo-bootstrap up --yes   # configures it in the engine that it installs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Facts;
    use crate::host::recorded::{debian, macos, micro_vm, wsl};

    fn inputs(facts: &Facts, kubernetes_minor: u64) -> Inputs<'_> {
        Inputs { kubernetes_minor, ..crate::doctor::inputs(facts) }
    }

    #[test]
    fn cgroup_v1_serves_up_to_1_37() {
        let facts = micro_vm();
        assert_eq!(cgroup_version(&inputs(&facts, 37)).severity, Severity::Warn);
        assert_eq!(cgroup_version(&inputs(&facts, 38)).severity, Severity::Fail);
        assert_eq!(cgroup_version(&inputs(&debian(), 38)).severity, Severity::Ok);
        assert_eq!(cgroup_version(&inputs(&macos(), 38)).severity, Severity::Ok);
        let facts = Facts { cgroup: Cgroup::V1, ..wsl() };
        assert!(cgroup_version(&inputs(&facts, 37)).remedy.unwrap().contains(".wslconfig"));
        let facts = Facts { cgroup: Cgroup::None, ..debian() };
        assert_eq!(cgroup_version(&inputs(&facts, 37)).severity, Severity::Fail);
    }

    #[test]
    fn cut_capabilities_matter_by_name() {
        let of = |names: &[&str]| {
            let missing_capabilities = names.iter().map(|name| (*name).to_owned()).collect();
            let facts = Facts { missing_capabilities, ..debian() };
            capabilities(&inputs(&facts, 37)).severity
        };
        assert_eq!(of(&[]), Severity::Ok);
        assert_eq!(of(&["CAP_SYS_TIME"]), Severity::Ok);
        assert_eq!(of(&["CAP_SYS_RESOURCE"]), Severity::Warn);
        assert_eq!(of(&["CAP_SYS_RESOURCE", "CAP_SYS_ADMIN"]), Severity::Fail);
    }

    #[test]
    fn unmounted_controllers_are_listed() {
        assert!(unmounted(&inputs(&micro_vm(), 37)).detail.starts_with("hugetlb not mounted"));
        assert_eq!(unmounted(&inputs(&debian(), 37)).severity, Severity::Ok);
    }
}
