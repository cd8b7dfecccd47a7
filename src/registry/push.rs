//! Pushes an image: the missing blobs, then the manifest, then a check that the registry has it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::iter;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};

use super::blob::Blob;
use super::manifest::Manifest;
use super::ours::manifests;
use super::retry::{Fault, again};
use super::{Registry, RegistryError, Result, wait};
use crate::error::Error;
use crate::fetch::{FetchError, Halt};
use crate::task::Task;

/// Blobs that are sent at the same time.
const UPLOADS: usize = 4;
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// One push on its way.
pub(super) struct Push<'a> {
    pub(super) registry: &'a Registry,
    pub(super) task: &'a Task<'a>,
    pub(super) repository: &'a str,
    /// Bytes that were handed to the connection, by upload.
    moved: RefCell<Vec<Arc<AtomicU64>>>,
    /// Whether the registry answered before: what is gone then has died.
    met: Cell<bool>,
}

impl<'a> Push<'a> {
    pub(super) fn new(registry: &'a Registry, task: &'a Task<'a>, repository: &'a str) -> Self {
        Self { registry, task, repository, moved: RefCell::default(), met: Cell::new(false) }
    }

    /// For another thread, to a registry that answered this one.
    pub(super) fn met(registry: &'a Registry, task: &'a Task<'a>, repository: &'a str) -> Self {
        Self { met: Cell::new(true), ..Self::new(registry, task, repository) }
    }

    /// What counts the bytes of one more upload.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        let counter = Arc::default();
        self.moved.borrow_mut().push(Arc::clone(&counter));
        counter
    }

    /// Has `send` send the missing blobs, then names the image `tag`; once more if the registry lost blobs
    /// meanwhile. Returns the digest that the registry found. `name` is the image's for readers.
    pub(super) fn image(
        &self,
        manifest: &Manifest,
        tag: Option<&str>,
        name: &str,
        send: impl Fn() -> Result<()>,
    ) -> Result<String> {
        let store = || wait(self.task, &format!("the push of {name}"), self.manifest(manifest, tag));
        send()?;
        match store() {
            Err(error) if lost_blobs(&error) => {
                self.task.say(format!("{error}; checking again which blobs exist"));
                send()?;
                store()
            }
            result => result,
        }
    }

    /// Sends the missing ones of these blobs.
    pub(super) async fn blobs(&self, blobs: &[Blob]) -> Result<()> {
        let there = self.present(blobs.iter().map(|blob| blob.digest.as_str())).await?;
        let missing: Vec<&Blob> =
            blobs.iter().zip(there).filter(|(_, there)| !there).map(|(blob, _)| blob).collect();
        let total = missing.iter().map(|blob| blob.size).sum();
        self.moved.borrow_mut().clear();
        let uploads = iter(missing).map(|blob| self.upload(blob)).buffer_unordered(UPLOADS);
        tokio::select! {
            sent = uploads.try_collect::<()>() => sent?,
            never = self.report(total) => match never {},
        }
        if total > 0 {
            self.task.progress(Some(total), Some(total), self.shown());
        }
        Ok(())
    }

    /// Which blobs are there.
    pub(super) async fn present(&self, digests: impl Iterator<Item = &str>) -> Result<Vec<bool>> {
        let timeouts = self.registry.client.timeouts;
        let ask = |digest: &str| {
            let digest = digest.to_owned();
            async move {
                let has = again(self.task, timeouts, async || {
                    self.noted(self.registry.has(self.repository, &digest).await)
                });
                has.await.map_err(|error| self.died(error, &digest))
            }
        };
        try_join_all(digests.map(ask)).await
    }

    /// Stores the manifest; returns the digest that the registry found.
    pub(super) async fn manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<String> {
        let (registry, pushed) = (self.registry, manifest.digest());
        let reference = tag.unwrap_or(&pushed);
        let name = registry.named(self.repository, reference)?;
        let put = again(self.task, registry.client.timeouts, async || {
            self.noted(self.put(manifest, reference, &name).await)
        });
        put.await.map_err(|error| self.died(error, &name))?;
        // Another one may have pushed to the tag, and a registry may store what it likes.
        let both = [reference, pushed.as_str()];
        for reference in if tag.is_some() { &both[..] } else { &both[..1] } {
            let look = again(self.task, registry.client.timeouts, async || {
                self.noted(registry.manifest_once(self.repository, reference, &name).await)
            });
            let found = look.await.map_err(|error| self.died(error, &name))?;
            let found = found.map_or("nothing".to_owned(), |found| found.digest());
            if found != pushed {
                let what = format!("digest mismatch for {name}: {pushed} was pushed, {found} was found");
                return Err(RegistryError::again(what));
            }
        }
        Ok(pushed)
    }

    async fn put(&self, manifest: &Manifest, reference: &str, name: &str) -> Result<(), Fault> {
        let registry = self.registry;
        let url = address(&registry.url(&manifests(self.repository, reference)))?;
        let request = registry.client.http().put(url.clone());
        let request = request.header(CONTENT_TYPE, &manifest.media_type).body(manifest.bytes.clone());
        let what = format!("the manifest of {name}");
        let answer = registry.exchange(request, &url, &what).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(registry.refusal(&answer, &what)),
        }
    }

    /// Notes that the registry has responded; one that never has is not tried again.
    pub(super) fn noted<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        match result {
            Err(Halt::Again { error: error @ RegistryError::Unreachable { .. }, after }) => {
                Err(if self.met.get() { Halt::Again { error, after } } else { error.into() })
            }
            result => {
                self.met.set(true);
                result
            }
        }
    }

    /// What a lost connection means while something is pushed.
    pub(super) fn died(&self, error: RegistryError, what: &str) -> RegistryError {
        let cause = match error {
            RegistryError::Unreachable { cause, .. } if self.met.get() => cause,
            RegistryError::Transfer(FetchError::Broken { cause, .. }) => cause,
            error => return error,
        };
        let authority = &self.registry.authority;
        let what =
            format!("lost the connection to the registry at {authority} while pushing {what} ({cause})");
        RegistryError::again(what)
    }

    fn shown(&self) -> String {
        format!("{} to {}", self.repository, self.registry.authority)
    }

    async fn report(&self, total: u64) -> Infallible {
        loop {
            tokio::time::sleep(REPORT_EVERY).await;
            let moved: u64 = self.moved.borrow().iter().map(|one| one.load(Ordering::Relaxed)).sum();
            self.task.progress(Some(moved.min(total)), Some(total), self.shown());
        }
    }
}

/// Whether blobs are gone that were there just now: a registry was restarted on another disk, or cleaned.
fn lost_blobs(error: &RegistryError) -> bool {
    match error {
        RegistryError::Answered { said, .. } => said.contains("BLOB_UNKNOWN"),
        error => matches!(error, RegistryError::NotFound { .. }),
    }
}

pub(super) fn address(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|error| Error::failed(format!("{url} is not an address")).because(error).into())
}
