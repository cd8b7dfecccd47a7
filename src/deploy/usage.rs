//! The current resource usage of pods, from the metrics API if it is available.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use crate::kubernetes::Kube;
use crate::quantity::{parse_bytes, parse_milli};

/// Usage is optional information, so it must not delay anything.
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes of RAM.
    pub memory: u64,
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu_millis: self.cpu_millis + other.cpu_millis, memory: self.memory + other.memory }
    }
}

/// The resources of the metrics API. An addon serves it, so its types are not part of Kubernetes.
pub(crate) fn metrics(kind: &str, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

/// By the name of the pod; empty without metrics.
pub(crate) async fn of_pods(kube: &Kube, namespace: &str) -> BTreeMap<String, Usage> {
    let resource = metrics("PodMetrics", "pods");
    // Without retries: a cluster without metrics responds with 404 or 503.
    let api: Api<DynamicObject> = Api::namespaced_with(kube.once().clone(), namespace, &resource);
    let parameters = ListParams::default();
    let asked = tokio::time::timeout(TIMEOUT, api.list(&parameters)).await;
    let samples = asked.ok().and_then(Result::ok).map(|list| list.items).unwrap_or_default();
    samples.iter().filter_map(|sample| Some((sample.metadata.name.clone()?, of(&sample.data)?))).collect()
}

/// The sum over the containers of a sample; `None` for one without a figure.
fn of(sample: &Value) -> Option<Usage> {
    let containers = sample["containers"].as_array()?;
    let figures = containers.iter().filter_map(|container| {
        let usage = &container["usage"];
        Some(Usage {
            cpu_millis: parse_milli(usage["cpu"].as_str()?).ok()?,
            memory: parse_bytes(usage["memory"].as_str()?).ok()?,
        })
    });
    figures.reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_use() {
        let sample = serde_json::json!({"containers": [
            {"usage": {"cpu": "1500001n", "memory": "20Mi"}}, {"usage": {"cpu": "12m", "memory": "1024Ki"}}]});
        assert_eq!(of(&sample), Some(Usage { cpu_millis: 14, memory: 21 << 20 }));
        assert_eq!(of(&serde_json::json!({"containers": []})), None);
    }
}
