//! Why something could not be fetched, told apart so that a caller can try another origin.

use reqwest::StatusCode;

use crate::error::Error;

#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection was made; other addresses of this host will fail in the same way.
    #[error("{host} cannot be reached ({cause})")]
    Unreachable { host: String, cause: String },
    #[error("{url} was answered with {status}")]
    Answered { url: String, status: StatusCode },
    /// The transfer began and did not end; what arrived is kept, a later try goes on from there.
    #[error("the transfer of {url} broke off after {got} bytes ({cause})")]
    Broken { url: String, got: u64, cause: String },
    #[error("{url} has {got} bytes, expected {expected}")]
    Size { url: String, expected: u64, got: u64 },
    #[error("{url} has sha256 {got}, expected {expected}: it was removed")]
    Wrong { url: String, expected: String, got: String },
    #[error("{url} may not be fetched: {why}")]
    NotPermitted { url: String, why: String },
    /// A fault of this machine, or the work was asked to stop.
    #[error("{0}")]
    Local(Error),
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        let help = match &error {
            FetchError::Local(inner) => return inner.clone(),
            FetchError::Wrong { .. } | FetchError::Size { .. } => {
                "something between here and there changes files; ask who runs the network, or use \
                 another one: todo-bootstrap up"
            }
            _ => "todo-bootstrap up   tries again and goes on from here",
        };
        Self::failed(error.to_string()).help(help)
    }
}
