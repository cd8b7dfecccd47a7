//! A context for tests: of a server that does not exist, or of a mock one.

use super::Context;
use crate::kubernetes::testing;
use crate::progress::Recorder;

/// Nothing listens there: port 9 is reserved and closed.
const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) fn with_context<T>(f: impl FnOnce(&Context<'_>) -> T) -> T {
    with_server(NOWHERE, f).0
}

/// Runs `f` with a context whose API server and ingress are at `url`.
pub(crate) fn with_server<T>(url: &str, f: impl FnOnce(&Context<'_>) -> T) -> (T, Recorder) {
    let ingress = url.rsplit(':').next().unwrap().parse().unwrap();
    testing::with_server(url, |task, kube| {
        let (namespace, host) = ("app".to_owned(), "app.localhost".to_owned());
        f(&Context { task, kube, namespace, host, ingress, secure: None, built: Vec::new() })
    })
}
