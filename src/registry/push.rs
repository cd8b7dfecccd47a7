//! Pushes an image: the missing blobs, then the manifest, then a check that the registry has it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::try_join_all;
use futures::stream::iter;
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};

use super::blob::Blob;
use super::manifest::Manifest;
use super::ours::manifests;
use super::retry::{Fault, again};
use super::{Pushed, Registry, RegistryError, Result};
use crate::error::Error;
use crate::fetch::FetchError;
use crate::task::Task;

/// Blobs that are sent at the same time.
const UPLOADS: usize = 4;
/// How often a registry may have lost blobs before the manifest came.
pub(super) const ROUNDS: usize = 2;
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// One push on its way.
pub(super) struct Push<'a> {
    pub(super) registry: &'a Registry,
    pub(super) task: &'a Task<'a>,
    pub(super) repository: &'a str,
    /// Bytes that were handed to the connection, by upload.
    moved: RefCell<Vec<Arc<AtomicU64>>>,
    /// Whether the registry answered before: what is gone then has died.
    pub(super) met: Cell<bool>,
}

/// How the blobs got into the registry (bytes).
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Moved {
    pub(super) sent: u64,
    pub(super) present: u64,
}

impl<'a> Push<'a> {
    pub(super) fn new(registry: &'a Registry, task: &'a Task<'a>, repository: &'a str) -> Self {
        Self { registry, task, repository, moved: RefCell::default(), met: Cell::new(false) }
    }

    /// What counts the bytes of one more upload.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        let counter = Arc::default();
        self.moved.borrow_mut().push(Arc::clone(&counter));
        counter
    }

    /// Sends what is missing of an image and names it `tag`.
    pub(super) async fn image(
        &self,
        manifest: &Manifest,
        blobs: &[Blob],
        tag: Option<&str>,
    ) -> Result<Pushed> {
        let mut moved = Moved::default();
        let mut round = 1;
        loop {
            let more = self.blobs(blobs).await?;
            moved = Moved { sent: moved.sent + more.sent, ..if round == 1 { more } else { moved } };
            match self.manifest(manifest, tag).await {
                Err(error) if round < ROUNDS && lost_blobs(&error) => {
                    round += 1;
                    self.task.say(format!("{error}; checking again which blobs exist"));
                }
                result => {
                    return result.map(|digest| Pushed { digest, sent: moved.sent, present: moved.present });
                }
            }
        }
    }

    async fn blobs(&self, blobs: &[Blob]) -> Result<Moved> {
        let there = self.present(blobs.iter().map(|blob| blob.digest.as_str())).await?;
        let mut moved = Moved::default();
        let mut missing = Vec::new();
        for (blob, there) in blobs.iter().zip(there) {
            if there { moved.present += blob.size } else { missing.push(blob) }
        }
        let total = missing.iter().map(|blob| blob.size).sum();
        self.moved.borrow_mut().clear();
        let mut uploads = iter(missing).map(|blob| self.upload(blob)).buffer_unordered(UPLOADS);
        let sending = async {
            while let Some(upload) = uploads.next().await {
                let upload = upload?;
                moved.sent += upload.sent;
                moved.present += upload.present;
            }
            Ok::<_, RegistryError>(())
        };
        tokio::select! {
            sent = sending => sent?,
            never = self.report(total) => match never {},
        }
        if moved.sent > 0 {
            self.task.progress(Some(total), Some(total), self.shown());
        }
        Ok(moved)
    }

    /// Which blobs are there.
    pub(super) async fn present(&self, digests: impl Iterator<Item = &str>) -> Result<Vec<bool>> {
        let timeouts = self.registry.timeouts();
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
        let put = again(self.task, registry.timeouts(), async || {
            self.noted(self.put(manifest, reference, &name).await)
        });
        put.await.map_err(|error| self.died(error, &name))?;
        // A tag may be another one's by now, and a registry may store what it likes.
        let both = [reference, pushed.as_str()];
        for reference in if tag.is_some() { &both[..] } else { &both[..1] } {
            let look = again(self.task, registry.timeouts(), async || {
                self.noted(registry.digest_once(self.repository, reference, &name).await)
            });
            let found = look.await.map_err(|error| self.died(error, &name))?;
            if found.as_ref() != Some(&pushed) {
                let (pushed, found) = (pushed.clone(), found.unwrap_or_else(|| "nothing".to_owned()));
                return Err(RegistryError::Differs { name, pushed, found });
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
        let response = registry.send(request, &url, &what).await?;
        let answer = registry.read(response, &url, &what).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(registry.refusal(&answer, &what)),
        }
    }

    /// Notes that the registry has responded; one that never has is not tried again.
    pub(super) fn noted<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        match result {
            Err(Fault::Passing { error: error @ RegistryError::Unreachable { .. }, .. })
                if !self.met.get() =>
            {
                Err(Fault::Final(error))
            }
            Err(fault @ Fault::Passing { error: RegistryError::Unreachable { .. }, .. }) => Err(fault),
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
        RegistryError::Died { authority: self.registry.authority.clone(), what: what.to_owned(), cause }
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

/// Whether a manifest was refused for blobs that were there just now: a registry was restarted on
/// another disk, or cleaned.
pub(super) fn lost_blobs(error: &RegistryError) -> bool {
    match error {
        RegistryError::Answered { said, .. } => said.contains("BLOB_UNKNOWN"),
        error => matches!(error, RegistryError::NotFound { .. }),
    }
}

pub(super) fn address(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|error| Error::failed(format!("{url} is not an address")).because(error).into())
}
