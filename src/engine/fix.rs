//! How a fault is fixed: exact commands for each system, and whether `up` can run them itself.

use super::Fault;
use crate::host::{Distro, Facts, Os, Packages};

/// The command that selects Podman beside an installed Docker.
pub const USE_PODMAN: &str = "export TODO_BOOTSTRAP_ENGINE=podman";

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fix {
    /// One sentence.
    pub explanation: String,
    /// In the order in which they have to be run.
    pub commands: Vec<String>,
    /// Whether `up --yes` runs them.
    pub automatic: bool,
}

pub fn fix(fault: &Fault, facts: &Facts) -> Fix {
    match (fault, facts.os) {
        (Fault::Absent, Os::Linux) => absent_linux(facts),
        (Fault::Absent, Os::MacOs) => manual(
            "Docker Desktop also works: brew install --cask docker-desktop",
            &["brew install colima docker docker-buildx", "colima start --cpu 4 --memory 8"],
        ),
        (Fault::Absent, Os::Windows) => manual(
            "install Docker Desktop with its WSL2 engine, or work inside WSL2 (wsl --install)",
            &["winget install --exact --id Docker.DockerDesktop"],
        ),
        (Fault::NotRunning { detail }, os) => virtual_machine(detail, os).unwrap_or_else(|| stopped(facts)),
        (Fault::Endpoint { endpoint, other, .. }, os) => match virtual_machine(&endpoint.address, os) {
            Some(fix) if !other => fix,
            _ => {
                let explanation = if *other {
                    "another engine is running on this machine"
                } else {
                    "this selects the default engine"
                };
                manual(explanation, &[&endpoint.reset(facts)])
            }
        },
        (Fault::Remote { endpoint }, _) => manual(
            "the engine must run on this machine, because the ports of the cluster and of the local registry are \
             published on the engine's loopback address",
            &[&endpoint.reset(facts)],
        ),
        (Fault::WslIntegration { detail }, _) => wsl_integration(detail),
        (Fault::RootlessCgroupV1, _) => manual(
            "its control groups cannot be limited there; systemd mounts cgroup v2 if the kernel's command line says so",
            &[
                "add systemd.unified_cgroup_hierarchy=1 to GRUB_CMDLINE_LINUX in /etc/default/grub, then: sudo update-grub \
                 && sudo reboot",
                "docker context use default   # if an engine with root is installed as well",
            ],
        ),
        (Fault::NotDelegated { .. }, _) => delegation(facts),
        (Fault::Beside { fault, .. }, _) => {
            let mut fix = fix(fault, facts);
            fix.commands.push(format!("{USE_PODMAN}   # uses Podman instead"));
            fix
        }
        (Fault::NoPermission { .. }, Os::Linux) => manual(
            "this session is not in the group docker, which owns the engine's socket; members of that \
             group have root privileges",
            &["sudo usermod -aG docker \"$USER\"", "newgrp docker"],
        ),
        (Fault::NoPermission { .. }, _) => {
            manual("the engine's socket is owned by another user", &["docker context ls"])
        }
        (Fault::Unusable { detail }, _) => manual(
            "check the engine with its own client, then update the client or the engine",
            &[if detail.contains("podman") { "podman version" } else { "docker version" }],
        ),
    }
}

/// As Docker's helper script for WSL asks for. It exists for WSL 1 as well, which Docker Desktop does not support.
fn wsl_integration(detail: &str) -> Fix {
    let mut fix = manual(
        "Docker Desktop on Windows makes its engine available to the distributions that are selected there",
        &[
            "Docker Desktop: Settings > Resources > WSL integration: enable this distribution, then Apply",
            "hash -r && docker version   # shows a server once the integration works",
        ],
    );
    if detail.contains("WSL 1") {
        let convert = "wsl --set-version DISTRIBUTION 2   # in PowerShell; `wsl --list` shows the name";
        fix.commands.insert(0, convert.to_owned());
    }
    fix
}

/// From Docker's and kind's documentation of rootless engines. The controllers are named, because systemd's default
/// for users lacks `cpu` and `cpuset`.
fn delegation(facts: &Facts) -> Fix {
    if !facts.systemd {
        let explanation =
            "systemd is not running; delegate the controllers with the init system of this machine";
        return manual(explanation, &["see https://kind.sigs.k8s.io/docs/user/rootless/"]);
    }
    let sudo = sudo(facts);
    let file = "/etc/systemd/system/user@.service.d/delegate.conf";
    let commands = [
        format!("{sudo}mkdir -p /etc/systemd/system/user@.service.d"),
        format!("printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | {sudo}tee {file}"),
        format!("{sudo}systemctl daemon-reload"),
        "todo-bootstrap up   # after you logged out and in again".to_owned(),
    ];
    Fix {
        explanation: "systemd delegates only some control groups to users by default".to_owned(),
        commands: commands.into(),
        automatic: false,
    }
}

fn manual(explanation: &str, commands: &[&str]) -> Fix {
    Fix {
        explanation: explanation.to_owned(),
        commands: commands.iter().map(|command| (*command).to_owned()).collect(),
        automatic: false,
    }
}

fn start_docker_desktop(os: Os) -> &'static str {
    match os {
        Os::Linux => "systemctl --user start docker-desktop",
        Os::MacOs => "open -a Docker",
        Os::Windows => r#"start "" "C:\Program Files\Docker\Docker\Docker Desktop.exe""#,
    }
}

/// How to start the virtual machine or service that `text` names by its address.
fn virtual_machine(text: &str, os: Os) -> Option<Fix> {
    let has = |part: &str| text.contains(part);
    if has("colima") {
        Some(manual("Colima's virtual machine is stopped", &["colima start"]))
    } else if has(".orbstack") {
        Some(manual("OrbStack is not running", &["orb start"]))
    } else if has("/.rd/") {
        Some(manual("Rancher Desktop is not running", &["rdctl start"]))
    } else if has("/.docker/") || has("dockerDesktop") {
        Some(manual("Docker Desktop is not running", &[start_docker_desktop(os)]))
    } else if has("podman") && os == Os::Linux {
        Some(manual("Podman's service is not running", &["systemctl --user enable --now podman.socket"]))
    } else {
        None
    }
}

/// The distribution's packages of an engine that builds with `BuildKit`. Each is named, as recommended packages are not
/// installed: Debian's engine has no client since Debian 13, and clients no builder since version 23.
pub fn engine_packages(distro: &Distro) -> Option<&'static [&'static str]> {
    Some(match distro.packages()? {
        Packages::Apt if distro.is_debian_12_or_older() => &["docker.io", "iptables"],
        Packages::Apt if distro.is("ubuntu") => &["docker.io", "docker-buildx", "iptables"],
        Packages::Apt => &["docker.io", "docker-cli", "docker-buildx", "iptables"],
        Packages::Dnf if distro.id == "fedora" => &["moby-engine", "docker-cli", "docker-buildx"],
        // RHEL and its derivatives provide Podman, not Docker.
        Packages::Dnf => &["podman"],
        Packages::Zypper | Packages::Pacman => &["docker", "docker-buildx"],
        Packages::Apk => &["docker", "docker-cli-buildx"],
    })
}

/// The command that installs buildx for this machine's client.
pub fn buildx_command(facts: &Facts) -> String {
    let distro = facts.distro.as_ref();
    let packages = match (distro, distro.and_then(Distro::packages)) {
        // It has no such package. Its own client builds without buildx and is preferred once installed.
        (Some(distro), Some(Packages::Apt)) if distro.is_debian_12_or_older() => "docker.io",
        (_, Some(Packages::Apk)) => "docker-cli-buildx",
        (_, Some(_)) => "docker-buildx",
        (_, None) if facts.os == Os::MacOs => return "brew install docker-buildx".to_owned(),
        (_, None) => return "see https://docs.docker.com/go/buildx/".to_owned(),
    };
    distro.and_then(|distro| install_commands(facts, distro, &[packages]).pop()).unwrap_or_default()
}

fn absent_linux(facts: &Facts) -> Fix {
    let known = facts.distro.as_ref().and_then(|distro| Some((distro, engine_packages(distro)?)));
    let Some((distro, packages)) = known else {
        return manual(
            "install Docker or Podman with this distribution's package manager",
            &["see https://docs.docker.com/engine/install/"],
        );
    };
    let mut commands = install_commands(facts, distro, packages);
    if packages.contains(&"podman") {
        let explanation = format!("{} provides Podman in its packages", distro.name());
        return Fix { explanation, commands, automatic: false };
    }
    commands.push(start_command(facts));
    if !facts.root {
        commands.push("sudo usermod -aG docker \"$USER\" && newgrp docker".to_owned());
    }
    let mut explanation = format!("{} provides a container engine in its packages", distro.name());
    if facts.wsl {
        explanation.push_str("; or enable WSL integration in Docker Desktop (Settings > Resources)");
    }
    let automatic = facts.root && distro.packages() == Some(Packages::Apt);
    if automatic {
        explanation.push_str("; `todo-bootstrap up --yes` installs and starts it");
    }
    Fix { explanation, commands, automatic }
}

fn install_commands(facts: &Facts, distro: &Distro, packages: &[&str]) -> Vec<String> {
    let commands: &[&str] = match distro.packages() {
        Some(Packages::Apt) => &["apt-get update", "apt-get install --yes --no-install-recommends"],
        Some(Packages::Dnf) => &["dnf install --assumeyes"],
        Some(Packages::Zypper) => &["zypper --non-interactive install"],
        Some(Packages::Pacman) => &["pacman -S --needed --noconfirm"],
        Some(Packages::Apk) => &["apk add"],
        None => &[],
    };
    let list = packages.join(" ");
    let mut commands: Vec<String> =
        commands.iter().map(|command| format!("{}{command}", sudo(facts))).collect();
    commands.last_mut().into_iter().for_each(|install| *install = format!("{install} {list}"));
    commands
}

fn sudo(facts: &Facts) -> &'static str {
    if facts.root { "" } else { "sudo " }
}

fn start_command(facts: &Facts) -> String {
    let sudo = sudo(facts);
    let openrc = facts.distro.as_ref().is_some_and(|distro| distro.is("alpine"));
    if facts.systemd {
        format!("{sudo}systemctl enable --now docker")
    } else if openrc {
        format!("{sudo}rc-service docker start")
    } else {
        format!("{sudo}sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'")
    }
}

fn stopped(facts: &Facts) -> Fix {
    if facts.os != Os::Linux {
        let explanation = "Docker Desktop is not running (with Colima: colima start)";
        return manual(explanation, &[start_docker_desktop(facts.os)]);
    }
    let how =
        if facts.systemd { "systemd can start it" } else { "systemd is not running, so it was not started" };
    let automatic = if facts.root { "; `todo-bootstrap up --yes` starts it" } else { "" };
    let explanation = format!("{how}{automatic}");
    Fix { explanation, commands: vec![start_command(facts)], automatic: facts.root }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Endpoint;
    use crate::host::recorded::{alpine, debian, linux, macos, micro_vm, windows, wsl};
    use crate::process_env::ProcessEnv;

    #[test]
    fn each_fault_is_fixed_the_way_the_machine_does_it() {
        let (absent, stopped) = (Fault::Absent, Fault::NotRunning { detail: String::new() });
        let refused = Fault::NoPermission { detail: String::new() };
        let beside =
            |fault: &Fault| Fault::Beside { fault: Box::new(fault.clone()), other: "podman 5".to_owned() };
        let wsl_2 = "The command 'docker' could not be found in this WSL 2 distro.";
        let not_in_wsl = |detail: &str| Fault::WslIntegration { detail: detail.to_owned() };
        let undelegated = Fault::NotDelegated { missing: "cpu".to_owned() };
        let install = "apt-get install --yes --no-install-recommends docker.io iptables";
        let start = "sudo systemctl enable --now docker";
        let join = "sudo usermod -aG docker \"$USER\"";
        let rocky = linux("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n");
        let suse = linux("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n");
        for (fault, facts, commands) in [
            (
                &absent,
                debian(),
                &*format!("sudo apt-get update;sudo {install};{start};{join} && newgrp docker."),
            ),
            (
                &absent,
                linux("ID=fedora\n"),
                "sudo dnf install --assumeyes moby-engine docker-cli docker-buildx;",
            ),
            (&absent, rocky, "sudo dnf install --assumeyes podman."),
            (&absent, linux("ID=arch\n"), "sudo pacman -S --needed --noconfirm docker docker-buildx;"),
            (&absent, suse, "sudo zypper --non-interactive install docker docker-buildx;"),
            (&absent, alpine(), "sudo apk add docker docker-cli-buildx;sudo rc-service docker start;"),
            (
                &absent,
                Facts { root: true, ..alpine() },
                "apk add docker docker-cli-buildx;rc-service docker start.",
            ),
            (&absent, linux("ID=nixos\n"), "see https://"),
            (&absent, macos(), "brew install colima docker docker-buildx;"),
            (&absent, windows(), "winget install"),
            (&absent, wsl(), "sudo apt-get update;"),
            (&absent, micro_vm(), &format!("apt-get update;{install};sh -c 'dockerd ")),
            (&stopped, debian(), &format!("{start}.")),
            (&stopped, micro_vm(), "sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'."),
            (&stopped, macos(), "open -a Docker."),
            (&stopped, windows(), "start "),
            (&stopped, wsl(), "sudo "),
            (&refused, debian(), &format!("{join};newgrp docker.")),
            (
                &beside(&refused),
                debian(),
                &format!("{join};newgrp docker;export TODO_BOOTSTRAP_ENGINE=podman   # uses Podman instead."),
            ),
            (&beside(&stopped), debian(), &format!("{start};export TODO_BOOTSTRAP_ENGINE=podman")),
            (&not_in_wsl(wsl_2), wsl(), "Docker Desktop: Settings > Resources > WSL integration"),
            (&not_in_wsl(&wsl_2.replace('2', "1")), wsl(), "wsl --set-version"),
            (&undelegated, debian(), "sudo mkdir -p /etc/systemd/system/user@.service.d;printf"),
            (
                &undelegated,
                Facts { root: true, ..debian() },
                "mkdir -p /etc/systemd/system/user@.service.d;printf",
            ),
            (&undelegated, alpine(), "see https://kind.sigs.k8s.io/docs/user/rootless/."),
            (&Fault::RootlessCgroupV1, debian(), "add systemd.unified_cgroup_hierarchy=1"),
        ] {
            let fix = fix(fault, &facts);
            let found = format!("{}.", fix.commands.join(";"));
            assert!(found.starts_with(commands), "{fault:?}: {commands} is not in {found}");
            // Only what is tested is automatic.
            let automatic = commands.starts_with("apt-get ") || commands.starts_with("sh -c ");
            assert_eq!(fix.automatic, automatic, "{fault:?}: {found}");
        }
        assert!(fix(&absent, &wsl()).explanation.contains("Docker Desktop"));
    }

    #[test]
    fn the_installed_packages_include_a_builder() {
        let packages = |text: &str| engine_packages(&Distro::parse(text)).unwrap().join(" ");
        assert_eq!(packages("ID=debian\nVERSION_ID=12\n"), "docker.io iptables");
        let trixie = "docker.io docker-cli docker-buildx iptables";
        assert_eq!(packages("ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\n"), trixie);
        assert_eq!(packages("ID=kali\nID_LIKE=debian\nVERSION_CODENAME=kali-rolling\n"), trixie);
        let noble = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\nVERSION_CODENAME=noble\n";
        assert_eq!(packages(noble), "docker.io docker-buildx iptables");
    }

    #[test]
    fn a_client_without_a_builder_gets_one() {
        let install = "sudo apt-get install --yes --no-install-recommends";
        assert_eq!(buildx_command(&wsl()), format!("{install} docker-buildx"));
        assert_eq!(buildx_command(&debian()), format!("{install} docker.io"));
        assert_eq!(buildx_command(&alpine()), "sudo apk add docker-cli-buildx");
        assert_eq!(buildx_command(&macos()), "brew install docker-buildx");
        assert!(buildx_command(&windows()).contains("https://"));
    }

    #[test]
    fn an_endpoint_without_engine_names_the_setting_and_never_starts_a_daemon() {
        let fault = |address: &str, other| {
            let env = [("DOCKER_HOST".to_owned(), address.into())].into();
            let endpoint = Endpoint::of_docker(&ProcessEnv { env, ..ProcessEnv::real() }).unwrap();
            Fault::Endpoint { endpoint, other, detail: "Cannot connect".to_owned() }
        };
        for (address, facts, other, command) in [
            (
                "unix:///home/u/.docker/desktop/docker.sock",
                debian(),
                false,
                "systemctl --user start docker-desktop",
            ),
            ("unix:///home/u/.docker/desktop/docker.sock", debian(), true, "unset DOCKER_HOST"),
            ("unix:///Users/u/.colima/default/docker.sock", macos(), false, "colima start"),
            ("unix:///nowhere.sock", micro_vm(), false, "unset DOCKER_HOST"),
        ] {
            let fix = fix(&fault(address, other), &facts);
            assert_eq!(
                (fix.commands.as_slice(), fix.automatic),
                (&[command.to_owned()][..], false),
                "{address}"
            );
        }
        let error = fault("unix:///nowhere.sock", true).error(&micro_vm());
        assert_eq!(error.causes()[0], "DOCKER_HOST is set to unix:///nowhere.sock: Cannot connect");
    }
}
