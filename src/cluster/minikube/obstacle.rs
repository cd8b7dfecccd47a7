//! What keeps a driver from working on a host, each with its remedy.

use super::driver::{Driver, Host, engine_help};
use super::gear::Gear;
use crate::config::show_bytes;
use crate::engine::EngineHost;
use crate::host::{Arch, Os};

/// One thing in the way of a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// A clause without a full stop.
    pub what: String,
    /// Commands, or the one thing to change.
    pub help: Vec<String>,
}

/// All that stands in the way of `driver`, the plainest first; empty where it can be used. What the
/// wrong system lacks besides is not listed.
pub fn all(driver: Driver, host: &Host<'_>) -> Vec<Obstacle> {
    let facts = host.facts;
    if let Some(wrong) = wrong_system(driver, facts.os) {
        return vec![wrong];
    }
    let mut found = Vec::new();
    if facts.arch == Arch::Other || (driver == Driver::Kvm2 && facts.arch != Arch::Amd64) {
        let arch = facts.arch.name();
        found.push(obstacle(format!("minikube has no {} for {arch}", driver.name()), "use another machine"));
    }
    match driver {
        Driver::Docker | Driver::Podman => container(driver, host, &mut found),
        Driver::Vfkit => lack(host, &mut found, &[VFKIT]),
        Driver::Hyperv => lack(host, &mut found, &[HYPERV, HYPERV_RIGHTS]),
        Driver::Kvm2 => lack(host, &mut found, &[KVM, LIBVIRT]),
        Driver::None => {
            if !facts.root {
                let what = "the node would be this machine itself, which requires root";
                found.push(obstacle(what, "sudo todo-bootstrap up --profile minikube"));
            }
            lack(host, &mut found, &NONE);
        }
    }
    found.extend(memory(driver, host));
    found
}

fn obstacle(what: impl Into<String>, help: impl Into<String>) -> Obstacle {
    Obstacle { what: what.into(), help: vec![help.into()] }
}

fn wrong_system(driver: Driver, os: Os) -> Option<Obstacle> {
    let (needed, name) = match driver {
        Driver::Docker | Driver::Podman => return None,
        Driver::Vfkit => (Os::MacOs, "macOS"),
        Driver::Hyperv => (Os::Windows, "Windows"),
        Driver::Kvm2 | Driver::None => (Os::Linux, "Linux"),
    };
    let remove = "remove `driver` from [cluster] of the profile";
    (os != needed).then(|| obstacle(format!("{} is available on {name} only", driver.name()), remove))
}

/// What is needed, the sentence where it is not there, and the remedy.
type Need = (Gear, &'static str, &'static str);

const VFKIT: Need = (Gear::Vfkit, "the program vfkit is not on PATH", "brew install vfkit");
const HYPERV: Need = (
    Gear::HyperV,
    "Hyper-V is disabled",
    "Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All   # in PowerShell as administrator; then restart",
);
const HYPERV_RIGHTS: Need = (
    Gear::HyperVRights,
    "Hyper-V can only be used by administrators, and this user is not one",
    "run this in a PowerShell that was started by `Run as administrator`",
);
const KVM: Need = (
    Gear::Kvm,
    "there is no /dev/kvm",
    "enable virtualization in the firmware (or nested virtualization in a VM)",
);
const LIBVIRT: Need = (
    Gear::Libvirt,
    "libvirt does not respond to this user",
    "install libvirt and qemu, then: sudo systemctl enable --now libvirtd && sudo usermod -aG libvirt \"$USER\"",
);
const INSTALL: &str = "install what is named above, or set driver = \"docker\" in [cluster] of the profile";
const NONE: [Need; 5] = [
    (Gear::Iptables, "the program iptables is not on PATH", INSTALL),
    (Gear::Conntrack, "the program conntrack is not on PATH", INSTALL),
    (Gear::Crictl, "the program crictl is not on PATH", INSTALL),
    (Gear::CriDockerd, "the program cri-dockerd is not on PATH", INSTALL),
    (Gear::CniPlugins, "the CNI plugins are not in /opt/cni/bin", INSTALL),
];

fn lack(host: &Host<'_>, found: &mut Vec<Obstacle>, needs: &[Need]) {
    let missing = needs.iter().filter(|(gear, ..)| !host.has(*gear));
    found.extend(missing.map(|(_, what, help)| obstacle(*what, *help)));
}

const BOOT_V2: &str = "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line";
const ROOTFUL: &str = "docker context use default   # if a rootful engine is also installed";

fn container(driver: Driver, host: &Host<'_>, found: &mut Vec<Obstacle>) {
    let Some(engine) = host.engine else {
        let what = "no container engine answers".to_owned();
        found.push(Obstacle { what, help: engine_help(host) });
        return;
    };
    if engine.is_podman() != (driver == Driver::Podman) {
        let own = if engine.is_podman() { "podman" } else { "docker" };
        let help = format!("set driver = \"{own}\" in [cluster] of the profile");
        found.push(obstacle(format!("the engine that answers is {own}"), help));
        return;
    }
    let rootless = host.has(Gear::RootlessEngine);
    let cgroup = match engine.cgroup_version {
        0 => host.facts.cgroup.version().unwrap_or_default(),
        version => version,
    };
    if rootless && cgroup == 1 {
        found.push(Obstacle {
            what: format!("{} runs rootless, which requires cgroup v2, but this machine has v1", engine.name),
            help: match driver {
                Driver::Docker => vec![BOOT_V2.to_owned(), ROOTFUL.to_owned()],
                _ => vec![BOOT_V2.to_owned()],
            },
        });
    }
    // On macOS and Windows, Podman is a client of its virtual machine, without sudo.
    if driver == Driver::Podman && host.facts.os == Os::Linux && !rootless && !host.has(Gear::Sudo) {
        found.push(Obstacle {
            what: "minikube starts root's Podman with `sudo -n`, which does not work here".to_owned(),
            help: vec![
                "install sudo, and allow `NOPASSWD: /usr/bin/podman` for this user with visudo".to_owned(),
                "todo-bootstrap up --profile kind   # needs no sudo".to_owned(),
            ],
        });
    }
}

/// The node has to fit into what the engine has, or the machine.
fn memory(driver: Driver, host: &Host<'_>) -> Option<Obstacle> {
    let asked = host.memory.filter(|_| driver != Driver::None)?;
    let engine = host.engine.filter(|_| driver.is_container());
    let (has, home) = engine.map_or((host.facts.memory, None), |engine| (engine.memory, Some(engine.host)));
    if asked <= has {
        return None;
    }
    // A virtual machine keeps a part of its memory to itself.
    let gib = asked.div_ceil(1 << 30) + 1;
    let (who, help) = match home {
        Some(EngineHost::DockerDesktop) if host.facts.os == Os::Windows || host.facts.wsl => (
            "Docker Desktop",
            format!("set memory={gib}GB below [wsl2] in %UserProfile%\\.wslconfig, then: wsl --shutdown"),
        ),
        Some(EngineHost::DockerDesktop) => {
            ("Docker Desktop", format!("raise Settings > Resources > Memory to {gib} GB in Docker Desktop"))
        }
        Some(EngineHost::Colima) => ("Colima", format!("colima stop && colima start --memory {gib}")),
        Some(EngineHost::PodmanMachine) => (
            "the Podman machine",
            format!(
                "podman machine stop && podman machine set --memory {} && podman machine start",
                gib * 1024
            ),
        ),
        _ => ("this machine", "set memory = \"auto\" in [cluster] of the profile".to_owned()),
    };
    let what = format!("{who} has {} of memory, but {} are requested", show_bytes(has), show_bytes(asked));
    let mut found = obstacle(what, help);
    if home.is_some_and(|home| home != EngineHost::Unknown) {
        found.help.push("or set memory = \"auto\" in [cluster] of the profile".to_owned());
    }
    Some(found)
}
