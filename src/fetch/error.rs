//! Why something could not be fetched, told apart so that a caller can try another origin.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use crate::config::show_bytes;
use crate::error::{Error, Kind};

mod help;

/// Addresses stand in these without names and passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection was made; other addresses of this host will fail in the same way.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("{host} shows a certificate that is not trusted here ({cause})")]
    Certificate { host: String, cause: String },

    #[error("{url} may not be fetched: {why}")]
    NotPermitted { url: String, why: String },
    #[error("{from} leads to {to}, a host that is not allowed; allowed are {}", allowed.join(", "))]
    RedirectHost { from: String, to: String, allowed: Vec<String> },
    #[error("{from} leads to {to}, which is not https")]
    RedirectPlain { from: String, to: String },
    #[error("{url} leads back to {to}: a loop of redirects")]
    RedirectLoop { url: String, to: String },
    #[error("{url} leads on and on: more than {hops} redirects, the last one to {to}")]
    RedirectMany { url: String, to: String, hops: usize },
    #[error("{url} was answered with {status}, but without an address to go to ({why})")]
    RedirectNowhere { url: String, status: StatusCode, why: String },

    /// A final answer: to ask again would give the same one.
    #[error("{url} was answered with {status}")]
    Answered { url: String, status: StatusCode },
    /// An answer that often goes away, and did not.
    #[error("{url} was answered with {status}{}", tried(*.tries))]
    Unwell { url: String, status: StatusCode, tries: u32 },
    #[error("{url} gave a web page instead of a file: it looks like the log-in page of a network")]
    LoginPage { url: String },
    #[error("{url} was answered with {status} and asks to come back in {}", long(*.after))]
    Busy { url: String, status: StatusCode, after: Duration },
    #[error("{url} is sent as \"{encoding}\", which was not asked for")]
    Encoded { url: String, encoding: String },
    #[error("{url} was asked for bytes from {asked} on and answered with \"{got}\"")]
    BadRange { url: String, asked: u64, got: String },
    /// Another length than the pinned one, known before anything was written.
    #[error("{url} is announced with {announced} bytes, expected {expected}")]
    Announced { url: String, expected: u64, announced: u64 },
    #[error("{url} goes on after the {expected} bytes that it may have: the transfer was stopped")]
    TooLong { url: String, expected: u64 },
    #[error("{url} has more than {}, the most that is fetched where no size is pinned", show_bytes(*.limit))]
    TooLarge { url: String, limit: u64 },
    #[error("{url} changes while it is fetched ({what})")]
    Changed { url: String, what: String },

    /// The transfer began and did not end; what arrived is kept, a later try goes on from there.
    #[error("the transfer of {url} broke off after {got} bytes ({cause})")]
    Broken { url: String, got: u64, cause: String },
    #[error("the transfer of {url} stood still after {got} bytes: nothing came for {} s", .idle.as_secs_f32())]
    Stalled { url: String, got: u64, idle: Duration },
    #[error("the transfer of {url} is too slow: {got} bytes in {:.0} s", .took.as_secs_f32())]
    TooSlow { url: String, got: u64, took: Duration },

    #[error("{url} has {got} bytes, expected {expected}: it was removed")]
    Size { url: String, expected: u64, got: u64 },
    #[error("{url} has sha256 {got}, expected {expected}: it was removed")]
    Wrong { url: String, expected: String, got: String },

    #[error(
        "the disk of {} has {} free, {} more are needed",
        .folder.display(), show_bytes(*.free), show_bytes(*.needed)
    )]
    NoSpace { folder: PathBuf, free: u64, needed: u64 },
    #[error("the disk of {} became full while {} was written", .folder.display(), .file.display())]
    DiskFull { folder: PathBuf, file: PathBuf },
    #[error("nothing can be written to {} ({cause})", .folder.display())]
    ReadOnly { folder: PathBuf, cause: String },
    #[error("{} is {what}, so nothing is written to it", .path.display())]
    Planted { path: PathBuf, what: String },
    /// Another fault of this machine, or the work was asked to stop.
    #[error("{0}")]
    Local(Error),
}

fn tried(tries: u32) -> String {
    if tries > 1 { format!(", {tries} times in a row") } else { String::new() }
}

/// A time of more than a minute.
fn long(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h", minutes.div_ceil(60)) }
}

impl FetchError {
    /// Whether it lies with this machine, so that no other origin would do better.
    pub fn is_local(&self) -> bool {
        use FetchError::{DiskFull, Local, NoSpace, Planted, ReadOnly};
        matches!(self, NoSpace { .. } | DiskFull { .. } | ReadOnly { .. } | Planted { .. } | Local(_))
    }

    /// Whether what came is not what was pinned: worth a warning, as somebody may have changed it.
    pub fn is_mismatch(&self) -> bool {
        use FetchError::{Announced, Size, TooLong, Wrong};
        matches!(self, Announced { .. } | Size { .. } | TooLong { .. } | Wrong { .. })
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        if let FetchError::Local(inner) = error {
            return inner;
        }
        let exit = match &error {
            FetchError::Planted { .. } => Kind::Refused,
            error if error.is_local() => Kind::HostNotReady,
            _ => Kind::Failed,
        };
        Self::new(exit, error.to_string()).help(error.help())
    }
}
