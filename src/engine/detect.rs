//! Finding the engine: which clients exist, and what their engines report.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Builder, Endpoint, Engine, Fault, info};
use crate::error::Result;
use crate::exec::{Cmd, Inherit, RunError};
use crate::host::{Facts, Os, container_proxies};
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// An engine that does not respond within this time hangs.
const LIMIT: Duration = Duration::from_secs(20);
const SOCKET: &str = "/var/run/docker.sock";
/// Directories of daemons that are not on every user's PATH.
const SBIN: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

impl Engine {
    /// Finds the engine with one process, if the first client builds with `BuildKit`.
    ///
    /// Of several Docker clients on PATH, the first that builds with `BuildKit` is used, otherwise the
    /// first whose engine responds. Podman is used if there is no Docker engine.
    ///
    /// The outer error means that the work was stopped; it says nothing about the engine.
    pub fn detect(task: &Task<'_>, process_env: &ProcessEnv, facts: &Facts) -> Result<Result<Engine, Fault>> {
        let (mut legacy, mut fault) = (None, None);
        let docker = order(clients(process_env, "docker"), has_buildx(process_env));
        let selected = Endpoint::of_docker(process_env).filter(|_| !docker.is_empty());
        if let Some(endpoint) = selected.clone().filter(Endpoint::is_remote) {
            return Ok(Err(Fault::Remote { endpoint }));
        }
        for client in docker {
            match query(task, process_env, &client)? {
                Ok(engine) if engine.builder == Builder::Legacy => {
                    legacy.get_or_insert(engine);
                }
                Ok(engine) => return Ok(Ok(engine)),
                // A broken or too new client says nothing about the engine; the next one may work.
                Err(found @ Fault::Unusable { .. }) => {
                    fault.get_or_insert(found);
                }
                Err(found) => {
                    fault = Some(at(found, selected, is_served(Path::new(SOCKET))));
                    break;
                }
            }
        }
        if let Some(engine) = legacy {
            return Ok(Ok(engine));
        }
        if let Some(client) = clients(process_env, "podman").into_iter().next() {
            if let Some(endpoint) = Endpoint::of_podman(process_env).filter(Endpoint::is_remote) {
                return Ok(Err(Fault::Remote { endpoint }));
            }
            match query(task, process_env, &client)? {
                Ok(engine) => return Ok(Ok(engine)),
                Err(found) => {
                    fault.get_or_insert(found);
                }
            }
        }
        Ok(Err(classify(fault, facts, daemon(process_env).is_some())))
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
            if facts.os == Os::Linux && !has_daemon && detail.contains(SOCKET) =>
        {
            Fault::Absent
        }
        Some(fault) => fault,
    }
}

fn query(task: &Task<'_>, process_env: &ProcessEnv, client: &Path) -> Result<Result<Engine, Fault>> {
    let cmd = Cmd::new(client, "query the container engine")
        .args(["info", "--format", "{{json .}}"])
        .inherit(Inherit::Engine)
        .within(LIMIT)
        .any_status();
    Ok(match task.try_run(&cmd) {
        Ok(output) => info::parse(client, &output.text(), &output.stderr)
            .map(|engine| Engine { proxies: container_proxies(process_env), ..engine }),
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
    let config = process_env.var("DOCKER_CONFIG").map(PathBuf::from);
    let own = config.or_else(|| process_env.home.as_ref().map(|home| home.join(".docker")));
    let mut places = own.into_iter().chain(SHARED.iter().map(PathBuf::from));
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

/// Whether there is certainly no engine: no client and no listening socket. A missing client alone proves
/// nothing, because cron and sudo use another PATH.
pub fn certainly_absent(fault: &Fault, process_env: &ProcessEnv) -> bool {
    *fault == Fault::Absent
        && ["DOCKER_HOST", "CONTAINER_HOST"].iter().all(|name| process_env.var(name).is_none())
        && !sockets(process_env).iter().any(|socket| is_served(socket))
}

/// Where engines listen by default.
fn sockets(process_env: &ProcessEnv) -> Vec<PathBuf> {
    let system = [SOCKET, "/run/podman/podman.sock"].map(PathBuf::from);
    let home = process_env.home.iter().flat_map(|home| {
        [".docker/run", ".docker/desktop", ".colima/default", ".orbstack/run", ".rd"]
            .map(|dir| home.join(dir).join("docker.sock"))
    });
    let runtime = process_env
        .var("XDG_RUNTIME_DIR")
        .into_iter()
        .flat_map(|dir| ["docker.sock", "podman/podman.sock"].map(|socket| Path::new(dir).join(socket)));
    system.into_iter().chain(home).chain(runtime).collect()
}

/// Whether something listens on the socket, even if this user may not open it.
#[cfg(unix)]
fn is_served(socket: &Path) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    match std::os::unix::net::UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ConnectionRefused | NotFound),
    }
}

#[cfg(not(unix))]
fn is_served(_socket: &Path) -> bool {
    false
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
            let detected = with_task(&script, |task| Engine::detect(task, &process_env, &macos())).0.unwrap();
            let code = detected.as_ref().err().map(Fault::code);
            let builder = detected.map(|engine| format!("{:?}", engine.builder)).unwrap_or_default();
            assert_eq!((code.unwrap_or(&builder), script.ran().len()), (found, processes), "{programs:?}");
        }
    }

    #[test]
    fn a_client_without_a_daemon_is_absent_on_linux_only() {
        let fault = || Some(Fault::classify(REFUSED));
        assert_eq!(classify(fault(), &debian(), false), Fault::Absent);
        assert!(matches!(classify(fault(), &debian(), true), Fault::NotRunning { .. }));
        assert!(matches!(classify(fault(), &macos(), false), Fault::NotRunning { .. }));
    }

    #[test]
    fn an_engine_on_another_machine_is_refused_without_a_process() {
        for (program, variable) in [("docker", "DOCKER_HOST"), ("podman", "CONTAINER_HOST")] {
            let script = Script::default();
            let (mut process_env, _root) = process_env(&[program]);
            process_env.env.insert(variable.to_owned(), "ssh://me@box".into());
            let fault = with_task(&script, |task| Engine::detect(task, &process_env, &debian())).0.unwrap();
            assert_eq!(fault.unwrap_err().detail(), format!("{variable} is set to ssh://me@box"));
            assert!(script.ran().is_empty());
        }
    }

    #[test]
    fn only_what_nobody_listens_for_is_certainly_absent() {
        let (mut process_env, root) = process_env(&[]);
        let socket = root.path().join("docker.sock");
        process_env.env.insert("XDG_RUNTIME_DIR".to_owned(), root.path().into());
        assert!(sockets(&process_env).contains(&socket));
        assert!(!is_served(&socket), "nothing is there");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(is_served(&socket));
        assert!(!certainly_absent(&Fault::Absent, &process_env));
        drop(listener);
        assert!(!is_served(&socket), "what a killed engine left");
        process_env.env.insert("DOCKER_HOST".to_owned(), "tcp://10.0.0.7:2375".into());
        assert!(!certainly_absent(&Fault::Absent, &process_env));
        assert!(!certainly_absent(&Fault::classify(REFUSED), &process_env));
    }

    #[test]
    fn the_distributions_client_is_asked_first_without_buildx() {
        let clients = || vec![PathBuf::from("/usr/local/bin/docker"), PathBuf::from("/usr/bin/docker")];
        assert_eq!(order(clients(), false)[0], Path::new("/usr/bin/docker"));
        assert_eq!(order(clients(), true)[0], Path::new("/usr/local/bin/docker"));
    }
}
