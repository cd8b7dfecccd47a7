//! Why a download failed, in variants so that a caller can try another origin.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use crate::error::{Error, Kind};
use crate::quantity::show_bytes;

mod help;

/// Addresses in these contain no user names and passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection was made; other addresses of this host would fail in the same way.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("the certificate of {host} is not trusted ({cause})")]
    Certificate { host: String, cause: String },

    #[error("{url} cannot be downloaded: {why}")]
    NotPermitted { url: String, why: String },
    #[error("{from} redirects to {to}, a host that is not allowed; allowed are {}", allowed.join(", "))]
    RedirectHost { from: String, to: String, allowed: Vec<String> },
    #[error("{from} redirects to {to}, which is not https")]
    RedirectPlain { from: String, to: String },
    #[error("{url} redirects back to {to}: a redirect loop")]
    RedirectLoop { url: String, to: String },
    #[error("too many redirects from {url} (limit {limit}), the last one to {to}")]
    RedirectMany { url: String, to: String, limit: usize },
    #[error("{url} returned {status} without a valid address ({why})")]
    RedirectNowhere { url: String, status: StatusCode, why: String },

    /// A final response: repeating the request would give the same one.
    #[error("{url} returned {status}")]
    Answered { url: String, status: StatusCode },
    /// An error that is often temporary, and was not.
    #[error("{url} returned {status}{}", tried(*.tries))]
    Unwell { url: String, status: StatusCode, tries: u32 },
    #[error("{url} returned a web page instead of a file; it may be the login page of a network")]
    LoginPage { url: String },
    #[error("{url} returned {status} and asks to retry in {}", long(*.after))]
    Busy { url: String, status: StatusCode, after: Duration },
    #[error("{url} is sent as \"{encoding}\", which was not requested")]
    Encoded { url: String, encoding: String },
    #[error("{url} returned \"{got}\" to a request for the bytes from {asked} on")]
    BadRange { url: String, asked: u64, got: String },
    /// The length differs from the pinned one; known before anything was written.
    #[error("{url} is announced with {announced} bytes, expected {expected}")]
    Announced { url: String, expected: u64, announced: u64 },
    #[error("{url} is longer than the expected {expected} bytes; the transfer was stopped")]
    TooLong { url: String, expected: u64 },
    #[error("{url} is larger than {}, the limit for files without a pinned size", show_bytes(*.limit))]
    TooLarge { url: String, limit: u64 },
    #[error("{url} changed during the download ({what})")]
    Changed { url: String, what: String },

    /// What arrived is kept; a later attempt resumes from there.
    #[error("the transfer of {url} was interrupted after {got} bytes ({cause})")]
    Broken { url: String, got: u64, cause: String },
    #[error("the transfer of {url} stalled after {got} bytes: no data for {} s", .idle.as_secs_f32())]
    Stalled { url: String, got: u64, idle: Duration },
    #[error("the transfer of {url} is too slow: {got} bytes in {:.0} s", .took.as_secs_f32())]
    TooSlow { url: String, got: u64, took: Duration },

    #[error("{url} has {got} bytes, expected {expected}; it was removed")]
    Size { url: String, expected: u64, got: u64 },
    #[error("{url} has sha256 {got}, expected {expected}; it was removed")]
    Wrong { url: String, expected: String, got: String },

    #[error(
        "the disk of {} has {} free, but {} more are needed",
        .folder.display(), show_bytes(*.free), show_bytes(*.needed)
    )]
    NoSpace { folder: PathBuf, free: u64, needed: u64 },
    #[error("the disk of {} became full while writing {}", .folder.display(), .file.display())]
    DiskFull { folder: PathBuf, file: PathBuf },
    #[error("cannot write to {} ({cause})", .folder.display())]
    ReadOnly { folder: PathBuf, cause: String },
    #[error("{} is {what}; nothing was written to it", .path.display())]
    Planted { path: PathBuf, what: String },
    /// Another error on this machine, or the work was cancelled.
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
    /// The error after so many attempts.
    pub(super) fn tried(self, tries: u32) -> Self {
        match self {
            Self::Unwell { url, status, .. } => Self::Unwell { url, status, tries },
            error => error,
        }
    }

    /// Whether the cause is on this machine, so that no other origin would do better.
    pub fn is_local(&self) -> bool {
        use FetchError::{DiskFull, Local, NoSpace, Planted, ReadOnly};
        matches!(self, NoSpace { .. } | DiskFull { .. } | ReadOnly { .. } | Planted { .. } | Local(_))
    }

    /// Whether the file is not the pinned one: worth a warning, because somebody may have changed it.
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
