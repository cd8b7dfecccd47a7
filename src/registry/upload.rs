//! Uploads one blob in one request; starts again if that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, StatusCode, Url};

use super::blob::{Blob, stream};
use super::push::{Push, address};
use super::retry::{Fault, again};
use super::{RegistryError, Result};
use crate::error::Error;
use crate::fetch::{Answered, Halt, unanswered};

impl Push<'_> {
    /// Sends a blob that was not there just now.
    pub(super) async fn upload(&self, blob: &Blob) -> Result<()> {
        let (mut first, counter) = (true, self.counter());
        let sent = again(self.task, self.registry.client.timeouts, async || {
            // An upload whose answer was lost may have arrived.
            if !std::mem::take(&mut first)
                && self.noted(self.registry.has(self.repository, &blob.digest).await)?
            {
                return Ok(());
            }
            counter.store(0, Ordering::Relaxed);
            self.noted(self.once(blob, &counter).await)
        });
        sent.await.map_err(|error| self.died(error, &blob.digest))?;
        self.registry.remember(self.repository, &blob.digest);
        Ok(())
    }

    async fn once(&self, blob: &Blob, counter: &Arc<AtomicU64>) -> Result<(), Fault> {
        let Some(mut url) = self.begin(&blob.digest).await? else { return Ok(()) };
        url.query_pairs_mut().append_pair("digest", &blob.digest);
        let what = format!("blob {}", blob.digest);
        let from = blob.read().map_err(|e| RegistryError::from(Error::io("read", &blob.path(), &e)))?;
        let body = Body::wrap_stream(stream(from, Arc::clone(counter)));
        let request = self.registry.client.http().put(url.clone());
        let request = request.header(CONTENT_TYPE, "application/octet-stream");
        let request = request.header(CONTENT_LENGTH, blob.size).body(body);
        let response = tokio::select! {
            response = request.send() => response,
            () = stands_still(counter, self.registry.client.timeouts.idle) => return Err(self.registry.stalled(&what)),
        };
        let response = response.map_err(|error| self.registry.unanswered(unanswered(&url, &error), &what))?;
        let answer = self.registry.read(response, &url, &what).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(&answer, blob, &what)),
        }
    }

    /// Takes a blob from another repository of this registry; false if none is known to have it.
    pub(super) async fn mount(&self, digest: &str) -> Result<bool> {
        if self.registry.seen().get(digest).is_none_or(|other| other == self.repository) {
            return Ok(false);
        }
        let begun =
            again(self.task, self.registry.client.timeouts, async || self.noted(self.begin(digest).await))
                .await;
        Ok(begun.map_err(|error| self.died(error, digest))?.is_none())
    }

    /// Where to send the blob; `None` if the registry could take it from another repository.
    async fn begin(&self, digest: &str) -> Result<Option<Url>, Fault> {
        let registry = self.registry;
        let mut url = address(&registry.url(&format!("{}/blobs/uploads/", self.repository)))?;
        if let Some(other) = registry.seen().get(digest).cloned().filter(|other| other != self.repository) {
            url.query_pairs_mut().append_pair("mount", digest).append_pair("from", &other);
        }
        let what = format!("the upload of {digest}");
        let request = registry.client.http().post(url.clone()).header(CONTENT_LENGTH, 0);
        let answer = registry.exchange(request, &url, &what).await?;
        match answer.status {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => self.location(&url, &answer).map(Some),
            _ => Err(registry.refusal(&answer, &what)),
        }
    }

    /// Our bytes go to our registry alone.
    fn location(&self, from: &Url, answer: &Answered) -> Result<Url, Fault> {
        let said = answer.header(LOCATION.as_str()).unwrap_or_default();
        let url = from.join(said).ok().filter(|url| !said.is_empty() && url.origin() == from.origin());
        url.ok_or_else(|| {
            let why = format!("it returned \"{said}\" as the upload address");
            RegistryError::malformed(&self.registry.authority, "the start of an upload", why).into()
        })
    }

    fn refused(&self, answer: &Answered, blob: &Blob, what: &str) -> Fault {
        let status = answer.status;
        match self.registry.refusal(answer, what) {
            Halt::Final(RegistryError::Answered { said, .. }) if said.contains("DIGEST_INVALID") => {
                let what = format!("a blob of {}", blob.path().display());
                let (expected, got) = (blob.digest.clone(), format!("another digest ({said})"));
                RegistryError::Mismatch { what, expected, got }.into()
            }
            // Registries that were restarted know nothing of uploads that were begun.
            Halt::Final(error @ (RegistryError::Answered { .. } | RegistryError::NotFound { .. }))
                if matches!(status.as_u16(), 400 | 404 | 416) =>
            {
                Halt::again(error)
            }
            fault => fault,
        }
    }
}

/// Ends when nothing was handed to the connection for `idle`.
async fn stands_still(counter: &AtomicU64, idle: Duration) {
    loop {
        let before = counter.load(Ordering::Relaxed);
        tokio::time::sleep(idle).await;
        if counter.load(Ordering::Relaxed) == before {
            return;
        }
    }
}
