//! Image registries: the parts of the OCI distribution protocol that are needed to get images into our registry.
//!
//! Based on our own download client instead of a registry crate: transfers must be resumable, and proxies, private
//! certificate authorities and redirects must be handled as in all other downloads.

mod archive;
mod blob;
mod copy;
mod error;
mod manifest;
mod ours;
mod platform;
mod push;
mod reference;
mod retry;
mod upload;
mod upstream;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use archive::normalise_archive;
pub use copy::fetch_archive;
pub use error::{RegistryError, Result};
pub use manifest::{Descriptor, Manifest};
pub use reference::{Reference, host_to_ask};
pub use upstream::{Upstream, anonymous_token};

use crate::fetch::{Client, permitted};
use crate::task::Task;
use archive::Image;
use push::Push;

/// The first pause: with those that follow, a registry that is restarted has about ten seconds.
const PAUSE: Duration = Duration::from_secs(1);

/// Our registry: plain HTTP on the loopback address, never through a proxy. Several may push at the same time.
#[derive(Debug, Clone)]
pub struct Registry {
    authority: String,
    client: Client,
    /// Repositories in which blobs were seen, by digest: what one has, another need not be sent.
    seen: Arc<Mutex<BTreeMap<String, String>>>,
    /// By digest of a blob: held by who copies it.
    turns: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Registry {
    /// `127.0.0.1:5123`; anything but an address of the loopback is an error.
    pub fn new(authority: &str) -> Result<Self> {
        let is_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !is_port
            || authority.contains(['/', '@', '?', '#'])
            || permitted(&format!("http://{authority}/")).is_err()
        {
            let what =
                format!("\"{authority}\" is not the address of a registry on this machine (127.0.0.1:PORT)");
            return Err(RegistryError::name(what));
        }
        let mut client = Client::local()?;
        client.timeouts.pause = PAUSE;
        Ok(Self { authority: authority.to_owned(), client, seen: Arc::default(), turns: Arc::default() })
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Pushes what is missing of an archive's image; returns the digest that the registry confirmed. The manifest
    /// of an OCI layout is pushed as it is; for an archive without one, one is made, always the same.
    pub fn push_archive(
        &self,
        task: &Task<'_>,
        archive: &Path,
        repository: &str,
        tag: Option<&str>,
    ) -> Result<String> {
        self.named(repository, tag.unwrap_or("latest"))?;
        let image = Image::open(archive, None)?;
        let push = Push::new(self, task, repository);
        let what = format!("the push of {repository}");
        push.image(&image.manifest, tag, repository, || wait(task, &what, push.blobs(&image.blobs)))
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Images share layers: of those that are copied at the same time, one downloads each.
    fn turn(&self, digest: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(digest.to_owned()).or_default())
    }

    fn remember(&self, repository: &str, digest: &str) {
        self.seen().insert(digest.to_owned(), repository.to_owned());
    }
}

/// Runs a future of this module to its end, or to that of the task.
fn wait<T>(task: &Task<'_>, what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    task.wait(what, async { Ok(future.await) })?
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
