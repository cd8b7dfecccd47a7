//! What the API server or the way to it says, in our words.

use kube::core::Status;

use crate::error::{Error, sources};

/// A failed call of the API; `what` completes "cannot …".
pub fn api_error(what: &str, error: &kube::Error) -> Error {
    let failed = Error::failed(format!("cannot {what}"));
    match error {
        kube::Error::Api(status) => failed.because(status_line(status)),
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => failed
            .because(format!("the API server of the cluster does not answer: {}", innermost(error)))
            .help("todo-bootstrap up   # starts the cluster if it is stopped, and goes on from there"),
        other => failed.because(innermost(other)),
    }
}

/// Whether asking again soon may help: the server is busy, starting, or not to be reached yet.
pub(super) fn passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            matches!(status.code, 429 | 502 | 503 | 504)
                || status.message.contains("failed calling webhook")
                || (status.code == 403 && status.message.contains("is being terminated"))
                || status.message.contains("etcdserver:")
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

pub(super) fn not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.is_not_found())
}

fn status_line(status: &Status) -> String {
    if status.message.is_empty() {
        return format!("the API server answered {} {}", status.code, status.reason);
    }
    status.message.clone()
}

/// The deepest cause; the layers above it only repeat that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let api =
            |code, message: &str| kube::Error::Api(Status::failure(message, "").with_code(code).boxed());
        assert!(passing(&api(503, "")) && passing(&api(500, "failed calling webhook \"x\"")));
        assert!(!passing(&api(422, "invalid")) && !passing(&api(403, "forbidden")));
        let error = api_error("apply Service a/b", &api(422, "port is wrong"));
        assert_eq!(error.causes(), ["port is wrong"]);
    }
}
