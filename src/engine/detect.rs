//! Finding the engine: which clients exist, and what their engines report.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::socket::{DOCKER, is_served, of_machines};
use super::{Builder, Endpoint, Engine, Fault, Preference, SELECTION, info};
use crate::error::Result;
use crate::exec::{Cmd, Inherit, RunError};
use crate::host::{BuildSecrets, Facts, Os, container_proxies, docker_config};
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// An engine that does not respond within this time hangs.
const LIMIT: Duration = Duration::from_secs(20);
/// Directories of daemons that are not on every user's PATH.
const SBIN: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

impl Engine {
    /// Finds the engine that the user selected, otherwise that of the cluster or of the profile, otherwise Docker,
    /// otherwise Podman.
    ///
    /// A Docker that is stopped or denies access is not replaced by Podman without being asked: images, clusters and
    /// volumes of the two are separate.
    ///
    /// The outer error means that the work was stopped; it says nothing about the engine.
    pub fn detect(
        task: &Task<'_>,
        process_env: &ProcessEnv,
        facts: &Facts,
        preference: &Preference,
    ) -> Result<Result<Engine, Fault>> {
        let Preference { made_by, driver } = preference;
        let selected = process_env.var(SELECTION);
        match selected.or(made_by.as_deref()).or(driver.as_deref()) {
            Some("docker") => return docker(task, process_env, facts),
            Some("podman") => match podman(task, process_env, facts)? {
                Some(found) => return Ok(found),
                None if selected.is_some() => return Ok(Err(unusable("podman", "`podman` is not on PATH"))),
                None if made_by.is_some() => {
                    let detail = "the cluster was created with podman, which is not on PATH".to_owned();
                    return Ok(Err(Fault::Unusable { detail }));
                }
                None => {}
            },
            Some(other) if selected.is_some() => {
                return Ok(Err(unusable(other, "only docker and podman are supported")));
            }
            // A driver that minikube refuses.
            _ => {}
        }
        let fault = match docker(task, process_env, facts)? {
            Ok(engine) => return Ok(Ok(engine)),
            Err(fault) => fault,
        };
        let asked = process_env.var("CONTAINER_HOST").is_some();
        let has_machine = || of_machines(process_env).iter().any(|socket| socket.exists());
        let instead = asked || !is_installed(&fault, facts, has_machine);
        Ok(Err(match podman(task, process_env, facts)? {
            Some(Ok(engine)) if instead => return Ok(Ok(engine)),
            Some(Ok(engine)) => {
                let other = format!("{} {}", engine.name, engine.version);
                Fault::Beside { fault: Box::new(fault), other }
            }
            Some(Err(other)) if fault == Fault::Absent => other,
            _ => fault,
        }))
    }
}

/// The selected engine `name` cannot be used.
fn unusable(name: &str, why: &str) -> Fault {
    let endpoint = Endpoint::of_selection(SELECTION, name);
    Fault::Endpoint { endpoint, other: false, detail: why.to_owned() }
}

/// Of several clients on PATH, the first that builds with `BuildKit` is used, otherwise the first whose engine
/// responds. If the first one builds with `BuildKit`, that takes one process.
fn docker(task: &Task<'_>, process_env: &ProcessEnv, facts: &Facts) -> Result<Result<Engine, Fault>> {
    let (mut legacy, mut fault) = (None, None);
    let docker = order(clients(process_env, "docker"), has_buildx(process_env));
    let selected = Endpoint::of_docker(process_env).filter(|_| !docker.is_empty());
    if let Some(endpoint) = selected.clone().filter(Endpoint::is_remote) {
        return Ok(Err(Fault::Remote { endpoint }));
    }
    for client in docker {
        match query(task, process_env, facts, &client)? {
            Ok(engine) if engine.builder == Builder::Legacy => {
                legacy.get_or_insert(engine);
            }
            Ok(engine) => return Ok(Ok(engine)),
            // A broken or too new client says nothing about the engine; the next one may work.
            Err(found @ (Fault::Unusable { .. } | Fault::WslIntegration { .. })) => {
                fault.get_or_insert(found);
            }
            Err(found) => {
                fault = Some(at(found, selected, is_served(Path::new(DOCKER))));
                break;
            }
        }
    }
    match legacy {
        Some(engine) => Ok(Ok(engine)),
        None => Ok(Err(classify(fault, facts, daemon(process_env).is_some()))),
    }
}

/// `None` if there is no client.
fn podman(task: &Task<'_>, process_env: &ProcessEnv, facts: &Facts) -> Result<Option<Result<Engine, Fault>>> {
    let Some(client) = clients(process_env, "podman").into_iter().next() else { return Ok(None) };
    if let Some(endpoint) = Endpoint::of_podman(process_env).filter(Endpoint::is_remote) {
        return Ok(Some(Err(Fault::Remote { endpoint })));
    }
    query(task, process_env, facts, &client).map(Some)
}

/// Whether Docker is installed, although its client reports a fault. On macOS and Windows, it is if the socket of a
/// virtual machine exists.
fn is_installed(fault: &Fault, facts: &Facts, has_machine: impl Fn() -> bool) -> bool {
    match fault {
        Fault::Absent | Fault::WslIntegration { .. } => false,
        Fault::NotRunning { .. } => facts.os == Os::Linux || has_machine(),
        _ => true,
    }
}

/// An engine that does not run at a selected endpoint: starting the default engine would not help.
fn at(fault: Fault, selected: Option<Endpoint>, other: bool) -> Fault {
    match (fault, selected) {
        (Fault::NotRunning { detail }, Some(endpoint)) => Fault::Endpoint { endpoint, other, detail },
        (fault, _) => fault,
    }
}

/// A client without an engine is not an engine: on Linux, if the daemon's program does not exist and the
/// client tried the local socket, the fault is [`Fault::Absent`].
fn classify(fault: Option<Fault>, facts: &Facts, has_daemon: bool) -> Fault {
    match fault {
        None => Fault::Absent,
        Some(Fault::NotRunning { detail })
            if facts.os == Os::Linux && !has_daemon && detail.contains(DOCKER) =>
        {
            Fault::Absent
        }
        Some(fault) => fault,
    }
}

fn query(
    task: &Task<'_>,
    process_env: &ProcessEnv,
    facts: &Facts,
    client: &Path,
) -> Result<Result<Engine, Fault>> {
    let cmd = Cmd::new(client, "query the container engine")
        .args(["info", "--format", "{{json .}}"])
        .inherit(Inherit::Engine)
        .within(LIMIT)
        .any_status();
    Ok(match task.try_run(&cmd) {
        Ok(output) => info::parse(client, &output.text(), &output.stderr).map(|engine| Engine {
            proxies: container_proxies(process_env),
            secrets: BuildSecrets::of(process_env, &facts.local_cas),
            confined_to: process_env.home.clone().filter(|_| client.starts_with("/snap")),
            ..engine
        }),
        Err(RunError::Stopped { reason }) => return Err(reason.error()),
        Err(RunError::NotFound { .. }) => Err(Fault::Absent),
        Err(error) => Err(Fault::Unusable { detail: error.to_string() }),
    })
}

/// The programs called `name` on PATH, in its order, each file once.
fn clients(process_env: &ProcessEnv, name: &str) -> Vec<PathBuf> {
    let path: OsString = process_env.env.get("PATH").cloned().unwrap_or_default();
    let Ok(all) = which::which_in_all(name, Some(path), &process_env.cwd) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    all.filter(|client| seen.insert(client.canonicalize().unwrap_or_else(|_| client.clone()))).collect()
}

/// Without a buildx plugin, only a client older than 23 builds with `BuildKit`. That is more likely the
/// distribution's, so it comes first, and one process is enough.
fn order(mut clients: Vec<PathBuf>, buildx: bool) -> Vec<PathBuf> {
    if !buildx {
        clients.sort_by_key(|client| !client.starts_with("/usr/bin"));
    }
    clients
}

/// Whether the buildx plugin is in one of the clients' plugin directories.
fn has_buildx(process_env: &ProcessEnv) -> bool {
    const SHARED: [&str; 4] =
        ["/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker"];
    let mut places = docker_config(process_env).into_iter().chain(SHARED.iter().map(PathBuf::from));
    let file = if cfg!(windows) { "docker-buildx.exe" } else { "docker-buildx" };
    places.any(|place| place.join("cli-plugins").join(file).exists())
}

/// The program of Docker's daemon, if it is installed.
pub fn daemon(process_env: &ProcessEnv) -> Option<PathBuf> {
    clients(process_env, "dockerd")
        .into_iter()
        .next()
        .or_else(|| SBIN.iter().map(|dir| Path::new(dir).join("dockerd")).find(|program| program.is_file()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::engine::testing::{DOCKER_20, DOCKER_28, PODMAN, with_task};
    use crate::exec::Script;
    use crate::host::recorded::{debian, macos};

    const REFUSED: &str =
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

    /// PATH contains the named programs, each in its own directory.
    fn process_env(programs: &[&str]) -> (ProcessEnv, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        let mut path = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            let dir = root.path().join(number.to_string());
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join(program), "").unwrap();
            std::fs::set_permissions(dir.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
            path.push(dir);
        }
        let mut process_env = ProcessEnv { home: Some(root.path().to_owned()), ..ProcessEnv::real() };
        process_env.env.clear();
        process_env.env.insert("PATH".to_owned(), std::env::join_paths(path).unwrap());
        (process_env, root)
    }

    #[test]
    fn the_first_usable_engine_is_taken_with_few_processes() {
        let newer = "Error response from daemon: client version 1.54 is too new. Maximum supported API version is 1.41";
        let script = Script::default;
        let (both, mixed) = (["docker", "docker"], ["docker", "podman"]);
        // What the clients answer, and the clients on PATH; the builder or the fault's code, and the processes.
        for (script, programs, found, processes) in [
            (script(), &[][..], "engine-absent", 0),
            (script().on("docker info", 0, DOCKER_20), &both, "BuildKit", 1),
            (script().on("docker info", 0, DOCKER_28).on("docker info", 0, DOCKER_20), &both, "BuildKit", 2),
            (script().on("docker info", 0, DOCKER_28), &["docker"], "Legacy", 1),
            (script().fails("docker info", newer).on("docker info", 0, DOCKER_20), &both, "BuildKit", 2),
            // A silent daemon is not asked twice.
            (script().fails("docker info", REFUSED), &both, "engine-not-running", 1),
            (script().fails("docker info", REFUSED).on("podman info", 0, PODMAN), &mixed, "Buildah", 2),
            (script().on("podman info", 0, PODMAN), &["podman"], "Buildah", 1),
        ] {
            let (process_env, _root) = process_env(programs);
            let detected = with_task(&script, |task| {
                Engine::detect(task, &process_env, &macos(), &Preference::default())
            })
            .0
            .unwrap();
            let code = detected.as_ref().err().map(Fault::code);
            let builder = detected.map(|engine| format!("{:?}", engine.builder)).unwrap_or_default();
            assert_eq!((code.unwrap_or(&builder), script.ran().len()), (found, processes), "{programs:?}");
        }
    }

    #[test]
    fn podman_replaces_docker_only_if_it_is_selected_or_docker_is_not_installed() {
        const DENIED: &str = "permission denied while trying to connect to the Docker daemon socket";
        const NOT_IN_WSL: &str = "The command 'docker' could not be found in this WSL 2 distro.";
        let select = |engine: &'static str| [("TODO_BOOTSTRAP_ENGINE", engine)];
        let host = [("CONTAINER_HOST", "unix:///run/user/1000/podman/podman.sock")];
        let both: &[&str] = &["docker", "podman"];
        let of = |driver: &str| Preference { driver: Some(driver.to_owned()), made_by: None };
        let made_by = |name: &str| Preference { made_by: Some(name.to_owned()), driver: None };
        let none = Preference::default;
        // What docker says, variables, other preferences and the clients; the engine, or the fault with its last help.
        for (said, variables, preference, programs, expected) in [
            (DENIED, &[][..], none(), both, "engine-no-permission: export TODO_BOOTSTRAP_ENGINE=podman"),
            (DENIED, &select("podman"), none(), both, "podman"),
            (DENIED, &select("docker"), of("podman"), both, "engine-no-permission: newgrp docker"),
            (DENIED, &[], of("podman"), both, "podman"),
            (DENIED, &host, none(), both, "podman"),
            (NOT_IN_WSL, &[], none(), both, "podman"),
            (NOT_IN_WSL, &[], none(), &["docker"], "engine-wsl-integration: hash -r && docker version"),
            ("", &[], none(), both, "docker"),
            ("", &select("podman"), none(), both, "podman"),
            ("", &host, none(), both, "docker"),
            ("", &select("podman"), none(), &["docker"], "engine-endpoint: unset TODO_BOOTSTRAP_ENGINE"),
            ("", &select("nerdctl"), none(), both, "engine-endpoint: unset TODO_BOOTSTRAP_ENGINE"),
            // minikube refuses it later.
            ("", &[], of("kvm2"), both, "docker"),
            // The engine that has the cluster, and no other one.
            ("", &[], made_by("podman"), both, "podman"),
            ("", &select("docker"), made_by("podman"), both, "docker"),
            (DENIED, &host, made_by("docker"), both, "engine-no-permission: newgrp docker"),
            (NOT_IN_WSL, &[], made_by("docker"), both, "engine-wsl-integration: hash -r && docker version"),
            ("", &[], made_by("podman"), &["docker"], "engine-unusable: podman version"),
        ] {
            let (mut process_env, _root) = process_env(programs);
            let set = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).into());
            process_env.env.extend(variables.iter().map(set));
            let script = Script::default().on("podman info", 0, PODMAN);
            let script = if said.is_empty() {
                script.on("docker info", 0, DOCKER_20)
            } else {
                script.fails("docker info", said)
            };
            let found = with_task(&script, |task| Engine::detect(task, &process_env, &debian(), &preference))
                .0
                .unwrap();
            let shown = match found {
                Ok(engine) => engine.name,
                Err(fault) => {
                    let error = fault.error(&debian());
                    format!("{}: {}", fault.code(), error.hints().last().unwrap())
                }
            };
            assert!(shown.starts_with(expected), "{said} {variables:?} {preference:?} {programs:?}: {shown}");
        }
    }

    #[test]
    fn a_stopped_virtual_machine_is_an_installed_engine() {
        let stopped = Fault::classify(REFUSED);
        for (facts, socket, installed) in
            [(debian(), false, true), (macos(), false, false), (macos(), true, true)]
        {
            assert_eq!(is_installed(&stopped, &facts, || socket), installed, "{:?} {socket}", facts.os);
        }
        assert!(!is_installed(&Fault::Absent, &macos(), || true));
    }

    #[test]
    fn a_client_without_a_daemon_is_absent_on_linux_only() {
        let fault = || Some(Fault::classify(REFUSED));
        assert_eq!(classify(fault(), &debian(), false), Fault::Absent);
        assert!(matches!(classify(fault(), &debian(), true), Fault::NotRunning { .. }));
        assert!(matches!(classify(fault(), &macos(), false), Fault::NotRunning { .. }));
    }

    /// The file of the context is that of `docker context create box --docker host=ssh://me@box && docker context use box`
    /// (docker/cli, cli/context/store).
    #[test]
    fn an_engine_on_another_machine_is_refused_without_a_process() {
        let context = "the docker context `box` uses ssh://me@box";
        for (program, variable, detail, help) in [
            ("docker", Some("DOCKER_HOST"), "DOCKER_HOST is set to ssh://me@box", "unset DOCKER_HOST"),
            (
                "podman",
                Some("CONTAINER_HOST"),
                "CONTAINER_HOST is set to ssh://me@box",
                "unset CONTAINER_HOST",
            ),
            ("docker", None, context, "docker context use default"),
        ] {
            let script = Script::default();
            let (mut process_env, root) = process_env(&[program]);
            if let Some(variable) = variable {
                process_env.env.insert(variable.to_owned(), "ssh://me@box".into());
            } else {
                let config = root.path().join(".docker");
                let meta = config.join("contexts/meta").join(crate::files::sha256(b"box"));
                std::fs::create_dir_all(&meta).unwrap();
                std::fs::write(meta.join("meta.json"), include_str!("recorded/docker-context-ssh.json"))
                    .unwrap();
                std::fs::write(config.join("config.json"), r#"{"currentContext": "box"}"#).unwrap();
            }
            let found = with_task(&script, |task| {
                Engine::detect(task, &process_env, &debian(), &Preference::default())
            })
            .0
            .unwrap();
            let fault = found.unwrap_err();
            assert_eq!((fault.code(), fault.detail().as_str()), ("engine-remote", detail));
            assert_eq!(fault.error(&debian()).hints(), [help]);
            assert!(script.ran().is_empty());
        }
    }

    #[test]
    fn the_distributions_client_is_asked_first_without_buildx() {
        let clients = || vec![PathBuf::from("/usr/local/bin/docker"), PathBuf::from("/usr/bin/docker")];
        assert_eq!(order(clients(), false)[0], Path::new("/usr/bin/docker"));
        assert_eq!(order(clients(), true)[0], Path::new("/usr/local/bin/docker"));
    }
}
