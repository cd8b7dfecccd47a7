//! The container engine: find it, explain what is wrong with it, install and start it, use it.
//!
//! Everything goes through the engine's own client, so docker contexts, `DOCKER_HOST` and Docker Desktop
//! work as they do for the user.

mod build;
mod capacity;
mod containers;
mod daemon;
mod detect;
mod endpoint;
mod fault;
mod fix;
mod images;
mod info;
mod install;
mod networks;
mod packages;
mod port;
mod socket;
mod unfit;

#[cfg(test)]
mod recorded;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use build::Build;
pub use capacity::more_capacity;
pub use containers::Container;
pub use daemon::{halt, start};
pub use endpoint::{Endpoint, Preference, SELECTION};
pub use fault::Fault;
pub use fix::{Fix, USE_PODMAN, buildx_command, fix};
pub use install::{Installed, install, uninstall};
pub use packages::{install_packages, remove_packages};
pub use port::{cannot_publish, port_of};
pub use socket::certainly_absent;

use crate::error::Result;
use crate::exec::{Cmd, Inherit, Output, RunError};
use crate::host::{BuildSecrets, Facts, Os};
use crate::task::Task;

/// How the client builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// Part of clients older than 23; selected with `DOCKER_BUILDKIT=1`.
    BuildKit,
    /// The buildx plugin.
    Buildx,
    /// The daemon's old builder: no cache mounts, no `COPY --chmod`.
    Legacy,
    /// Podman's own.
    Buildah,
}

/// Where the engine runs its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineHost {
    DockerDesktop,
    Colima,
    OrbStack,
    RancherDesktop,
    PodmanMachine,
    /// This machine itself, or a host that cannot be identified.
    Unknown,
}

/// An engine that responds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub client: PathBuf,
    /// `docker` or `podman`.
    pub name: String,
    /// The server's version, in its own notation.
    pub version: String,
    /// CPUs and memory (bytes) that containers can use: on macOS, those of the virtual machine.
    pub cpus: u32,
    pub memory: u64,
    pub storage_driver: String,
    /// The directory with the images, in the file system of [`Engine::host`]; empty if unknown.
    pub data_root: PathBuf,
    /// Whether containerd stores Docker's images (the default since 29): complete, not as unpacked layers only.
    pub containerd_store: bool,
    /// 1 or 2; 0 if unknown.
    pub cgroup_version: u8,
    pub builder: Builder,
    /// The default runtime of containers.
    pub runtime: String,
    /// The client's context, which is also the name of the builder inside its engine; empty for Podman and
    /// for Docker's clients older than 20.10.14.
    pub context: String,
    /// The platform of containers, such as `linux/amd64`; empty if unknown.
    pub platform: String,
    pub host: EngineHost,
    /// Whether the daemon runs without root.
    pub rootless: bool,
    /// Which of `cpu`, `memory` and `pids` the engine cannot limit.
    pub unlimited: Vec<&'static str>,
    /// The home directory to whose visible files the client is confined, if it is a snap.
    pub confined_to: Option<PathBuf>,
    /// The names of the proxy variables that builds get; their values are neither in arguments nor in images.
    pub proxies: Vec<String>,
    /// The files that builds can mount.
    pub secrets: BuildSecrets,
}

impl Engine {
    /// Whether what publishes the ports of containers has only the rights of the user.
    pub fn publishes_as_user(&self) -> bool {
        self.rootless || self.host == EngineHost::PodmanMachine
    }

    /// The directory with the images, if it is in a file system of this machine.
    pub fn data_here(&self, facts: &Facts) -> Option<&Path> {
        let here = facts.os == Os::Linux && self.host == EngineHost::Unknown;
        Some(self.data_root.as_path()).filter(|root| here && root.is_absolute())
    }

    /// A command of the client; `purpose` completes "cannot …".
    pub fn cmd(&self, purpose: impl Into<String>) -> Cmd {
        let cmd = Cmd::new(&self.client, purpose).inherit(Inherit::Engine);
        // Otherwise each call prints the warning into its output; `doctor` shows it once.
        if self.is_podman() { cmd.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1") } else { cmd }
    }

    /// Runs a command of the client and returns its output.
    fn call(&self, task: &Task<'_>, purpose: &str, args: &[&str]) -> Result<String> {
        Ok(task.run(&self.cmd(purpose).args(args.iter().copied()))?.text())
    }

    /// As [`Engine::call`]; `None` if the engine reports that the object does not exist.
    fn lookup(&self, task: &Task<'_>, purpose: &str, args: &[&str]) -> Result<Option<String>> {
        let cmd = self.cmd(purpose).args(args.iter().copied()).any_status();
        absent_or(&cmd, task.run(&cmd)?)
    }

    /// The labels of a network or volume (`kind`); `None` if it does not exist.
    pub fn labels_of(
        &self,
        task: &Task<'_>,
        kind: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>> {
        let args = [kind, "inspect", "--format", "{{json .Labels}}", name];
        let found = self.lookup(task, &format!("inspect the {kind} {name}"), &args)?;
        Ok(found.map(|json| serde_json::from_str(&json).unwrap_or_default()))
    }

    /// Creates a network or volume (`kind`).
    fn create(
        &self,
        task: &Task<'_>,
        kind: &str,
        name: &str,
        labels: &[(String, String)],
        options: &[&str],
    ) -> Result<()> {
        let labels = labels.iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
        let cmd = self.cmd(format!("create the {kind} {name}")).args([kind, "create"]);
        task.run(&cmd.args(options.to_vec()).args(labels).arg(name)).map(drop)
    }

    /// A command inside `container`, with standard input connected; the caller adds the program.
    pub fn exec(&self, container: &str, purpose: impl Into<String>) -> Cmd {
        self.cmd(purpose).args(["exec", "--interactive", container])
    }

    pub fn is_podman(&self) -> bool {
        self.name == "podman"
    }

    /// Options for plain HTTP with the registry of `reference`. Docker uses it for all registries on
    /// loopback without an option, Podman for none.
    fn transport(&self, reference: &str) -> &'static [&'static str] {
        if self.is_podman() && on_loopback(reference) { &["--tls-verify=false"] } else { &[] }
    }
}

/// The output, or `None` if the engine reports that the object does not exist.
fn absent_or(cmd: &Cmd, output: Output) -> Result<Option<String>> {
    if output.ok() {
        return Ok(Some(output.text()));
    }
    let low = output.stderr.to_ascii_lowercase();
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| low.contains(phrase));
    let unreachable = any(&["cannot connect", "dial ", "no such file", "no such host"]);
    if !unreachable && any(&["no such", "not found", "not known", "does not exist", "is not connected"]) {
        return Ok(None);
    }
    Err(RunError::status(cmd, output).into())
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
    fn podman_uses_plain_http_for_registries_on_loopback_only() {
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
            assert!(testing::engine().transport(reference).is_empty(), "Docker needs no option");
        }
    }
}
