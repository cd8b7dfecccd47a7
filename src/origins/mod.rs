//! Where an artifact comes from: system, cache, bundle, mirror, download or source, in this order.
//!
//! The reasons why earlier origins were not used are reported: users see why a long build started.

mod chain;
mod entries;
mod forecast;
mod images;
mod link;
mod mirror;
mod own;
mod reach;
mod registry_mirror;
mod store;
mod system;
mod tools;
mod transfer;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::bundle::Bundle;
use crate::config::{Paths, Versions};
use crate::data::Data;
use crate::error::Result;
use crate::fetch::{Client, Queue};
use crate::host::Facts;
use crate::local_registry::Stored;
use crate::pins::Images;
use crate::process_env::ProcessEnv;
use crate::source::Source;
use crate::tools::Pins;

pub use forecast::{Build, Forecast, Host, Way};
pub use images::REGISTRY;
pub use mirror::{Mirror, Place};
use reach::Reach;
pub use registry_mirror::RegistryMirrors;
use store::Store;
pub use system::Accepted;
use system::SystemTools;
pub use verify::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    System,
    Cache,
    Bundle,
    Mirror,
    Download,
    Source,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Cache => "cache",
            Self::Bundle => "bundle",
            Self::Mirror => "mirror",
            Self::Download => "download",
            Self::Source => "source",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an origin was not used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    pub origin: Origin,
    pub reason: String,
    /// What would help against it, if that is known.
    #[serde(skip)]
    pub help: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.reason)
    }
}

/// A tool that is there and was verified just now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    pub name: String,
    pub version: String,
    pub origin: Origin,
    pub path: PathBuf,
    pub sha256: String,
    pub size: u64,
    pub refusals: Vec<Refusal>,
}

/// An image that the local registry has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FoundImage {
    pub name: String,
    pub stored: Stored,
    pub origin: Origin,
    pub refusals: Vec<Refusal>,
}

/// What the user trusts besides the program's own pins, and what not.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Asked before release hosts are.
    pub mirror: Option<Mirror>,
    /// Asked instead of registries.
    pub registry_mirrors: RegistryMirrors,
    /// Nothing that was on this machine before is used.
    pub strict: bool,
    /// One source is enough for a checksum.
    pub allow_unpinned: bool,
    /// A folder whose `<tool>/pin.toml` stand in for the program's.
    pub pins: Option<PathBuf>,
}

/// All origins of this machine; shared by the steps of a run.
pub struct Origins {
    process_env: ProcessEnv,
    facts: Facts,
    versions: Versions,
    bundle: Option<Bundle>,
    source: Source,
    store: Store,
    pins: Pins,
    trust: Trust,
    system: SystemTools,
    /// Whether it was said that the mirror speaks plain HTTP.
    plain_told: AtomicBool,
    published: Images,
    reach: Reach,
    client: Mutex<Option<Client>>,
    /// Of all that is downloaded for the steps of a run.
    queue: Queue,
    cache: PathBuf,
}

impl Origins {
    /// `bundle` is the one that the user named, opened; it is verified where it is used.
    pub fn new(
        process_env: &ProcessEnv,
        paths: &Paths,
        data: &Data,
        versions: &Versions,
        facts: &Facts,
        bundle: Option<Bundle>,
        trust: Trust,
    ) -> Result<Self> {
        let pins = Pins::load(trust.pins.as_deref(), versions)?;
        Ok(Self {
            process_env: process_env.clone(),
            facts: facts.clone(),
            versions: versions.clone(),
            bundle,
            source: Source::new(process_env, paths, data, versions, facts)?,
            store: Store::new(&paths.cache),
            pins,
            trust,
            system: SystemTools::new(&paths.state),
            plain_told: AtomicBool::new(false),
            published: Images::load(data, versions)?,
            reach: Reach::load(&paths.cache, process_env.now),
            client: Mutex::new(None),
            queue: Queue::default(),
            cache: paths.cache.clone(),
        })
    }

    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    pub fn registry_mirrors(&self) -> &RegistryMirrors {
        &self.trust.registry_mirrors
    }

    /// Whether the user named a bundle, which then has the application's images as well.
    pub fn has_bundle(&self) -> bool {
        self.bundle.is_some()
    }

    /// Made on first use: most runs need none.
    fn client(&self) -> Result<Client> {
        let mut client = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        Ok(client.insert(Client::new(&self.process_env)?).clone())
    }

    /// The inputs that a cached artifact may be made of: of today's recipe, and in the bundle. What came from a
    /// bundle is compared only if one is given.
    fn current_inputs(&self, from: Origin, artifact: &str, platform: &str) -> Vec<&str> {
        if from == Origin::Bundle && self.bundle.is_none() {
            return Vec::new();
        }
        let bundled = self.bundle.as_ref().and_then(|bundle| bundle.find(artifact, platform));
        let made = self.source.inputs(artifact).ok();
        made.into_iter().chain(bundled.map(|entry| entry.inputs.as_str())).collect()
    }
}

#[cfg(test)]
mod tests;
