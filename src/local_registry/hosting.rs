//! `kube-public/local-registry-hosting`: describes the registry for other tools such as Tilt and Skaffold
//! (<https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry>).

use kube::core::DynamicObject;

use super::{HOST, LocalRegistry};
use crate::error::{Error, Result};

pub fn hosting(registry: &LocalRegistry) -> Result<DynamicObject> {
    let port = registry.authority().rsplit(':').next().unwrap_or_default();
    let value = serde_json::json!({
        "host": format!("localhost:{port}"),
        "hostFromClusterNetwork": HOST,
        "hostFromContainerRuntime": HOST,
        "help": "https://kind.sigs.k8s.io/docs/user/local-registry/",
    });
    // The KEP requires YAML, and JSON is YAML.
    let map = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "local-registry-hosting", "namespace": "kube-public" },
        "data": { "localRegistryHosting.v1": value.to_string() },
    });
    serde_json::from_value(map)
        .map_err(|error| Error::failed("cannot describe the local registry").because(error))
}
