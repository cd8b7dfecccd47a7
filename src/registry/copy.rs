//! Copies published images into our registry, or into an archive.

use std::path::{Path, PathBuf};

use super::archive::{Writer, in_order};
use super::blob::{Blob, Place};
use super::manifest::Descriptor;
use super::push::{Moved, Push, ROUNDS, lost_blobs};
use super::upstream::{Published, Upstream};
use super::{Pushed, Registry, Result, wait};
use crate::error::Error;
use crate::files::remove;
use crate::task::Task;

/// How often a blob may vanish between its download and its use: another run that wanted it, too,
/// was done with it.
const VANISHED: u32 = 3;

impl Registry {
    /// Brings a published image here; the digest is that of the image for the platform. Only what is
    /// missing here is fetched, and what a broken transfer brought is not fetched again.
    pub fn copy(
        &self,
        task: &Task<'_>,
        upstream: &Upstream<'_>,
        repository: &str,
        tag: Option<&str>,
    ) -> Result<Pushed> {
        self.named(repository, tag.unwrap_or("latest"))?;
        let published = Published::find(task, upstream)?;
        let push = Push::new(self, task, repository);
        let (name, mut sent, mut round) = (upstream.shown(), 0, 1);
        loop {
            let moved = missing(task, &push, &published, &name)?;
            sent += moved.sent;
            let what = format!("the push of {name}");
            match wait(task, &what, push.manifest(&published.manifest, tag)) {
                Err(error) if round < ROUNDS && lost_blobs(&error) => {
                    round += 1;
                    task.say(format!("{error}; checking again which blobs exist"));
                }
                result => return result.map(|digest| Pushed { digest, sent, present: moved.present }),
            }
        }
    }
}

/// Fetches and pushes what the registry lacks.
fn missing(task: &Task<'_>, push: &Push<'_>, published: &Published<'_>, name: &str) -> Result<Moved> {
    let digests = published.blobs.iter().map(|blob| blob.digest.as_str());
    let there = wait(task, &format!("looking for {name}"), push.present(digests))?;
    let blobs = || published.blobs.iter().zip(&there);
    let size = |wanted: bool| blobs().filter(|(_, there)| **there == wanted).map(|(blob, _)| blob.size).sum();
    let (total, count) = (size(false), there.iter().filter(|there| !**there).count());
    let mut moved = Moved { sent: 0, present: size(true) };
    let mut before = 0;
    for (number, (blob, _)) in blobs().filter(|(_, there)| !**there).enumerate() {
        let label = format!("{name} ({} of {count})", number + 1);
        let one = through(task, push, blob, |blob| published.bring(blob, &label, before, total))?;
        before += blob.size;
        moved = Moved { sent: moved.sent + one.sent, present: moved.present + one.present };
    }
    Ok(moved)
}

/// One blob: from the outside into the cache, from there into the registry.
pub(super) fn through(
    task: &Task<'_>,
    push: &Push<'_>,
    blob: &Descriptor,
    bring: impl Fn(&Descriptor) -> Result<PathBuf>,
) -> Result<Moved> {
    let mut vanished = 0;
    loop {
        let path = bring(blob)?;
        let from = Place::File { path: path.clone(), offset: 0 };
        let local = Blob { digest: blob.digest.clone(), size: blob.size, from };
        let sent = wait(task, &format!("the push of {}", blob.digest), push.upload(&local));
        if sent.is_err() && !path.exists() && vanished < VANISHED {
            vanished += 1;
            let there =
                wait(task, "a look at the registry", push.present([blob.digest.as_str()].into_iter()))?;
            if there == [true] {
                return Ok(Moved { sent: 0, present: blob.size });
            }
            continue;
        }
        let moved = sent?;
        remove(&path)?;
        return Ok(moved);
    }
}

/// Writes a published image to `to`, in the form of [`Registry::export`]; returns the digest of the
/// image for the platform.
pub fn fetch_archive(task: &Task<'_>, upstream: &Upstream<'_>, name: &str, to: &Path) -> Result<String> {
    let published = Published::find(task, upstream)?;
    let mut writer = Writer::create(to, name)?;
    let (total, count) = (published.blobs.iter().map(|blob| blob.size).sum(), published.blobs.len());
    let mut before = 0;
    let mut blobs = Vec::new();
    for (number, blob) in published.blobs.iter().enumerate() {
        let label = format!("{} ({} of {count})", upstream.shown(), number + 1);
        let path = published.bring(blob, &label, before, total)?;
        before += blob.size;
        blobs.push(Blob {
            digest: blob.digest.clone(),
            size: blob.size,
            from: Place::File { path, offset: 0 },
        });
    }
    for blob in in_order(blobs.clone(), &published.manifest) {
        let path = blob.path();
        let from = blob.read().map_err(|e| Error::io("read", &path, &e));
        writer.blob(&blob.digest, blob.size, &mut *from?, &path)?;
    }
    writer.finish(&published.manifest)?;
    for blob in blobs {
        remove(&blob.path())?;
    }
    Ok(published.manifest.digest())
}
