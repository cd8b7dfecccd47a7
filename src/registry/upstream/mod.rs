//! Published images: from a mirror or from where they are published, verified by digest at every step.

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
    /// `HOST[/PREFIX]`, tried first, in this order.
    pub mirrors: &'a [String],
    /// The folder of blobs on their way: what a broken transfer brought stays there.
    pub cache: &'a Path,
}

impl Upstream<'_> {
    /// The image's name without its digest, which nobody reads.
    pub(super) fn shown(&self) -> String {
        Reference { digest: None, ..self.reference.clone() }.to_string()
    }
}

/// The sources of one image, and what it is.
pub(super) struct Published<'a> {
    task: &'a Task<'a>,
    upstream: &'a Upstream<'a>,
    /// The mirrors, then the registry that publishes it.
    sources: Vec<Source>,
    /// For the platform.
    pub(super) manifest: Manifest,
    pub(super) blobs: Vec<Descriptor>,
}

impl<'a> Published<'a> {
    /// Finds the image for the platform.
    pub(super) fn find(task: &'a Task<'a>, upstream: &'a Upstream<'a>) -> Result<Self> {
        let Upstream { reference, platform, mirrors, .. } = *upstream;
        let mut sources =
            mirrors.iter().map(|mirror| Source::at(mirror, reference)).collect::<Result<Vec<_>>>()?;
        sources.push(Source::of(reference)?);
        let wanted = Platform::parse(platform)
            .ok_or_else(|| RegistryError::Name(format!("\"{platform}\" is not a platform (linux/amd64)")))?;
        let empty = Manifest { media_type: String::new(), bytes: Vec::new() };
        let mut found = Self { task, upstream, sources, manifest: empty, blobs: Vec::new() };
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
        let manifest = |digest: &str| self.first(|source| source.manifest(self.task, client, digest));
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
        let text = self.first(|source| source.text(self.task, client, &config))?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| malformed(e.to_string()))?;
        if config.platform.is(wanted) {
            return Ok(top);
        }
        Err(RegistryError::NoPlatform { name, platform, there: vec![config.platform.to_string()] })
    }

    /// Whether the tag is another image by now; nobody but who publishes it can tell.
    fn moved(&self, gone: bool) -> Option<RegistryError> {
        let reference = self.upstream.reference;
        let (pinned, tag) = (reference.digest.clone()?, reference.tag.as_deref()?);
        let last = self.sources.last().filter(|source| source.asked.get())?;
        match last.tag(self.task, self.upstream.client, tag) {
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

    /// What the first source gives that can.
    fn first<T>(&self, mut work: impl FnMut(&Source) -> Result<T>) -> Result<T> {
        let (last, mirrors) =
            self.sources.split_last().ok_or_else(|| Error::failed("there is no registry to ask"))?;
        for source in mirrors.iter().filter(|source| !source.dead.get()) {
            match work(source) {
                Err(error) if !error.is_local() => {
                    // Who lacks one thing may have the next.
                    source.dead.set(!matches!(error, RegistryError::NotFound { .. }));
                    self.task.warn(format!("mirror {}: {error}; trying the next one", source.host));
                }
                result => return result,
            }
        }
        last.asked.set(true);
        work(last)
    }

    /// Brings a blob into the cache. `label` stands for it in what is said; `before` of `total` bytes
    /// were there before it.
    pub(super) fn bring(&self, blob: &Descriptor, label: &str, before: u64, total: u64) -> Result<PathBuf> {
        let Upstream { client, cache, .. } = *self.upstream;
        std::fs::create_dir_all(cache).map_err(|e| Error::io("create", cache, &e))?;
        let to = cache.join(blob.digest.trim_start_matches("sha256:"));
        let sum = Sum { inner: self.task.reporter, before, total, digest: &blob.digest, label };
        let task = Task { reporter: &sum, ..self.task.clone() };
        self.first(|source| source.download(&task, client, blob, &to))?;
        Ok(to)
    }
}
