//! The container engine: find it, say what is wrong with it, install and start it, use it.
//!
//! Everything goes through the engine's own command line client, so contexts, `DOCKER_HOST` and
//! Docker Desktop work as they do for the user.

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

#[cfg(test)]
mod live;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;

pub use build::Build;
pub use containers::Container;
pub use daemon::{halt, start};
pub use fault::Fault;
pub use grow::grow;
pub use install::{Installed, install, uninstall};
pub use packages::{install_packages, remove_packages};
pub use remedy::{Remedy, remedy};

use crate::exec::Cmd;

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
    /// 1 or 2; 0 where the engine does not say.
    pub cgroup_version: u8,
    pub builder: Builder,
    /// The runtime that containers get by default.
    pub runtime: String,
    pub home: Home,
}

impl Engine {
    /// A command of the client; `purpose` completes "cannot …".
    pub fn cmd(&self, purpose: impl Into<String>) -> Cmd {
        Cmd::new(&self.client, purpose)
    }

    /// A command inside `container`, with standard input connected; the caller adds the program.
    pub fn exec(&self, container: &str, purpose: impl Into<String>) -> Cmd {
        self.cmd(purpose).args(["exec", "--interactive", container])
    }

    pub fn is_podman(&self) -> bool {
        self.name == "podman"
    }
}
