//! What minikube's drivers ask of a host beyond [`Facts`] and [`Engine`], and how it is found out.

use std::path::Path;
use std::time::Duration;

use crate::engine::Engine;
use crate::exec::{Cmd, Output};
use crate::host::{Facts, Os};
use crate::task::Task;
use crate::world::World;

/// A question to another program is worth no more.
const LIMIT: Duration = Duration::from_secs(10);

/// One thing that a host has. Each is asked for because minikube v1.38.1 asks for it, in
/// `pkg/minikube/registry/drvs/*` and `cmd/minikube/cmd/start.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gear {
    /// The engine runs without root's rights.
    RootlessEngine,
    /// The engine is on another machine (`DOCKER_HOST`, `CONTAINER_HOST`).
    RemoteEngine,
    /// `sudo --non-interactive` works: minikube runs a rootful Podman with it, also for root.
    Sudo,
    /// `/dev/kvm`.
    Kvm,
    /// `virsh` reaches the system's libvirt.
    Libvirt,
    Vfkit,
    /// Windows has its hypervisor switched on.
    HyperV,
    /// This user may command it: an administrator, or one of the group Hyper-V Administrators.
    HyperVRights,
    Iptables,
    Conntrack,
    Crictl,
    CriDockerd,
    /// `/opt/cni/bin`.
    CniPlugins,
}

/// Asks the machine. What cannot be found out is taken as not there.
pub fn probe(task: &Task<'_>, world: &World, facts: &Facts, engine: Option<&Engine>) -> Vec<Gear> {
    let mut found = engine.map(|engine| of_engine(task, world, engine)).unwrap_or_default();
    match facts.os {
        Os::Linux => found.extend(linux(task, world)),
        Os::MacOs if has(world, "vfkit") => found.push(Gear::Vfkit),
        Os::MacOs => {}
        Os::Windows => found.extend(windows(task)),
    }
    found
}

fn of_engine(task: &Task<'_>, world: &World, engine: &Engine) -> Vec<Gear> {
    let format = if engine.is_podman() { "{{.Host.Security.Rootless}}" } else { "{{.SecurityOptions}}" };
    let cmd = engine.cmd("check whether the engine is rootless").args(["info", "--format", format]);
    let mut found = Vec::new();
    if answer(task, &cmd).is_some_and(|answer| is_rootless(&answer)) {
        found.push(Gear::RootlessEngine);
    }
    let host = world.var(if engine.is_podman() { "CONTAINER_HOST" } else { "DOCKER_HOST" });
    if host.is_some_and(is_remote) {
        found.push(Gear::RemoteEngine);
    }
    found
}

/// Podman says `true`, Docker lists its security options: `[name=seccomp,profile=builtin name=rootless]`.
fn is_rootless(answer: &str) -> bool {
    answer.trim() == "true" || answer.contains("name=rootless")
}

/// As minikube sees it: the address names a host, so it is no socket of this machine.
fn is_remote(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    !matches!(scheme, "unix" | "npipe" | "fd") && !rest.is_empty() && !rest.starts_with('/')
}

fn linux(task: &Task<'_>, world: &World) -> Vec<Gear> {
    let sudo = || answer(task, &Cmd::new("sudo", "check sudo").args(["-n", "true"])).is_some();
    let libvirt = || {
        let cmd = Cmd::new("virsh", "check libvirt").args(["--connect", "qemu:///system", "list"]);
        answer(task, &cmd).is_some()
    };
    let all = [
        (Gear::Sudo, has(world, "sudo") && sudo()),
        (Gear::Kvm, Path::new("/dev/kvm").exists()),
        (Gear::Libvirt, has(world, "virsh") && libvirt()),
        (Gear::Iptables, has(world, "iptables")),
        (Gear::Conntrack, has(world, "conntrack")),
        (Gear::Crictl, has(world, "crictl")),
        (Gear::CriDockerd, has(world, "cri-dockerd")),
        (Gear::CniPlugins, Path::new("/opt/cni/bin").is_dir()),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(gear, _)| gear).collect()
}

fn windows(task: &Task<'_>) -> Vec<Gear> {
    // 544 and 578 are the well-known groups Administrators and Hyper-V Administrators.
    const RIGHTS: &str = "$me = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent(); \
        $me.IsInRole([Security.Principal.SecurityIdentifier]'S-1-5-32-544') -or \
        $me.IsInRole([Security.Principal.SecurityIdentifier]'S-1-5-32-578')";
    const PRESENT: &str = "(Get-CimInstance Win32_ComputerSystem).HypervisorPresent";
    let says = |script: &str| {
        let cmd = Cmd::new("powershell", "check Hyper-V").args(["-NoProfile", "-NonInteractive", script]);
        answer(task, &cmd).is_some_and(|answer| answer.trim() == "True")
    };
    let all = [(Gear::HyperV, PRESENT), (Gear::HyperVRights, RIGHTS)];
    all.into_iter().filter(|(_, script)| says(script)).map(|(gear, _)| gear).collect()
}

fn has(world: &World, program: &str) -> bool {
    which::which_in(program, world.env.get("PATH"), &world.cwd).is_ok()
}

fn answer(task: &Task<'_>, cmd: &Cmd) -> Option<String> {
    let output = task.run(&cmd.clone().within(LIMIT).any_status()).ok()?;
    Some(output).filter(Output::ok).map(|output| output.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::host::recorded::{macos, windows};

    #[test]
    fn an_engine_says_whether_it_is_rootless() {
        assert!(is_rootless("true\n") && is_rootless("[name=seccomp,profile=builtin name=rootless]"));
        assert!(!is_rootless("false") && !is_rootless("[name=apparmor]") && !is_rootless(""));
    }

    #[test]
    fn an_address_with_a_host_is_another_machine() {
        assert!(is_remote("tcp://10.0.0.7:2376") && is_remote("ssh://me@box"));
        for here in ["", "unix:///run/user/1000/docker.sock", "npipe:////./pipe/docker_engine", "box"] {
            assert!(!is_remote(here), "{here}");
        }
    }

    #[test]
    fn each_system_is_asked_its_own_questions() {
        let mut world = World::real();
        world.env.clear();
        world.env.insert("DOCKER_HOST".to_owned(), "ssh://me@box".into());
        let script = Script::default()
            .on("docker info", 0, "[name=rootless]\n")
            .on("powershell -NoProfile", 0, "True\r\n")
            .on("powershell -NoProfile", 0, "False\r\n");
        let found = with_task(&script, |task| probe(task, &world, &windows(), Some(&engine()))).0;
        assert_eq!(found, [Gear::RootlessEngine, Gear::RemoteEngine, Gear::HyperV]);
        let none = with_task(&Script::default(), |task| probe(task, &world, &macos(), None)).0;
        assert!(none.is_empty(), "{none:?}");
    }
}
