//! One download: in several parts where that is faster, hashed on the way, resumed after a break,
//! renamed when verified.
//!
//! Beside the file `to` lie `to.lock` (one process at a time), `to.partial` (what has arrived) and
//! `to.partial.json` (which bytes those are, and of which edition of the file).

use std::path::Path;

use reqwest::Url;

use super::{Client, FetchError};
use crate::error::Error;
use crate::files::{set_mode, sha256_file, sync_dir};
use crate::task::Task;
pub use ask::{Answered, Question, ask, read};
use disk::{Disk, Held};
use files::Names;
use hops::Route;
pub use hops::allows;
use job::Job;
use partial::Partial;
pub use refused::request as unanswered;
pub use retry::{Halt, TRIES, Tries};

mod answer;
mod ask;
mod disk;
mod edition;
mod files;
mod hops;
mod job;
mod lock;
mod open;
mod partial;
mod plan;
mod ranges;
mod rate;
mod refused;
mod retry;
mod transfer;
mod worker;

/// Where no size is pinned: no tool that we fetch has a third of this.
pub const LIMIT: u64 = 1 << 30;

/// A published file, and all that is known of it beforehand.
#[derive(Debug, Default, Clone, Copy)]
pub struct Remote<'a> {
    pub url: &'a str,
    /// 64 lower-case hex digits.
    pub sha256: &'a str,
    /// Bytes, where it is known.
    pub size: Option<u64>,
    /// The hosts that a redirect may lead to, besides that of `url`: names, or `*.suffix`.
    pub hosts: &'a [String],
    /// Whether a redirect may lead to any host that speaks https. For what is named by its digest and
    /// served from networks of caches whose hosts nobody can list: blobs of registries.
    pub any_host: bool,
    /// A header that the server of `url` sees, and nobody else that a redirect leads to.
    pub authorization: Option<&'a str>,
    /// Whether plain HTTP is allowed; only for a mirror that the user named.
    pub plain_http: bool,
}

/// Fetches what `remote` describes to `to`. What was fetched before a break stays as
/// `<to>.partial`; a file that does not match is removed. Returns the size in bytes.
pub fn download(task: &Task<'_>, client: &Client, remote: &Remote<'_>, to: &Path) -> Result<u64, FetchError> {
    let names = Names::of(to);
    let Remote { sha256, size, .. } = *remote;
    let wanted = Wanted { route: Route::new(remote)?, sha256, size, folder: names.folder() };
    let _lock = lock::lock(task, &names)?;
    match std::fs::symlink_metadata(to) {
        Ok(meta) if meta.is_file() => {
            let (got, size) = sha256_file(to)?;
            if got == sha256 {
                return Ok(size);
            }
        }
        Ok(meta) if meta.is_dir() => {
            return Err(FetchError::Planted { path: to.to_owned(), what: "a folder".to_owned() });
        }
        _ => {}
    }
    match pass(task, client, &wanted, &names, true) {
        // The parts may be those of different files: only a transfer in one piece is a verdict.
        (Err(error @ (FetchError::Wrong { .. } | FetchError::Size { .. })), true) => {
            task.say(format!("{error}; once more, in one piece"));
            pass(task, client, &wanted, &names, false).0
        }
        (result, _) => result,
    }
}

/// What is wanted, and from where it may come.
#[derive(Debug)]
struct Wanted<'a> {
    route: Route<'a>,
    sha256: &'a str,
    size: Option<u64>,
    folder: &'a Path,
}

impl Wanted<'_> {
    fn shown(&self) -> String {
        shown(self.route.start.as_str())
    }
}

/// An address without what may be secret: messages go into logs. That is the name and password of
/// a mirror, and the signature in the query of a link that is good for a while.
fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        // Whatever it is, what stands before an @ may be a password.
        return url.rsplit('@').next().unwrap_or_default().to_owned();
    };
    // Both are refused for addresses that can carry neither.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.to_string()
}

/// Transfers (in parts only with `ranges`), verifies and renames; also tells whether parts were
/// put together on trust.
fn pass(
    task: &Task<'_>,
    client: &Client,
    wanted: &Wanted<'_>,
    names: &Names,
    ranges: bool,
) -> (Result<u64, FetchError>, bool) {
    let mut stitched = false;
    let result = transfer(task, client, wanted, names, ranges, &mut stitched);
    if let Err(FetchError::Wrong { .. } | FetchError::Size { .. } | FetchError::TooLong { .. }) = &result
        && let Err(error) = partial::discard(names)
    {
        return (Err(error), false);
    }
    (result, stitched)
}

fn transfer(
    task: &Task<'_>,
    client: &Client,
    wanted: &Wanted<'_>,
    names: &Names,
    ranges: bool,
    stitched: &mut bool,
) -> Result<u64, FetchError> {
    let partial = Partial::open(names, wanted)?;
    let there = (partial.there().clone(), partial.edition().clone());
    let (disk, orders) = Disk::start(partial)?;
    let job = Job::new(task, client, wanted, orders, there);
    job.ranges.set(ranges);
    let what = format!("the download of {}", wanted.shown());
    let fetched = task.wait(&what, async { Ok(job.run().await) });
    *stitched = job.stitched.get();
    // With it goes the way to the disk, which then ends.
    drop(job);
    let held = disk.end()?;
    fetched??;
    finish(held, wanted, names)
}

/// Verifies what arrived and gives it its name.
fn finish(held: Held, wanted: &Wanted<'_>, names: &Names) -> Result<u64, FetchError> {
    let Held { partial, len, sha256 } = held;
    let url = wanted.shown();
    if let Some(expected) = wanted.size.filter(|size| *size != len) {
        return Err(FetchError::Size { url, expected, got: len });
    }
    let got = sha256.unwrap_or_default();
    if got != wanted.sha256 {
        return Err(FetchError::Wrong { url, expected: wanted.sha256.to_owned(), got });
    }
    let file = partial.file()?;
    let failed = |verb| move |error: std::io::Error| Error::io(verb, &names.to, &error);
    set_mode(file, 0o644).map_err(failed("set the mode of"))?;
    file.sync_all().map_err(failed("sync"))?;
    // A link of that name is replaced, not followed.
    std::fs::rename(&names.partial, &names.to).map_err(failed("rename into place"))?;
    files::remove(&names.notes)?;
    sync_dir(&names.to)?;
    Ok(len)
}

#[cfg(test)]
mod tests;
