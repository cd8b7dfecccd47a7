//! Where engines listen.

use std::path::{Path, PathBuf};

use super::Fault;
use crate::process_env::ProcessEnv;

/// Docker's daemon on Linux.
pub(super) const DOCKER: &str = "/var/run/docker.sock";

/// Whether there is certainly no engine: no client and no listening socket. A missing client alone proves
/// nothing, because cron and sudo use another PATH.
pub fn certainly_absent(fault: &Fault, process_env: &ProcessEnv) -> bool {
    *fault == Fault::Absent
        && ["DOCKER_HOST", "CONTAINER_HOST"].iter().all(|name| process_env.var(name).is_none())
        && !sockets(process_env).iter().any(|socket| is_served(socket))
}

/// Where engines listen by default.
fn sockets(process_env: &ProcessEnv) -> Vec<PathBuf> {
    let system = [DOCKER, "/run/podman/podman.sock"].map(PathBuf::from);
    let runtime = process_env
        .var("XDG_RUNTIME_DIR")
        .into_iter()
        .flat_map(|dir| ["docker.sock", "podman/podman.sock"].map(|socket| Path::new(dir).join(socket)));
    system.into_iter().chain(of_machines(process_env)).chain(runtime).collect()
}

/// Where the virtual machines of Docker Desktop, Colima, `OrbStack` and Rancher Desktop listen.
pub(super) fn of_machines(process_env: &ProcessEnv) -> Vec<PathBuf> {
    let sockets = process_env.home.iter().flat_map(|home| {
        [".docker/run", ".docker/desktop", ".colima/default", ".orbstack/run", ".rd"]
            .map(|dir| home.join(dir).join("docker.sock"))
    });
    sockets.collect()
}

/// Whether something listens on the socket, even if this user may not open it.
#[cfg(unix)]
pub(super) fn is_served(socket: &Path) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    match std::os::unix::net::UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ConnectionRefused | NotFound),
    }
}

#[cfg(not(unix))]
pub(super) fn is_served(_socket: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_listens_for_is_certainly_absent() {
        let root = tempfile::tempdir().unwrap();
        let mut process_env = ProcessEnv { home: Some(root.path().to_owned()), ..ProcessEnv::real() };
        process_env.env.clear();
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
        assert!(!certainly_absent(&Fault::classify("Cannot connect to the Docker daemon"), &process_env));
    }
}
