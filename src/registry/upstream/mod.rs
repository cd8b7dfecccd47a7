//! Published images, verified by digest at every step.

mod auth;
mod source;
mod sum;

use std::path::{Path, PathBuf};

use super::archive::Config;
use super::manifest::{Descriptor, Manifest};
use super::platform::{Platform, choose};
use super::{Reference, RegistryError, Result};
use crate::error::Error;
use crate::fetch;
use crate::task::Task;
use source::Source;
pub(super) use sum::Sum;

/// Where an image is published.
#[derive(Debug, Clone, Copy)]
pub struct Upstream<'a> {
    pub client: &'a fetch::Client,
    /// With a digest: of the image or of an index.
    pub reference: &'a Reference,
    /// `linux/amd64`.
    pub platform: &'a str,
    /// The folder of blobs that are being downloaded: an interrupted transfer resumes from there.
    pub cache: &'a Path,
}

impl Upstream<'_> {
    /// The image's name without its digest.
    pub(super) fn shown(&self) -> String {
        Reference { digest: None, ..self.reference.clone() }.to_string()
    }
}

/// A published image for one platform.
pub(super) struct Published<'a> {
    task: &'a Task<'a>,
    upstream: &'a Upstream<'a>,
    source: Source,
    /// For the platform.
    pub(super) manifest: Manifest,
    pub(super) blobs: Vec<Descriptor>,
}

impl<'a> Published<'a> {
    /// Finds the image for the platform.
    pub(super) fn find(task: &'a Task<'a>, upstream: &'a Upstream<'a>) -> Result<Self> {
        let Upstream { reference, platform, .. } = *upstream;
        let source = Source::of(reference);
        let wanted = Platform::parse(platform)
            .ok_or_else(|| RegistryError::Name(format!("\"{platform}\" is not a platform (linux/amd64)")))?;
        let empty = Manifest { media_type: String::new(), bytes: Vec::new() };
        let mut found = Self { task, upstream, source, manifest: empty, blobs: Vec::new() };
        found.manifest = found.resolve(&wanted)?;
        let malformed = |why| {
            let (host, what) = (reference.host.clone(), reference.to_string());
            RegistryError::Malformed { host, what, why }
        };
        found.blobs = found.manifest.blobs().map_err(malformed)?;
        Ok(found)
    }

    fn resolve(&self, wanted: &Platform) -> Result<Manifest> {
        let (name, client) = (self.upstream.reference.to_string(), self.upstream.client);
        let Some(pinned) = &self.upstream.reference.digest else {
            return Err(RegistryError::Name(format!("{name} has no digest, so it could not be verified")));
        };
        let manifest = |digest: &str| self.source.manifest(self.task, client, digest);
        let top = match manifest(pinned) {
            Err(error @ RegistryError::NotFound { .. }) => return Err(self.moved(true).unwrap_or(error)),
            result => result?,
        };
        if let Some(remark) = self.moved(false) {
            self.task.say(remark.to_string());
        }
        let platform = wanted.to_string();
        let malformed = |why| {
            let (host, what) = (self.upstream.reference.host.clone(), name.clone());
            RegistryError::Malformed { host, what, why }
        };
        if top.is_index() {
            let listed = top.listed().map_err(malformed)?;
            return match choose(&listed, wanted) {
                Ok(chosen) => manifest(&chosen.descriptor.digest),
                Err(there) => Err(RegistryError::NoPlatform { name, platform, there }),
            };
        }
        // Only the configuration tells what an image is for that is in no index.
        let config = top.config_digest().unwrap_or_default();
        let text = self.source.text(self.task, client, &config)?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        if config.platform.is(wanted) {
            return Ok(top);
        }
        Err(RegistryError::NoPlatform { name, platform, there: vec![config.platform.to_string()] })
    }

    /// Whether the tag names another image by now.
    fn moved(&self, gone: bool) -> Option<RegistryError> {
        let reference = self.upstream.reference;
        let (pinned, tag) = (reference.digest.clone()?, reference.tag.as_deref()?);
        match self.source.tag(self.task, self.upstream.client, tag) {
            Ok(now) => {
                let now = now.filter(|now| *now != pinned)?;
                let name = self.upstream.shown();
                Some(RegistryError::Moved { name, pinned, now, gone })
            }
            Err(error) => {
                tracing::debug!(%error, "cannot ask for a tag");
                None
            }
        }
    }

    /// Brings a blob into the cache. `label` stands for it in what is said; `before` of `total` bytes
    /// were there before it.
    pub(super) fn bring(&self, blob: &Descriptor, label: &str, before: u64, total: u64) -> Result<PathBuf> {
        let Upstream { client, cache, .. } = *self.upstream;
        std::fs::create_dir_all(cache).map_err(|e| Error::io("create", cache, &e))?;
        let to = cache.join(blob.digest.trim_start_matches("sha256:"));
        let sum = Sum { inner: self.task.reporter, before, total, digest: &blob.digest, label };
        let task = Task { reporter: &sum, ..self.task.clone() };
        self.source.download(&task, client, blob, &to)?;
        Ok(to)
    }
}
