//! Why a download failed.

use std::time::Duration;

use reqwest::StatusCode;

use crate::error::Error;
use crate::quantity::{show_bytes, show_estimate, show_time};

const AGAIN: &str = "todo-bootstrap up   # retries and continues from here";
const OTHER_NETWORK: &str =
    "todo-bootstrap up   # on another network: something between here and the server changes files";

/// Causes that somebody acts on have a variant. Addresses in these contain no user names and passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection was made; other addresses of this host would fail in the same way.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    /// A final response: repeating the request would give the same one.
    #[error("{url} returned {status}")]
    Answered { url: String, status: StatusCode },
    /// An error that is often temporary, and was not.
    #[error("{url} returned {status}{}", tried(*.tries))]
    Unwell { url: String, status: StatusCode, tries: u32 },
    #[error("{url} returned {status} and asks to retry in {}", show_estimate(*.after))]
    Busy { url: String, status: StatusCode, after: Duration },
    #[error("{what}")]
    Refused { what: String, help: &'static str },

    /// What arrived is kept; a later attempt resumes from there.
    #[error("the transfer of {url} was interrupted after {got} bytes ({cause})")]
    Broken { url: String, got: u64, cause: String },
    #[error("the transfer of {url} stalled after {got} bytes: no data for {}", show_time(*.idle))]
    Stalled { url: String, got: u64, idle: Duration },
    #[error("the transfer of {url} is too slow: {got} bytes in {}", show_estimate(*.took))]
    TooSlow { url: String, got: u64, took: Duration },

    /// The length differs from the pinned one; known before anything was written.
    #[error("{url} is announced with {announced} bytes, expected {expected}")]
    Announced { url: String, expected: u64, announced: u64 },
    #[error("{url} is longer than the expected {expected} bytes; the transfer was stopped")]
    TooLong { url: String, expected: u64 },
    #[error("{url} has {got} bytes, expected {expected}; it was removed")]
    Size { url: String, expected: u64, got: u64 },
    #[error("{url} has sha256 {got}, expected {expected}; it was removed")]
    Wrong { url: String, expected: String, got: String },

    /// An error on this machine, or the work was cancelled.
    #[error("{0}")]
    Local(Error),
}

fn tried(tries: u32) -> String {
    if tries > 1 { format!(", {tries} times in a row") } else { String::new() }
}

impl FetchError {
    pub(super) fn refused(what: String, help: &'static str) -> Self {
        Self::Refused { what, help }
    }

    pub(super) fn not_permitted(url: &str, why: &str) -> Self {
        let what = format!("{url} cannot be downloaded: {why}");
        Self::refused(what, "use an address that begins with https://")
    }

    pub fn login_page(url: &str) -> Self {
        let what =
            format!("{url} returned a web page instead of a file; it may be the login page of a network");
        Self::refused(what, "todo-bootstrap up   # after logging in to the network with a browser")
    }

    pub(super) fn too_large(url: &str, limit: u64) -> Self {
        let limit = show_bytes(limit);
        let what = format!("{url} is larger than {limit}, the limit for files without a pinned size");
        Self::refused(what, "no tool is that large: check the address in its pin.toml")
    }

    pub(super) fn changed(url: &str, what: &str) -> Self {
        let what = format!("{url} changed during the download ({what})");
        Self::refused(what, "todo-bootstrap up   # once the server serves one version of the file")
    }

    /// A response that a proxy may have changed.
    pub(super) fn altered(what: String) -> Self {
        Self::refused(what, "NO_PROXY=HOST todo-bootstrap up   # bypasses a proxy that changes responses")
    }

    pub(super) fn tried(self, tries: u32) -> Self {
        match self {
            Self::Unwell { url, status, .. } => Self::Unwell { url, status, tries },
            error => error,
        }
    }

    /// Whether the cause is on this machine, so that no other origin would do better.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Whether the file is not the pinned one: worth a warning, because somebody may have changed it.
    pub fn is_mismatch(&self) -> bool {
        use FetchError::{Announced, Size, TooLong, Wrong};
        matches!(self, Announced { .. } | Size { .. } | TooLong { .. } | Wrong { .. })
    }

    /// The `help:` line of the error: the command to run, or the one thing to change.
    pub fn help(&self) -> String {
        const LOGIN: &str =
            "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT todo-bootstrap up   # the proxy requires a login";
        match self {
            // The words of hyper for an answer of 407 to CONNECT.
            Self::Unreachable { cause, .. } if cause.contains("proxy authorization required") => LOGIN,
            Self::Unreachable { host, .. } => {
                return format!(
                    "HTTPS_PROXY=http://HOST:PORT todo-bootstrap up   # behind a proxy; otherwise, \
                     `curl -I https://{host}/` shows whether this network lets it through"
                );
            }
            Self::Refused { help, .. } => *help,
            Self::TooSlow { .. } => "todo-bootstrap up --mirror URL   # uses another server",
            Self::Unwell { .. } => "todo-bootstrap up   # retries; best in a few minutes, when the server has recovered",
            Self::Busy { .. } => "todo-bootstrap up --mirror URL   # uses a mirror; or retry after that time",
            Self::Stalled { .. } => {
                "todo-bootstrap up   # continues from here; if it stalls again, try another network"
            }
            error if error.is_mismatch() => OTHER_NETWORK,
            Self::Answered { status, .. } => match *status {
                StatusCode::UNAUTHORIZED => {
                    "--mirror https://NAME:PASSWORD@HOST   # with the user name and password of the mirror"
                }
                StatusCode::FORBIDDEN => {
                    "todo-bootstrap up --mirror URL   # a proxy or the server blocks it; or ask who runs the network"
                }
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    "the file does not exist (any more): check the mirror, or install a newer todo-bootstrap"
                }
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => LOGIN,
                _ => AGAIN,
            },
            _ => AGAIN,
        }
        .to_owned()
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Local(inner) => inner,
            error => Self::failed(error.to_string()).help(error.help()),
        }
    }
}
