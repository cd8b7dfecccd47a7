//! The minikube driver for the container engine of this machine.

use std::time::Duration;

use crate::cluster::Ports;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::exec::{Cmd, Output};
use crate::host::{Facts, Os};
use crate::process_env::ProcessEnv;
use crate::task::Task;

const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Properties of an engine that only minikube's drivers depend on (`pkg/minikube/registry/drvs` and
/// `pkg/drivers/kic/oci` of minikube v1.38.1).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traits {
    /// `DOCKER_HOST` or `CONTAINER_HOST` names another machine.
    pub remote: bool,
    /// `sudo -n` works: minikube runs a rootful Podman with it on Linux, even as root.
    pub sudo: bool,
}

impl Traits {
    /// A property that cannot be determined counts as absent.
    pub(super) fn probe(task: &Task<'_>, process_env: &ProcessEnv, engine: &Engine) -> Self {
        let podman = engine.is_podman();
        let host = process_env.var(if podman { "CONTAINER_HOST" } else { "DOCKER_HOST" });
        let sudo = || output(task, &Cmd::new("sudo", "check sudo").args(["-n", "true"])).is_some();
        Self { remote: host.is_some_and(is_remote), sudo: podman && sudo() }
    }
}

fn output(task: &Task<'_>, cmd: &Cmd) -> Option<String> {
    let output = task.run(&cmd.clone().within(PROBE_TIMEOUT).any_status()).ok()?;
    Some(output).filter(Output::ok).map(|output| output.text())
}

/// As in minikube: an address with a host name is not a socket of this machine.
fn is_remote(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    !matches!(scheme, "unix" | "npipe" | "fd") && !rest.is_empty() && !rest.starts_with('/')
}

/// The flags of `minikube start` for the driver of `engine`; `requested` is the profile's `driver`.
pub(super) fn flags(
    engine: &Engine,
    facts: &Facts,
    traits: Traits,
    requested: Option<&str>,
    ports: Ports,
) -> Result<Vec<String>> {
    let driver = if engine.is_podman() { "podman" } else { "docker" };
    match requested {
        None => {}
        Some("docker" | "podman") if requested == Some(driver) => {}
        Some(other @ ("docker" | "podman")) => {
            return Err(Error::host(format!("the minikube driver `{other}` cannot be used"))
                .because(format!("the container engine of this machine is {driver}"))
                .help(format!("set driver = \"{driver}\" in [cluster] of the profile")));
        }
        Some(other) => {
            return Err(Error::usage(format!("the minikube driver `{other}` is not supported"))
                .because("the supported drivers are docker and podman")
                .help("remove `driver` from [cluster] of the profile"));
        }
    }
    let unusable = |why: String| Error::host(format!("minikube cannot use {}", engine.name)).because(why);
    if traits.remote {
        return Err(unusable(
            "the engine runs on another machine and would publish the cluster's ports there".to_owned(),
        )
        .help(if driver == "docker" { "unset DOCKER_HOST" } else { "unset CONTAINER_HOST" }));
    }
    // On macOS and Windows, Podman is a client of its virtual machine and needs no sudo.
    if driver == "podman" && facts.os == Os::Linux && !engine.rootless && !traits.sudo {
        return Err(unusable(
            "minikube starts a rootful Podman with `sudo -n`, which does not work here".to_owned(),
        )
        .help("install sudo, and allow `NOPASSWD: /usr/bin/podman` for this user with visudo")
        .help("todo-bootstrap up --profile kind   # needs no sudo"));
    }
    let mut flags = vec![format!("--driver={driver}")];
    if engine.rootless {
        // minikube's documentation requires containerd for every rootless engine.
        flags.extend(["--rootless".to_owned(), "--container-runtime=containerd".to_owned()]);
    }
    let publish = [(ports.http, 80), (ports.https, 443)];
    flags.extend(publish.map(|(host, node)| format!("--ports=127.0.0.1:{host}:{node}")));
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineHost;
    use crate::engine::testing::{engine, with_task};
    use crate::error::Exit;
    use crate::exec::Script;
    use crate::host::recorded::{debian, macos, micro_vm};

    const LOW: Ports = Ports { http: 80, https: 443 };
    const PLAIN: Traits = Traits { remote: false, sudo: false };

    fn of(name: &str, cgroup_version: u8) -> Engine {
        Engine { name: name.to_owned(), cgroup_version, ..engine() }
    }

    fn rootless(name: &str, cgroup_version: u8) -> Engine {
        Engine { rootless: true, ..of(name, cgroup_version) }
    }

    #[test]
    fn the_driver_is_that_of_the_engine() {
        let docker = flags(&engine(), &micro_vm(), PLAIN, None, LOW).unwrap();
        assert_eq!(docker, ["--driver=docker", "--ports=127.0.0.1:80:80", "--ports=127.0.0.1:443:443"]);
        let rootful = Traits { sudo: true, ..PLAIN };
        let podman = flags(&of("podman", 2), &debian(), rootful, Some("podman"), LOW).unwrap();
        assert_eq!(podman[0], "--driver=podman");
        let rootless = flags(&rootless("podman", 2), &debian(), PLAIN, None, LOW).unwrap();
        assert_eq!(rootless[..3], ["--driver=podman", "--rootless", "--container-runtime=containerd"]);
        let machine = Engine { host: EngineHost::PodmanMachine, ..of("podman", 2) };
        assert!(flags(&machine, &macos(), PLAIN, None, LOW).is_ok(), "no sudo on macOS");
    }

    #[test]
    fn what_minikube_cannot_use_is_explained() {
        let remote = Traits { remote: true, ..PLAIN };
        let supported = "the supported drivers are docker and podman";
        for (engine, traits, requested, exit, part) in [
            (of("docker", 2), PLAIN, Some("podman"), Exit::HostNotReady, "set driver = \"docker\""),
            (of("docker", 2), PLAIN, Some("Docker"), Exit::Usage, supported),
            (of("docker", 2), PLAIN, Some("kvm2"), Exit::Usage, supported),
            (of("docker", 2), remote, None, Exit::HostNotReady, "help: unset DOCKER_HOST"),
            (of("podman", 2), PLAIN, None, Exit::HostNotReady, "NOPASSWD: /usr/bin/podman"),
        ] {
            let error = flags(&engine, &debian(), traits, requested, LOW).unwrap_err();
            assert_eq!(error.exit(), exit, "{error}");
            assert!(error.to_string().contains(part), "{part} not in {error}");
        }
    }

    #[test]
    fn the_engine_is_asked_for_its_traits() {
        let mut process_env = ProcessEnv::real();
        process_env.env.clear();
        process_env.env.insert("DOCKER_HOST".to_owned(), "ssh://me@box".into());
        let traits = with_task(&Script::default(), |task| Traits::probe(task, &process_env, &engine())).0;
        assert!(traits.remote && !traits.sudo);
        let script = Script::default().on("sudo -n true", 0, "");
        process_env.env.clear();
        let traits = with_task(&script, |task| Traits::probe(task, &process_env, &of("podman", 2))).0;
        assert!(!traits.remote && traits.sudo);
        for local in ["", "unix:///run/user/1000/docker.sock", "npipe:////./pipe/docker_engine", "box"] {
            assert!(!is_remote(local), "{local}");
        }
        assert!(is_remote("tcp://10.0.0.7:2376"));
    }
}
