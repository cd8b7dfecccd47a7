//! What mends a fault on which machine: exact commands, and whether we can run them ourselves.

use super::Fault;
use crate::host::{Distro, Facts, Os, Packages};

/// How a fault is mended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remedy {
    /// One sentence.
    pub explain: String,
    /// To be run in this order.
    pub commands: Vec<String>,
    /// Whether `up --yes` does it.
    pub automatic: bool,
}

/// Decides by the recorded facts alone.
pub fn remedy(fault: &Fault, facts: &Facts) -> Remedy {
    match (fault, facts.os) {
        (Fault::Absent, Os::Linux) => absent_linux(facts),
        (Fault::Absent, Os::MacOs) => by_hand(
            "Docker Desktop also works: brew install --cask docker-desktop",
            &["brew install colima docker docker-buildx", "colima start --cpu 4 --memory 8"],
        ),
        (Fault::Absent, Os::Windows) => by_hand(
            "install Docker Desktop with its WSL2 engine, or work inside WSL2 (wsl --install)",
            &["winget install --exact --id Docker.DockerDesktop"],
        ),
        (Fault::NotRunning { detail }, Os::Linux) => stopped_linux(facts, detail),
        (Fault::NotRunning { detail }, Os::MacOs) if detail.contains("colima") => {
            by_hand("Colima's virtual machine is stopped", &["colima start"])
        }
        (Fault::NotRunning { .. }, Os::MacOs) => {
            by_hand("Docker Desktop is not running (with Colima: colima start)", &["open -a Docker"])
        }
        (Fault::NotRunning { .. }, Os::Windows) => by_hand(
            "Docker Desktop is not running",
            &[r#"start "" "C:\Program Files\Docker\Docker\Docker Desktop.exe""#],
        ),
        (Fault::NoPermission { .. }, Os::Linux) => by_hand(
            "this session is not in the group docker, which owns the engine's socket; members of that \
             group have root privileges",
            &["sudo usermod -aG docker \"$USER\"", "newgrp docker"],
        ),
        (Fault::NoPermission { .. }, _) => {
            by_hand("the engine's socket is owned by another user", &["docker context ls"])
        }
        (Fault::Unusable { .. }, _) => by_hand(
            "check the engine with its own client, then update the client or the engine",
            &["docker version"],
        ),
    }
}

fn by_hand(explain: &str, commands: &[&str]) -> Remedy {
    Remedy {
        explain: explain.to_owned(),
        commands: commands.iter().map(|command| (*command).to_owned()).collect(),
        automatic: false,
    }
}

/// The distribution's packages of an engine that builds with `BuildKit`. Where they are installed
/// without what they merely recommend, they have to be named: Debian's engine comes without its
/// client from 13 on, and no client has a builder of its own from version 23 on.
pub fn engine_packages(distro: &Distro) -> Option<&'static [&'static str]> {
    Some(match distro.packages()? {
        Packages::Apt if distro.is_debian_12_or_older() => &["docker.io", "iptables"],
        Packages::Apt if distro.is("ubuntu") => &["docker.io", "docker-buildx", "iptables"],
        Packages::Apt => &["docker.io", "docker-cli", "docker-buildx", "iptables"],
        Packages::Dnf if distro.id == "fedora" => &["moby-engine", "docker-cli", "docker-buildx"],
        // RHEL and its kin carry no Docker; Podman is their engine.
        Packages::Dnf => &["podman"],
        Packages::Zypper | Packages::Pacman => &["docker", "docker-buildx"],
        Packages::Apk => &["docker", "docker-cli-buildx"],
    })
}

/// What gives the client of this machine a builder.
pub fn buildx_command(facts: &Facts) -> String {
    let sudo = if facts.root { "" } else { "sudo " };
    let distro = facts.distro.as_ref();
    let packages = match (distro, distro.and_then(Distro::packages)) {
        // It has no such package; its own client builds without, and ours is then not the first asked.
        (Some(distro), Some(Packages::Apt)) if distro.is_debian_12_or_older() => "docker.io",
        (_, Some(Packages::Apk)) => "docker-cli-buildx",
        (_, Some(_)) => "docker-buildx",
        (_, None) if facts.os == Os::MacOs => return "brew install docker-buildx".to_owned(),
        (_, None) => return "see https://docs.docker.com/go/buildx/".to_owned(),
    };
    distro.and_then(|distro| install_commands(distro, sudo, &[packages]).pop()).unwrap_or_default()
}

fn absent_linux(facts: &Facts) -> Remedy {
    let known = facts.distro.as_ref().and_then(|distro| Some((distro, engine_packages(distro)?)));
    let Some((distro, packages)) = known else {
        return by_hand(
            "install Docker or Podman with this distribution's package manager",
            &["see https://docs.docker.com/engine/install/"],
        );
    };
    let sudo = if facts.root { "" } else { "sudo " };
    let mut commands = install_commands(distro, sudo, packages);
    if packages.contains(&"podman") {
        return Remedy {
            explain: format!("{} provides Podman in its packages", distro.name()),
            commands,
            automatic: false,
        };
    }
    commands.push(start_command(facts));
    if !facts.root {
        commands.push("sudo usermod -aG docker \"$USER\" && newgrp docker".to_owned());
    }
    let mut explain = format!("{} provides a container engine in its packages", distro.name());
    if facts.wsl {
        explain.push_str("; or enable WSL integration in Docker Desktop (Settings > Resources)");
    }
    let automatic = facts.root && distro.packages() == Some(Packages::Apt);
    if automatic {
        explain.push_str("; `todo-bootstrap up --yes` installs and starts it");
    }
    Remedy { explain, commands, automatic }
}

fn install_commands(distro: &Distro, sudo: &str, packages: &[&str]) -> Vec<String> {
    let list = packages.join(" ");
    match distro.packages() {
        Some(Packages::Apt) => vec![
            format!("{sudo}apt-get update"),
            format!("{sudo}apt-get install --yes --no-install-recommends {list}"),
        ],
        Some(Packages::Dnf) => vec![format!("{sudo}dnf install --assumeyes {list}")],
        Some(Packages::Zypper) => vec![format!("{sudo}zypper --non-interactive install {list}")],
        Some(Packages::Pacman) => vec![format!("{sudo}pacman -S --needed --noconfirm {list}")],
        Some(Packages::Apk) => vec![format!("{sudo}apk add {list}")],
        None => Vec::new(),
    }
}

fn start_command(facts: &Facts) -> String {
    let sudo = if facts.root { "" } else { "sudo " };
    let openrc = facts.distro.as_ref().is_some_and(|distro| distro.is("alpine"));
    if facts.systemd {
        format!("{sudo}systemctl enable --now docker")
    } else if openrc {
        format!("{sudo}rc-service docker start")
    } else {
        format!("{sudo}sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'")
    }
}

fn stopped_linux(facts: &Facts, detail: &str) -> Remedy {
    if detail.contains("podman") {
        return by_hand("Podman's service is not running", &["systemctl --user enable --now podman.socket"]);
    }
    if detail.contains("/.docker/desktop/") {
        return by_hand("Docker Desktop is not running", &["systemctl --user start docker-desktop"]);
    }
    if detail.contains("tcp://") || detail.contains("ssh://") {
        return by_hand(
            "DOCKER_HOST or the docker context points to another machine",
            &["docker context ls"],
        );
    }
    let how =
        if facts.systemd { "systemd can start it" } else { "systemd is not running, so it was not started" };
    let mut explain = how.to_owned();
    if facts.root {
        explain.push_str("; `todo-bootstrap up --yes` starts it");
    }
    Remedy { explain, commands: vec![start_command(facts)], automatic: facts.root }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::recorded::{alpine, debian, linux, macos, micro_vm, windows, wsl};

    fn absent(facts: &Facts) -> Remedy {
        remedy(&Fault::Absent, facts)
    }

    fn stopped(detail: &str, facts: &Facts) -> Remedy {
        remedy(&Fault::NotRunning { detail: detail.to_owned() }, facts)
    }

    #[test]
    fn an_absent_engine_is_installed_in_the_distributions_words() {
        let first = |facts: &Facts| absent(facts).commands.remove(0);
        assert_eq!(
            absent(&debian()).commands,
            [
                "sudo apt-get update",
                "sudo apt-get install --yes --no-install-recommends docker.io iptables",
                "sudo systemctl enable --now docker",
                "sudo usermod -aG docker \"$USER\" && newgrp docker",
            ]
        );
        assert_eq!(
            first(&linux("ID=fedora\nVERSION_ID=41\n")),
            "sudo dnf install --assumeyes moby-engine docker-cli docker-buildx"
        );
        assert_eq!(
            absent(&linux("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n")).commands,
            ["sudo dnf install --assumeyes podman"]
        );
        assert_eq!(first(&linux("ID=arch\n")), "sudo pacman -S --needed --noconfirm docker docker-buildx");
        assert_eq!(
            first(&linux("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n")),
            "sudo zypper --non-interactive install docker docker-buildx"
        );
        let alpine = absent(&alpine());
        assert_eq!(
            alpine.commands[..2],
            ["sudo apk add docker docker-cli-buildx", "sudo rc-service docker start"]
        );
        assert!(first(&linux("ID=nixos\n")).contains("https://"));
    }

    #[test]
    fn what_is_installed_can_build() {
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
    fn other_systems_get_their_own_engines() {
        assert_eq!(absent(&macos()).commands[0], "brew install colima docker docker-buildx");
        assert!(absent(&windows()).commands[0].starts_with("winget install"));
        assert!(absent(&wsl()).explain.contains("Docker Desktop"));
    }

    #[test]
    fn only_what_we_can_do_is_automatic() {
        assert!(absent(&micro_vm()).automatic && stopped("", &micro_vm()).automatic);
        for facts in [debian(), wsl(), macos(), windows()] {
            assert!(!absent(&facts).automatic && !stopped("", &facts).automatic);
        }
        let alpine = Facts { root: true, ..alpine() };
        assert!(!absent(&alpine).automatic, "only apt is proved");
    }

    #[test]
    fn a_stopped_engine_is_started_the_way_the_machine_does_it() {
        let command = |detail: &str, facts: &Facts| stopped(detail, facts).commands.remove(0);
        assert_eq!(command("", &debian()), "sudo systemctl enable --now docker");
        assert_eq!(command("", &micro_vm()), "sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'");
        assert_eq!(command("", &macos()), "open -a Docker");
        assert_eq!(command("unix:///Users/u/.colima/default/docker.sock", &macos()), "colima start");
        assert_eq!(
            command("unix:///home/u/.docker/desktop/docker.sock", &debian()),
            "systemctl --user start docker-desktop"
        );
        assert_eq!(command("tcp://10.0.0.7:2375", &debian()), "docker context ls");
        assert!(!stopped("tcp://10.0.0.7:2375", &micro_vm()).automatic);
    }

    #[test]
    fn no_permission_names_the_group() {
        let fault = Fault::NoPermission { detail: String::new() };
        assert_eq!(
            remedy(&fault, &debian()).commands,
            ["sudo usermod -aG docker \"$USER\"", "newgrp docker"]
        );
    }
}
