//! One download: over several connections, hashed on the way, resumed if interrupted, renamed when verified.
//!
//! Next to the file `to` are `to.lock` (one process at a time), `to.partial` (what has arrived) and
//! `to.partial.json` (which bytes of which version of the file those are).

use std::path::Path;

use reqwest::Url;

use super::{Client, FetchError, Place};
use crate::error::Error;
use crate::files::{set_mode, sha256_file, sync_dir};
use crate::task::Task;
pub use ask::{Answered, ask, read};
use disk::Held;
use files::Names;
use partial::Partial;
use redirects::Route;
pub use redirects::allows;
pub use retry::{Halt, again};
use transfer::Transfer;
pub use unanswered::unanswered;

mod answer;
mod ask;
mod connection;
mod disk;
mod files;
mod partial;
mod plan;
mod ranges;
mod redirects;
mod retry;
mod transfer;
mod unanswered;
mod validator;

/// The limit where no size is pinned. No tool has a third of it.
pub const LIMIT: u64 = 1 << 30;

/// A published file, and what is known of it in advance.
#[derive(Debug, Default, Clone, Copy)]
pub struct Remote<'a> {
    pub url: &'a str,
    /// 64 lower-case hex digits.
    pub sha256: &'a str,
    /// Bytes, if it is known.
    pub size: Option<u64>,
    /// The hosts that a redirect may lead to, besides that of `url`: names, or `*.suffix`.
    pub hosts: &'a [String],
    /// Whether a redirect may lead to any HTTPS host: nobody can list the caches of registries.
    pub any_host: bool,
    /// A header for the server of `url` only; it is not sent to other servers that a redirect leads to.
    pub authorization: Option<&'a str>,
    /// Whether plain HTTP is allowed; only for a mirror that the user named.
    pub plain_http: bool,
    /// Where other transfers may be more urgent: the next part waits for them.
    pub place: Option<&'a Place<'a>>,
}

/// Downloads `remote` to `to`, also after an interruption; a file that does not match is removed. Returns the bytes.
pub fn download(task: &Task<'_>, client: &Client, remote: &Remote<'_>, to: &Path) -> Result<u64, FetchError> {
    let names = Names::of(to);
    let Remote { sha256, size, place, .. } = *remote;
    let wanted = Wanted { route: Route::new(remote)?, sha256, size, place, folder: names.folder() };
    let _lock = files::lock(task, &names)?;
    match std::fs::symlink_metadata(to) {
        Ok(meta) if meta.is_file() => {
            let (got, size) = sha256_file(to)?;
            if got == sha256 {
                return Ok(size);
            }
        }
        Ok(meta) if meta.is_dir() => {
            return Err(files::planted(to, "a folder"));
        }
        _ => {}
    }
    let mut stitched = false;
    match attempt(task, client, &wanted, &names, true, &mut stitched) {
        // The ranges may be those of different files: only one complete response is conclusive.
        Err(error @ (FetchError::Wrong { .. } | FetchError::Size { .. })) if stitched => {
            task.say(format!("{error}; downloading it again in one piece"));
            attempt(task, client, &wanted, &names, false, &mut stitched)
        }
        result => result,
    }
}

#[derive(Debug)]
struct Wanted<'a> {
    route: Route<'a>,
    sha256: &'a str,
    size: Option<u64>,
    place: Option<&'a Place<'a>>,
    folder: &'a Path,
}

impl Wanted<'_> {
    fn shown(&self) -> String {
        shown(self.route.start.as_str())
    }
}

/// An address without what may be secret, for messages: user name, password, and the signature in a query.
fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        // Anything before an @ may be a password.
        return url.rsplit('@').next().unwrap_or_default().to_owned();
    };
    // Both fail for addresses that cannot have them.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.to_string()
}

/// Transfers, verifies and renames; requests ranges only with `ranges`. Sets `stitched` if bytes were joined that no
/// strong tag holds together.
fn attempt(
    task: &Task<'_>,
    client: &Client,
    wanted: &Wanted<'_>,
    names: &Names,
    ranges: bool,
    stitched: &mut bool,
) -> Result<u64, FetchError> {
    let partial = Partial::open(names, wanted)?;
    let there = (partial.there().clone(), partial.validator().clone());
    let (disk, orders) = disk::start(partial)?;
    let transfer = Transfer::new(task, client, wanted, orders, there, ranges);
    let fetched =
        task.wait(&format!("the download of {}", wanted.shown()), async { Ok(transfer.run().await) });
    *stitched = transfer.end();
    let result = disk::end(disk).and_then(|held| {
        fetched??;
        finish(held, wanted, names)
    });
    if let Err(FetchError::Wrong { .. } | FetchError::Size { .. } | FetchError::TooLong { .. }) = &result {
        partial::discard(names)?;
    }
    result
}

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
    // A link with that name is replaced, not followed.
    std::fs::rename(&names.partial, &names.to).map_err(failed("rename into place"))?;
    files::remove(&names.notes)?;
    sync_dir(&names.to)?;
    Ok(len)
}

#[cfg(test)]
mod tests;
