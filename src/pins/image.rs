//! A published image, pinned by its digest.

use std::collections::BTreeMap;

use super::{End, Line};
use crate::fetch::permitted;
use crate::registry::{Reference, host_to_ask};
use crate::tools::doubt;

/// An image that is published, the digest that it is known by, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedImage {
    /// What the program calls it: `node`, `traefik`.
    pub name: String,
    /// The registry as references have it: `docker.io`, `registry.k8s.io`, `127.0.0.1:5001`.
    pub registry: String,
    /// `library/traefik`.
    pub repository: String,
    pub tag: String,
    /// Of the index of all platforms, `sha256:…`.
    pub digest: String,
    /// What is in it, without a `v`.
    pub version: String,
    /// Bytes to transfer (manifest and compressed layers), by platform, where they are published: an estimate for
    /// messages.
    pub sizes: BTreeMap<String, u64>,
    /// Hosts that the registry may redirect to, besides itself; `*.example.org` stands for all below.
    pub hosts: Vec<String>,
    /// The published texts that agree on the digest, independent of each other.
    pub sources: Vec<String>,
    /// Its line, and until when that is supported.
    pub support: Line,
    /// The version that its recipe makes where it cannot be pulled; `None` if there is no recipe.
    pub source_version: Option<String>,
    /// Why that version is of another line.
    pub version_differs: Option<String>,
    pub source_support: Option<Line>,
    /// What else is not the same in what its recipe makes.
    pub differs: Option<String>,
    pub(super) reference: String,
    /// The key of `source_version` in `versions.toml`.
    pub(super) source_key: String,
}

impl PublishedImage {
    /// `registry/repository:tag@sha256:…`.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The host that is asked for it, with the port where it has one.
    pub fn host(&self) -> &str {
        host_to_ask(&self.registry)
    }

    /// Where the registry's API of its repository begins; a registry of this machine speaks plain HTTP.
    pub fn api(&self) -> String {
        let host = self.host();
        let scheme = if permitted(&format!("http://{host}/")).is_ok() { "http" } else { "https" };
        format!("{scheme}://{host}/v2/{}", self.repository)
    }

    /// Why its digest is not believed; the reason is a sentence of its own.
    pub fn doubt(&self) -> Option<String> {
        doubt("digest", &self.sources)
    }

    /// Whether what its recipe makes is of the same line, as far as both are named.
    pub fn agrees(&self) -> bool {
        let Some(source) = &self.source_version else { return true };
        let begins = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        begins(&self.version, source) || begins(source, &self.version)
    }

    /// What one gets where it is made from source, if that is not the same.
    pub fn difference(&self) -> Option<String> {
        let version = self.source_version.as_ref().filter(|_| !self.agrees()).map(|version| {
            let end = self.source_support.as_ref().and_then(|line| match line.end {
                End::On(day) => Some(format!(", supported until {day}")),
                End::Open(_) => None,
            });
            let why = self.version_differs.as_ref().map(|why| format!(": {why}"));
            format!("version {version}{}{}", end.unwrap_or_default(), why.unwrap_or_default())
        });
        let parts: Vec<String> = version.into_iter().chain(self.differs.clone()).collect();
        (!parts.is_empty()).then(|| format!("from source: {}", parts.join("; ")))
    }
}

/// Reads `registry/repository:tag`; the error completes "`key` …".
pub(super) fn place(text: &str) -> Result<Reference, String> {
    let full = |place: &Reference| place.to_string() == text && place.tag.is_some() && place.digest.is_none();
    let place = Reference::parse(text).ok().filter(full);
    place.ok_or_else(|| {
        format!("is \"{text}\", but must be REGISTRY/REPOSITORY:TAG (docker.io/library/busybox:1)")
    })
}
