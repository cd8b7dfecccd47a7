//! A connection for tests, to a mock of an API server.

use std::time::Duration;

use super::Kube;
use crate::exec::Script;
use crate::progress::Recorder;
use crate::task::{Task, testing::with_task};

/// Runs `f` with a connection to the API server at `url`.
pub(crate) fn with_server<T>(url: &str, f: impl FnOnce(&Task<'_>, &Kube) -> T) -> (T, Recorder) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    let text = format!(
        "current-context: c\nclusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: [{{name: u, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    with_task(&Script::default(), |task| {
        let task = task.within(Duration::from_secs(30));
        f(&task, &Kube::connect(&task, &kubeconfig).unwrap())
    })
}

/// A mock server that answers `mocks`; the runtime must live as long as it.
pub(crate) fn serve(
    mocks: impl IntoIterator<Item = wiremock::Mock>,
) -> (tokio::runtime::Runtime, wiremock::MockServer) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let server = wiremock::MockServer::start().await;
        for mock in mocks {
            server.register(mock).await;
        }
        server
    });
    (runtime, server)
}

/// An API object from YAML, as a recording would hold it.
pub(crate) fn object<T: serde::de::DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap()
}

/// An API object from JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}
