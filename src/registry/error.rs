//! Why an image could not be transferred, in variants so that a caller can act on them.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use crate::error::{Error, Kind};
use crate::fetch::FetchError;

mod help;

/// Addresses in these contain no user names and passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// No connection was made.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("the certificate of {host} is not trusted ({cause})")]
    Certificate { host: String, cause: String },
    #[error("{url} returned a web page instead of a response; it may be the login page of a network")]
    LoginPage { url: String },
    #[error("{host} refuses {what} ({status}{})", colon(.said))]
    Unauthorized { host: String, what: String, status: StatusCode, said: String },
    #[error("{host} has no {what}")]
    NotFound { host: String, what: String },
    #[error("the rate limit of {host} is reached{}{}", limited(.quota.as_deref()), later(*.after))]
    RateLimited { host: String, quota: Option<String>, after: Option<Duration> },
    #[error("{host} answered {what} with {status}{}", colon(.said))]
    Answered { host: String, what: String, status: StatusCode, said: String },
    #[error("{host} sent a malformed response for {what}: {why}")]
    Malformed { host: String, what: String, why: String },

    /// Somebody changed it on the way, or the registry is broken.
    #[error("{what} has digest {got}, expected {expected}")]
    Mismatch { what: String, expected: String, got: String },
    /// Only a remark where the pinned image is still there.
    #[error("{name} has moved: it is {now} now, {pinned} is pinned{}", if *.gone { " and gone" } else { "" })]
    Moved { name: String, pinned: String, now: String, gone: bool },
    #[error("{name} has no image for {platform}, only for {}", listed(.there))]
    NoPlatform { name: String, platform: String, there: Vec<String> },

    /// Another program listens there.
    #[error("the server at {authority} is not an image registry ({what})")]
    Stranger { authority: String, what: String },
    /// It was available when the push started.
    #[error("lost the connection to the registry at {authority} while pushing {what} ({cause})")]
    Died { authority: String, what: String, cause: String },
    #[error("the disk of the registry at {authority} is full ({said})")]
    Full { authority: String, said: String },
    #[error("{host} stalled: no data for {} s during {what}", .idle.as_secs_f32())]
    Stalled { host: String, what: String, idle: Duration },
    /// Another one pushed to the same name meanwhile, or the registry rewrites what it is given.
    #[error("digest mismatch for {name}: {pushed} was pushed, {found} was found")]
    Differs { name: String, pushed: String, found: String },

    #[error("{} is not a usable image archive: {why}", .path.display())]
    Archive { path: PathBuf, why: String },
    #[error("{0}")]
    Name(String),
    /// A transfer ended otherwise.
    #[error("{0}")]
    Transfer(FetchError),
    /// A fault of this machine, or the work was asked to stop.
    #[error("{0}")]
    Local(Error),
}

/// What functions of this module return.
pub type Result<T, E = RegistryError> = std::result::Result<T, E>;

fn colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn limited(quota: Option<&str>) -> String {
    quota.map(|quota| format!(" ({quota})")).unwrap_or_default()
}

fn later(after: Option<Duration>) -> String {
    match after.map(|after| after.as_secs()) {
        None => String::new(),
        Some(seconds @ 0..=120) => format!(", it asks to retry in {seconds} s"),
        Some(seconds) => format!(", it asks to retry in {} min", seconds.div_ceil(60)),
    }
}

fn listed(there: &[String]) -> String {
    if there.is_empty() { "others".to_owned() } else { there.join(", ") }
}

impl RegistryError {
    /// A failed transfer of `what`, told as it is for registries.
    pub(super) fn of(error: FetchError, host: &str, what: &str) -> Self {
        let (host, what) = (host.to_owned(), what.to_owned());
        match error {
            // A redirect may have led to another host; else ours is told with its port.
            FetchError::Unreachable { host: at, cause }
                if host.rsplit_once(':').is_none_or(|(name, _)| name != at) =>
            {
                Self::Unreachable { host: at, cause }
            }
            FetchError::Unreachable { cause, .. } => Self::Unreachable { host, cause },
            FetchError::Certificate { host, cause } => Self::Certificate { host, cause },
            FetchError::LoginPage { url } => Self::LoginPage { url },
            FetchError::Stalled { idle, .. } => Self::Stalled { host, what, idle },
            FetchError::Busy { status: StatusCode::TOO_MANY_REQUESTS, after, .. } => {
                Self::RateLimited { host, quota: None, after: Some(after) }
            }
            FetchError::Unwell { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                Self::RateLimited { host, quota: None, after: None }
            }
            FetchError::Answered { status, .. } => Self::answered(host, what, status, String::new()),
            FetchError::Wrong { expected, got, .. } => {
                let digest = |hex: String| format!("sha256:{hex}");
                Self::Mismatch { what, expected: digest(expected), got: digest(got) }
            }
            error if error.is_mismatch() => {
                Self::Mismatch { what, expected: "the pinned one".to_owned(), got: error.to_string() }
            }
            FetchError::Local(error) => Self::Local(error),
            error => Self::Transfer(error),
        }
    }

    /// A final answer that is not what was asked for.
    pub(super) fn answered(host: String, what: String, status: StatusCode, said: String) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Self::Unauthorized { host, what, status, said }
            }
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
        let exit = match error {
            RegistryError::Local(inner) => return inner,
            RegistryError::Transfer(inner) => return inner.into(),
            RegistryError::Name(_) => Kind::Usage,
            RegistryError::Stranger { .. } | RegistryError::Full { .. } => Kind::HostNotReady,
            _ => Kind::Failed,
        };
        Self::new(exit, error.to_string()).help(error.help())
    }
}
