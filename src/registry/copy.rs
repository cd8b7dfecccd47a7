//! Copies published images into our registry, or into an archive.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use tokio::sync::OwnedMutexGuard;

use super::archive::{tagged, write};
use super::blob::{self, Blob};
use super::manifest::Descriptor;
use super::push::Push;
use super::upstream::{Published, Upstream};
use super::{Reference, Registry, Result, wait};
use crate::error::Error;
use crate::fetch::Place;
use crate::files::{parent, remove};
use crate::task::Task;

/// How often a blob may vanish before its use, because another run that wanted it was done with it.
const VANISHED: u32 = 3;

impl Registry {
    /// Brings what is missing of a published image here; returns the digest of the image for the platform.
    pub fn copy(
        &self,
        task: &Task<'_>,
        upstream: &Upstream<'_>,
        repository: &str,
        tag: Option<&str>,
        place: &Place<'_>,
    ) -> Result<String> {
        self.named(repository, tag.unwrap_or("latest"))?;
        let published = Published::find(task, upstream, None)?;
        let push = Push::new(self, task, repository);
        let name = upstream.shown();
        push.image(&published.manifest, tag, &name, || missing(task, &push, &published, &name, place))
    }

    /// Writes an image of ours to `to` as an archive that engines load as `name`, always the same bytes.
    pub fn export(
        &self,
        task: &Task<'_>,
        repository: &str,
        digest: &str,
        name: &str,
        to: &Path,
    ) -> Result<()> {
        let manifest = self.existing(task, repository, digest)?;
        let (host, repository, digest) =
            (self.authority.clone(), repository.to_owned(), Some(digest.to_owned()));
        let reference = Reference { host, repository, tag: None, digest };
        let dir = parent(to);
        let cache = tempfile::Builder::new().prefix(".export-").tempdir_in(dir);
        let cache = cache.map_err(|e| Error::io("create a folder in", dir, &e))?;
        let upstream =
            Upstream { client: &self.client, reference: &reference, platform: "", cache: cache.path() };
        archive(&Published::find(task, &upstream, Some(manifest))?, &upstream.shown(), name, to)
    }
}

fn missing(
    task: &Task<'_>,
    push: &Push<'_>,
    published: &Published<'_>,
    name: &str,
    place: &Place<'_>,
) -> Result<()> {
    let digests = published.blobs.iter().map(|blob| blob.digest.as_str());
    let there = wait(task, &format!("looking for {name}"), push.present(digests))?;
    let blobs = published.blobs.iter().zip(there).filter(|(_, there)| !there).map(|(blob, _)| blob);
    let missing: Vec<&Descriptor> = blobs.collect();
    let (total, mut before) = (missing.iter().map(|blob| blob.size).sum(), 0);
    let (registry, repository) = (push.registry, push.repository);
    // The next blob is downloaded while one is pushed, so that the link has no pause.
    let (send, arrived) = sync_channel::<Arrived<'_>>(1);
    let vanished = std::thread::scope(|scope| {
        let pusher = scope.spawn(move || {
            let push = Push::met(registry, task, repository);
            let pushed = arrived.into_iter().map(|blob| blob.push(task, &push));
            pushed.filter_map(Result::transpose).collect::<Result<Vec<&Descriptor>>>()
        });
        let mut bring = || -> Result<()> {
            for (number, blob) in missing.iter().copied().enumerate() {
                let label = format!("{name} ({} of {})", number + 1, missing.len());
                // Before the turn of the blob, for which a more urgent image may wait.
                place.wait(task)?;
                let turn = registry.turn(&blob.digest).blocking_lock_owned();
                if !wait(task, &format!("a look for {}", blob.digest), push.mount(&blob.digest))? {
                    let path = published.bring(blob, &label, before, total)?;
                    if send.send(Arrived { blob, path, _turn: turn }).is_err() {
                        break; // The pusher failed.
                    }
                }
                before += blob.size;
            }
            Ok(())
        };
        let brought = bring();
        drop(send);
        let pushed = pusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        brought.and(pushed)
    })?;
    for blob in vanished {
        through(task, push, blob, |blob| published.bring(blob, name, 0, total))?;
    }
    Ok(())
}

/// A blob in the cache, of which nobody else takes care meanwhile.
struct Arrived<'a> {
    blob: &'a Descriptor,
    path: PathBuf,
    _turn: OwnedMutexGuard<()>,
}

impl<'a> Arrived<'a> {
    /// Pushes it; returns it if it vanished from the cache before that.
    fn push(self, task: &Task<'_>, push: &Push<'_>) -> Result<Option<&'a Descriptor>> {
        let blob = cached(self.blob, &self.path);
        match wait(task, &format!("the push of {}", blob.digest), push.upload(&blob)) {
            Ok(()) => Ok(remove(&self.path).map(|()| None)?),
            Err(_) if !self.path.exists() => Ok(Some(self.blob)),
            Err(error) => Err(error),
        }
    }
}

/// One blob: from the outside into the cache, from there into the registry.
pub(super) fn through(
    task: &Task<'_>,
    push: &Push<'_>,
    blob: &Descriptor,
    bring: impl Fn(&Descriptor) -> Result<PathBuf>,
) -> Result<()> {
    let _turn = push.registry.turn(&blob.digest).blocking_lock_owned();
    if wait(task, &format!("a look for {}", blob.digest), push.mount(&blob.digest))? {
        return Ok(());
    }
    let mut vanished = 0;
    loop {
        let path = bring(blob)?;
        let sent = wait(task, &format!("the push of {}", blob.digest), push.upload(&cached(blob, &path)));
        if sent.is_ok() || path.exists() || vanished == VANISHED {
            sent?;
            return Ok(remove(&path)?);
        }
        vanished += 1;
        let digest = [blob.digest.as_str()].into_iter();
        if wait(task, "a look at the registry", push.present(digest))? == [true] {
            return Ok(());
        }
    }
}

fn cached(blob: &Descriptor, path: &Path) -> Blob {
    let from = blob::Place::File { path: path.to_owned(), offset: 0 };
    Blob { digest: blob.digest.clone(), size: blob.size, from }
}

/// Writes a published image to `to`, in the form of [`Registry::export`]; returns the platform's digest.
pub fn fetch_archive(task: &Task<'_>, upstream: &Upstream<'_>, name: &str, to: &Path) -> Result<String> {
    let published = Published::find(task, upstream, None)?;
    archive(&published, &upstream.shown(), name, to)?;
    Ok(published.manifest.digest())
}

fn archive(published: &Published<'_>, shown: &str, name: &str, to: &Path) -> Result<()> {
    let name = tagged(name)?;
    let (total, count) = (published.blobs.iter().map(|blob| blob.size).sum(), published.blobs.len());
    let mut before = 0;
    let mut blobs = Vec::new();
    for (number, blob) in published.blobs.iter().enumerate() {
        let label = format!("{shown} ({} of {count})", number + 1);
        let path = published.bring(blob, &label, before, total)?;
        before += blob.size;
        blobs.push(cached(blob, &path));
    }
    write(to, &name, blobs.clone(), &published.manifest)?;
    for blob in blobs {
        remove(&blob.path())?;
    }
    Ok(())
}
