//! Errors of the API server and of the connection to it.

use crate::error::{Error, sources};

/// A failed call of the API; `what` completes "cannot …".
pub fn api_error(what: &str, error: &kube::Error) -> Error {
    if expired(error) {
        return certificates_expired().context(format!("cannot {what}"));
    }
    let failed = Error::failed(format!("cannot {what}"));
    match error {
        kube::Error::Api(status) if status.code == 401 => failed
            .because("the API server does not accept the certificate in the kubeconfig")
            .help("todo-bootstrap up   # renews it; the data in the cluster is kept"),
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => failed
            .because(format!("the API server is not responding: {}", innermost(error)))
            .help("todo-bootstrap up   # starts the cluster if it is stopped, and continues"),
        other => failed.because(error_line(other)),
    }
}

/// Whether the connection failed because the API server's certificate has expired.
pub fn expired(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let text = error.to_string().to_ascii_lowercase();
        text.contains("certificate") && text.contains("expired")
    })
}

pub fn certificates_expired() -> Error {
    Error::failed("the cluster's certificates have expired (certificates-expired)")
        .help("todo-bootstrap up   # renews them; the data in the cluster is kept")
}

/// Whether a retry may help: the server is busy, starting, or cannot be reached yet.
pub(crate) fn transient(error: &kube::Error) -> bool {
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

pub(crate) fn not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.is_not_found())
}

/// Whether the object was changed since it was read.
pub(crate) fn conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict())
}

/// An API error in one line.
pub fn error_line(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => {
            format!("the API server responded with {} {}", status.code, status.reason)
        }
        kube::Error::Api(status) => status.message.clone(),
        other => innermost(other),
    }
}

/// The deepest cause; the layers above it only repeat that something failed.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn expired_certificates_are_named_with_the_way_that_keeps_the_data() {
        let tls = |text: &str| kube::Error::Service(std::io::Error::other(text.to_owned()).into());
        for text in [
            "invalid peer certificate: Expired",
            "invalid peer certificate: certificate expired: verification time 1764430835 (UNIX), but certificate is \
             not valid after 1764430834",
        ] {
            let error = api_error("list the nodes", &tls(text));
            assert!(error.to_string().contains("(certificates-expired)"), "{error}");
            assert!(
                error.hints()[0].contains("todo-bootstrap up") && error.hints()[0].contains("data"),
                "{error}"
            );
        }
        assert!(
            !expired(&tls("invalid peer certificate: UnknownIssuer")) && !expired(&tls("connection refused"))
        );
        let refused = kube::Error::Api(Status::failure("Unauthorized", "").with_code(401).boxed());
        assert!(api_error("list the nodes", &refused).hints()[0].contains("renews it"));
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let api =
            |code, message: &str| kube::Error::Api(Status::failure(message, "").with_code(code).boxed());
        assert!(transient(&api(503, "")) && transient(&api(500, "failed calling webhook \"x\"")));
        assert!(!transient(&api(422, "invalid")) && !transient(&api(403, "forbidden")));
        let error = api_error("apply Service a/b", &api(422, "port is wrong"));
        assert_eq!(error.causes(), ["port is wrong"]);
    }
}
