//! The container engine: find it, say what is wrong with it, install and start it, use it.
//!
//! Everything goes through the engine's own command line client, so contexts, `DOCKER_HOST` and
//! Docker Desktop work as they do for the user.

mod able;
mod build;
mod containers;
mod daemon;
mod detect;
mod fault;
mod grow;
mod images;
mod info;
mod install;
mod networks;
mod packages;
mod remedy;
mod transfer;

#[cfg(test)]
mod live;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;

pub use build::Build;
pub use containers::Container;
pub use daemon::{halt, start};
pub use detect::certainly_absent;
pub use fault::Fault;
pub use grow::grow;
pub use install::{Installed, install, uninstall};
pub use packages::{install_packages, remove_packages};
pub use remedy::{Remedy, buildx_command, remedy};

use crate::exec::{Cmd, Inherit};

/// How images are built with the client that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// Built into the client (older than 23): asked for with `DOCKER_BUILDKIT=1`.
    BuildKit,
    /// By the buildx plugin.
    Buildx,
    /// The daemon's old builder: no cache mounts, no `COPY --chmod`.
    Legacy,
    /// Podman's own.
    Buildah,
}

/// What containers run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    DockerDesktop,
    Colima,
    PodmanMachine,
    /// This machine itself, or something that does not say what it is.
    Unknown,
}

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub client: PathBuf,
    /// `docker` or `podman`.
    pub name: String,
    /// The server's version, as it writes it.
    pub version: String,
    /// CPUs and memory (bytes) that containers can have: the virtual machine's on macOS.
    pub cpus: u32,
    pub memory: u64,
    pub storage_driver: String,
    /// Whether containerd keeps Docker's images (the default since 29): whole as they are pulled and
    /// pushed, in place of unpacked layers only.
    pub containerd_store: bool,
    /// 1 or 2; 0 where the engine does not say.
    pub cgroup_version: u8,
    pub builder: Builder,
    /// The runtime that containers get by default.
    pub runtime: String,
    /// The client's context, which is also the name of the builder inside its engine; empty where
    /// there are none (Podman, and Docker's clients older than 20.10.14).
    pub context: String,
    /// `linux/amd64`: what containers run as; empty where the engine does not say.
    pub platform: String,
    pub home: Home,
}

impl Engine {
    /// A command of the client; `purpose` completes "cannot …".
    pub fn cmd(&self, purpose: impl Into<String>) -> Cmd {
        let cmd = Cmd::new(&self.client, purpose).inherit(Inherit::Engine);
        // Said anew by each call, into whatever it tells; `doctor` says it once.
        if self.is_podman() { cmd.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1") } else { cmd }
    }

    /// A command inside `container`, with standard input connected; the caller adds the program.
    pub fn exec(&self, container: &str, purpose: impl Into<String>) -> Cmd {
        self.cmd(purpose).args(["exec", "--interactive", container])
    }

    pub fn is_podman(&self) -> bool {
        self.name == "podman"
    }

    /// What the client has to be told to speak plain HTTP with the registry of `reference`. Docker
    /// does so with any on loopback by itself, Podman with none.
    fn transport(&self, reference: &str) -> &'static [&'static str] {
        if self.is_podman() && on_loopback(reference) { &["--tls-verify=false"] } else { &[] }
    }
}

/// Whether the registry that `reference` names is on this machine's loopback interface.
fn on_loopback(reference: &str) -> bool {
    let host = reference.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()) || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::{Engine, testing};

    #[test]
    fn podman_is_told_of_registries_without_tls_on_loopback_only() {
        let podman = Engine { name: "podman".to_owned(), ..testing::engine() };
        for (reference, plain) in [
            ("127.0.0.1:5055/app@sha256:00", true),
            ("127.1.2.3:80/app:1", true),
            ("[::1]:5055/app:1", true),
            ("localhost/app:1", false),
            ("docker.io/library/a:1", false),
            ("127.0.0.1.example.com/a:1", false),
            ("app:1", false),
        ] {
            assert_eq!(podman.transport(reference).is_empty(), !plain, "{reference}");
            assert!(testing::engine().transport(reference).is_empty(), "Docker knows by itself");
        }
    }
}
