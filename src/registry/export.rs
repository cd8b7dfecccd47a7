//! Writes an image of our registry as an archive.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::StatusCode;

use super::archive::Writer;
use super::manifest::Descriptor;
use super::push::address;
use super::retry::{Fault, again};
use super::{Registry, RegistryError, Result, wait};
use crate::fetch::{FetchError, Halt, causes};
use crate::task::Task;

const REPORT_EVERY: Duration = Duration::from_millis(200);

/// An export on its way.
struct Export<'a> {
    registry: &'a Registry,
    task: &'a Task<'a>,
    repository: &'a str,
    writer: Writer,
    /// Bytes of blobs that are written, and of all.
    done: u64,
    total: u64,
    reported: Instant,
}

impl Registry {
    /// Writes an image to `to` as an archive that engines load as `name`; the same image and name
    /// give the same bytes.
    pub fn export(
        &self,
        task: &Task<'_>,
        repository: &str,
        digest: &str,
        name: &str,
        to: &Path,
    ) -> Result<()> {
        let what = self.named(repository, digest)?;
        let host = || self.authority.clone();
        let Some(manifest) = self.manifest(task, repository, digest)? else {
            return Err(RegistryError::NotFound { host: host(), what });
        };
        let blobs = manifest.blobs().map_err(|why| RegistryError::Malformed { host: host(), what, why })?;
        let own = manifest.descriptor();
        let total = blobs.iter().map(|blob| blob.size).sum();
        let mut all: Vec<&Descriptor> = blobs.iter().chain([&own]).collect();
        all.sort_by(|a, b| a.digest.cmp(&b.digest));
        let (writer, reported) = (Writer::create(to, name)?, Instant::now());
        let mut export = Export { registry: self, task, repository, writer, done: 0, total, reported };
        for blob in all {
            if blob.digest == own.digest {
                export.writer.blob(&own.digest, own.size, &mut &manifest.bytes[..], to)?;
            } else {
                wait(task, &format!("the export of {repository}"), export.bring(blob))?;
            }
        }
        task.progress(Some(total), Some(total), format!("{repository} to {}", to.display()));
        export.writer.finish(&manifest)
    }
}

impl Export<'_> {
    async fn bring(&mut self, blob: &Descriptor) -> Result<()> {
        self.writer.begin(&blob.digest, blob.size)?;
        let (task, timeouts) = (self.task, self.registry.timeouts());
        again(task, timeouts, async || {
            self.writer.again()?;
            self.stream(blob).await
        })
        .await?;
        self.done += blob.size;
        self.writer.end()
    }

    /// Writes down a blob from its first byte on.
    async fn stream(&mut self, blob: &Descriptor) -> Result<(), Fault> {
        let registry = self.registry;
        let url = address(&registry.url(&format!("{}/blobs/{}", self.repository, blob.digest)))?;
        let what = format!("blob {}", blob.digest);
        let response = registry.send(registry.client.http().get(url.clone()), &url, &what).await?;
        if response.status() != StatusCode::OK {
            let answer = registry.read(response, &url, &what).await?;
            return Err(registry.refusal(&answer, &what));
        }
        let (mut body, mut got) = (response.bytes_stream(), 0);
        loop {
            match tokio::time::timeout(registry.timeouts().idle, body.next()).await {
                Err(_) => return Err(registry.stalled(&what)),
                Ok(None) => return Ok(()),
                Ok(Some(Ok(bytes))) => {
                    self.writer.write(&bytes)?;
                    got += bytes.len() as u64;
                    self.report(got);
                }
                Ok(Some(Err(error))) => {
                    let (url, cause) = (url.to_string(), causes(&error));
                    let halt = Halt::again(FetchError::Broken { url, got, cause });
                    return Err(Fault::of(halt, &registry.authority, &what));
                }
            }
        }
    }

    fn report(&mut self, got: u64) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            let from = format!("{} from {}", self.repository, self.registry.authority);
            self.task.progress(Some(self.done + got), Some(self.total), from);
        }
    }
}
