//! What minikube's node runs in: chosen from the host, or as the profile says.

use super::gear::Gear;
use super::obstacle::{self, Obstacle};
use crate::engine::{Engine, Fault, fix};
use crate::error::{Error, Result};
use crate::host::{Facts, Os};

/// The drivers that are chosen from; minikube has more, which nobody tests here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    Docker,
    Podman,
    Vfkit,
    Hyperv,
    Kvm2,
    /// The node is this machine itself: only for who asks for it.
    None,
}

/// A machine as drivers see it.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    pub facts: &'a Facts,
    /// The engine that answers.
    pub engine: Option<&'a Engine>,
    pub gear: &'a [Gear],
    /// Bytes that the node is to get, where the profile says so.
    pub memory: Option<u64>,
}

impl Host<'_> {
    pub(super) fn has(&self, gear: Gear) -> bool {
        self.gear.contains(&gear)
    }
}

impl Driver {
    const ALL: [Self; 6] = [Self::Docker, Self::Podman, Self::Vfkit, Self::Hyperv, Self::Kvm2, Self::None];

    /// What minikube calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Vfkit => "vfkit",
            Self::Hyperv => "hyperv",
            Self::Kvm2 => "kvm2",
            Self::None => "none",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|driver| driver.name() == name)
    }

    /// Whether the node is a container.
    pub fn is_container(self) -> bool {
        matches!(self, Self::Docker | Self::Podman)
    }

    /// The flags of `minikube start` that follow from the driver on this host.
    pub fn flags(self, host: &Host<'_>) -> Vec<String> {
        let mut flags = vec![format!("--driver={}", self.name())];
        if self.is_container() && host.has(Gear::RootlessEngine) {
            // minikube's documents name containerd for every rootless engine.
            flags.extend(["--rootless".to_owned(), "--container-runtime=containerd".to_owned()]);
        }
        flags
    }
}

/// The driver for this host; pure. `asked` is the profile's `driver`, which wins.
///
/// Fails as a usage error where `asked` is no driver, else as a host that is not ready, with all
/// that stands in the way as causes, and what mends it.
pub fn choose(host: &Host<'_>, asked: Option<&str>) -> Result<Driver> {
    let Some(asked) = asked else { return fit(suggest(host)?, host) };
    let Some(driver) = Driver::parse(asked) else {
        let names = Driver::ALL.map(Driver::name).join(", ");
        return Err(Error::usage(format!("there is no driver `{asked}`"))
            .because(format!("the drivers are: {names}"))
            .help("remove `driver` from [cluster] of the profile to use the host's default"));
    };
    fit(driver, host).map_err(|error| match suggest(host) {
        Ok(own) if own != driver && own.is_container() && obstacle::all(own, host).is_empty() => error.help(
            format!("remove `driver` from [cluster] of the profile: this machine can use {}", own.name()),
        ),
        _ => error,
    })
}

/// The driver that the host has most reason for, fit or not.
fn suggest(host: &Host<'_>) -> Result<Driver> {
    match (host.engine, host.facts.os) {
        (Some(engine), _) if engine.is_podman() => Ok(Driver::Podman),
        (Some(_), _) => Ok(Driver::Docker),
        (None, Os::MacOs) => Ok(Driver::Vfkit),
        (None, Os::Windows) => Ok(Driver::Hyperv),
        (None, Os::Linux) if obstacle::all(Driver::Kvm2, host).is_empty() => Ok(Driver::Kvm2),
        (None, Os::Linux) => Err(nothing(host)),
    }
}

fn nothing(host: &Host<'_>) -> Error {
    let mut error =
        Error::host("minikube found nothing to run its node in").because("no container engine answers");
    for obstacle in obstacle::all(Driver::Kvm2, host) {
        error = error.because(format!("kvm2: {}", obstacle.what));
    }
    engine_help(host).into_iter().fold(error, Error::help)
}

/// How this machine gets an engine.
pub(super) fn engine_help(host: &Host<'_>) -> Vec<String> {
    let remedy = fix(&Fault::Absent, host.facts);
    if remedy.automatic {
        return vec!["todo-bootstrap up --yes   # installs and starts one".to_owned()];
    }
    remedy.commands
}

fn fit(driver: Driver, host: &Host<'_>) -> Result<Driver> {
    let obstacles = obstacle::all(driver, host);
    if obstacles.is_empty() {
        return Ok(driver);
    }
    let mut error = Error::host(format!("minikube cannot use the driver {} here", driver.name()));
    let mut said: Vec<String> = Vec::new();
    for Obstacle { what, help } in obstacles {
        error = error.because(what);
        for line in help.into_iter().filter(|line| !line.is_empty()) {
            if !said.contains(&line) {
                said.push(line.clone());
                error = error.help(line);
            }
        }
    }
    Err(error)
}
