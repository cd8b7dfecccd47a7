//! Why an image could not be transferred.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use crate::error::{Error, Kind};
use crate::fetch::{FetchError, permitted};
use crate::quantity::{show_estimate, show_time};

const AGAIN: &str = "todo-bootstrap up   # retries and continues from here";

/// Causes that this module acts on have a variant. Addresses in these contain no user names and passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("{host} has no {what}")]
    NotFound { host: String, what: String },
    #[error("{host} answered {what} with {status}{}", colon(.said))]
    Answered { host: String, what: String, status: StatusCode, said: String },
    /// Somebody changed it on the way, or the registry is broken.
    #[error("{what} has digest {got}, expected {expected}")]
    Mismatch { what: String, expected: String, got: String },
    #[error("{} is not a usable image archive: {why}", .path.display())]
    Archive { path: PathBuf, why: String },
    #[error("{0}")]
    Transfer(FetchError),
    #[error("{what}")]
    Other { kind: Kind, what: String, help: String },
    /// A fault of this machine, or the work was asked to stop.
    #[error("{0}")]
    Local(Error),
}

pub type Result<T, E = RegistryError> = std::result::Result<T, E>;

fn colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl RegistryError {
    pub(super) fn failed(what: String, help: &str) -> Self {
        Self::Other { kind: Kind::Failed, what, help: help.to_owned() }
    }

    pub(super) fn again(what: String) -> Self {
        Self::failed(what, AGAIN)
    }

    pub(super) fn name(what: String) -> Self {
        let help = "docker image ls   # shows valid names".to_owned();
        Self::Other { kind: Kind::Usage, what, help }
    }

    pub(super) fn malformed(host: &str, what: &str, why: impl Display) -> Self {
        let help = "NO_PROXY=HOST todo-bootstrap up   # bypasses a proxy that may have answered instead";
        Self::failed(format!("{host} sent a malformed response for {what}: {why}"), help)
    }

    pub(super) fn stalled(host: &str, what: &str, idle: Duration) -> Self {
        Self::again(format!("{host} stalled: no data for {} during {what}", show_time(idle)))
    }

    /// `quota` and `after` are what the host says of its limit and of when to retry.
    pub(super) fn rate_limited(host: &str, quota: Option<String>, after: Option<Duration>) -> Self {
        let quota = quota.map(|quota| format!(" ({quota})")).unwrap_or_default();
        let later = after.map(|after| format!(", it asks to retry in {}", show_estimate(after)));
        let later = later.unwrap_or_default();
        let help = "todo-bootstrap up   # after the time that it asks to wait, or with a mirror of your own";
        Self::failed(format!("the rate limit of {host} is reached{quota}{later}"), help)
    }

    /// A failed transfer of `what`, told as it is for registries.
    pub(super) fn of(error: FetchError, host: &str, what: &str) -> Self {
        const BUSY: StatusCode = StatusCode::TOO_MANY_REQUESTS;
        match error {
            FetchError::Unreachable { host: at, cause } => {
                // A redirect may have led to another host; else ours is told with its port.
                let ours = host.rsplit_once(':').is_some_and(|(name, _)| name == at);
                Self::Unreachable { host: if ours { host.to_owned() } else { at }, cause }
            }
            FetchError::Stalled { idle, .. } => Self::stalled(host, what, idle),
            FetchError::Busy { status: BUSY, after, .. } => Self::rate_limited(host, None, Some(after)),
            FetchError::Unwell { status: BUSY, .. } => Self::rate_limited(host, None, None),
            FetchError::Answered { status, .. } => Self::answered(host, what, status, String::new()),
            FetchError::Wrong { expected, got, .. } => {
                let (expected, got) = (format!("sha256:{expected}"), format!("sha256:{got}"));
                Self::Mismatch { what: what.to_owned(), expected, got }
            }
            error if error.is_mismatch() => {
                let (expected, got) = ("the pinned one".to_owned(), error.to_string());
                Self::Mismatch { what: what.to_owned(), expected, got }
            }
            FetchError::Local(error) => Self::Local(error),
            error => Self::Transfer(error),
        }
    }

    /// A final answer that is not what was asked for.
    pub(super) fn answered(host: &str, what: &str, status: StatusCode, said: String) -> Self {
        let (host, what) = (host.to_owned(), what.to_owned());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::failed(
                format!("{host} refuses {what} ({status}{})", colon(&said)),
                "check the name (registries also answer this for images that do not exist), or use a mirror \
                 that needs no login",
            ),
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::NotFound { host, what },
            _ => Self::Answered { host, what, status, said },
        }
    }
}

impl From<Error> for RegistryError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        let what = error.to_string();
        let help = match error {
            RegistryError::Local(inner) => return inner,
            RegistryError::Transfer(inner) => return inner.into(),
            RegistryError::Other { kind, help, .. } => return Self::new(kind, what).help(help),
            RegistryError::Unreachable { host, .. } if permitted(&format!("http://{host}/")).is_ok() => {
                let look = format!("`curl http://{host}/v2/` shows whether it is running");
                return Self::failed(what).help(format!("todo-bootstrap up   # restarts it; {look}"));
            }
            RegistryError::Unreachable { host, cause } => {
                return FetchError::Unreachable { host, cause }.into();
            }
            RegistryError::NotFound { .. } => {
                "check the name and its digest in manifests/images.toml, or install a newer todo-bootstrap: \
                 ./install.sh"
            }
            RegistryError::Mismatch { .. } => {
                "todo-bootstrap up   # on another network: something between here and the host changes files"
            }
            RegistryError::Archive { .. } => "create the archive again: docker save --output FILE NAME",
            RegistryError::Answered { .. } => AGAIN,
        };
        Self::failed(what).help(help)
    }
}
