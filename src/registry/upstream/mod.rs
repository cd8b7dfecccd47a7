//! Published images, verified by digest at every step.

mod auth;
mod source;

use std::path::{Path, PathBuf};

use super::archive::Config;
use super::manifest::{Descriptor, Manifest};
use super::platform::{Platform, choose};
use super::{Reference, RegistryError, Result};
use crate::error::Error;
use crate::fetch;
use crate::progress::{Event, Reporter, State};
use crate::task::Task;
pub use auth::anonymous_token;
use source::Source;

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
    pub(super) fn shown(&self) -> String {
        Reference { digest: None, ..self.reference.clone() }.to_string()
    }

    fn malformed(&self, why: impl std::fmt::Display) -> RegistryError {
        RegistryError::malformed(&self.reference.host, &self.reference.to_string(), why)
    }
}

pub(super) struct Published<'a> {
    task: &'a Task<'a>,
    upstream: &'a Upstream<'a>,
    source: Source<'a>,
    pub(super) manifest: Manifest,
    pub(super) blobs: Vec<Descriptor>,
}

impl<'a> Published<'a> {
    /// The image with the `known` manifest, else that for the platform.
    pub(super) fn find(
        task: &'a Task<'a>,
        upstream: &'a Upstream<'a>,
        known: Option<Manifest>,
    ) -> Result<Self> {
        let source = Source::of(task, upstream.client, upstream.reference);
        let manifest = known.map_or_else(|| resolve(task, upstream, &source), Ok)?;
        let blobs = manifest.blobs().map_err(|why| upstream.malformed(why))?;
        Ok(Self { task, upstream, source, manifest, blobs })
    }

    /// Brings a blob, called `label`, into the cache; `before` of `total` bytes were there before it.
    pub(super) fn bring(&self, blob: &Descriptor, label: &str, before: u64, total: u64) -> Result<PathBuf> {
        let cache = self.upstream.cache;
        std::fs::create_dir_all(cache).map_err(|e| Error::io("create", cache, &e))?;
        let to = cache.join(blob.digest.trim_start_matches("sha256:"));
        let sum = Sum { inner: self.task.reporter, before, total, digest: &blob.digest, label };
        let task = Task { reporter: &sum, ..self.task.clone() };
        self.source.download(&task, blob, &to)?;
        Ok(to)
    }
}

fn resolve(task: &Task<'_>, upstream: &Upstream<'_>, source: &Source<'_>) -> Result<Manifest> {
    let (name, platform) = (upstream.reference.to_string(), upstream.platform);
    let wanted = Platform::parse(platform)
        .ok_or_else(|| RegistryError::name(format!("\"{platform}\" is not a platform (linux/amd64)")))?;
    let Some(pinned) = &upstream.reference.digest else {
        return Err(RegistryError::name(format!("{name} has no digest, so it could not be verified")));
    };
    let top = match source.manifest(pinned) {
        Err(error @ RegistryError::NotFound { .. }) => {
            let moved = moved(upstream, source, pinned).map(|moved| moved + " and gone");
            return Err(moved.map_or(error, |moved| {
                RegistryError::failed(moved, "pin the new digest: cargo xtask pins")
            }));
        }
        result => result?,
    };
    if let Some(moved) = moved(upstream, source, pinned) {
        task.say(moved);
    }
    let there = if top.is_index() {
        let listed = top.listed().map_err(|why| upstream.malformed(why))?;
        match choose(&listed, &wanted) {
            Ok(chosen) => return source.manifest(&chosen.descriptor.digest),
            Err(there) => there,
        }
    } else {
        // Only the configuration tells what an image is for that is in no index.
        let text = source.text(&top.config_digest().unwrap_or_default())?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| upstream.malformed(e))?;
        if config.platform.is(&wanted) {
            return Ok(top);
        }
        vec![config.platform.to_string()]
    };
    let there = if there.is_empty() { "others".to_owned() } else { there.join(", ") };
    let help = format!(
        "pin an image that is published for {wanted} (manifests/images.toml), or use a machine of another platform"
    );
    Err(RegistryError::failed(format!("{name} has no image for {wanted}, only for {there}"), &help))
}

/// That the tag names another image by now.
fn moved(upstream: &Upstream<'_>, source: &Source<'_>, pinned: &str) -> Option<String> {
    let now = source.tag(upstream.reference.tag.as_deref()?);
    let now = now.inspect_err(|error| tracing::debug!(%error, "cannot ask for a tag")).ok()??;
    let name = upstream.shown();
    (now != pinned).then(|| format!("{name} has moved: it is {now} now, {pinned} is pinned"))
}

/// Shows the progress of one blob as that of all blobs.
struct Sum<'a> {
    inner: &'a dyn Reporter,
    /// Bytes that were fetched before this blob, and of all.
    before: u64,
    total: u64,
    /// The name in the transfer's messages, and its replacement.
    digest: &'a str,
    label: &'a str,
}

impl Reporter for Sum<'_> {
    fn report(&self, event: &Event) {
        let mut event = event.clone();
        if event.state == State::Progress {
            event.message = event.message.replace(self.digest, self.label);
            if let Some(current) = event.current {
                event.current = Some((self.before + current).min(self.total));
                event.total = Some(self.total);
            }
        }
        self.inner.report(&event);
    }
}
