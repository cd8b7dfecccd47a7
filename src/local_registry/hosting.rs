//! `kube-public/local-registry-hosting`: tells other tools (Tilt, Skaffold) of the registry
//! (<https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry>).

use kube::core::DynamicObject;

use super::{HOST, LocalRegistry};
use crate::deploy::objects;
use crate::error::{Error, Result};

/// The `ConfigMap` that describes `registry`.
pub fn hosting(registry: &LocalRegistry) -> Result<DynamicObject> {
    let port = registry.authority().rsplit(':').next().unwrap_or_default();
    let value = serde_json::json!({
        "host": format!("localhost:{port}"),
        "hostFromClusterNetwork": HOST,
        "hostFromContainerRuntime": HOST,
        "help": "https://kind.sigs.k8s.io/docs/user/local-registry/",
    });
    // The value is YAML by the KEP, and JSON is YAML.
    let map = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "local-registry-hosting", "namespace": "kube-public" },
        "data": { "localRegistryHosting.v1": value.to_string() },
    });
    let mut all = objects(&map.to_string())?;
    all.pop().ok_or_else(|| Error::failed("the description of the local registry is empty"))
}
