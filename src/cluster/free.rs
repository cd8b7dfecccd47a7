//! What the nodes of a running cluster have free for more pods: the figures that the scheduler uses.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use super::Need;
use crate::error::{Error, Result};
use crate::kubernetes::{Kube, api_error};
use crate::quantity::{parse_bytes, parse_milli};
use crate::task::Task;

/// What each node that accepts pods has free, by its name.
pub fn free(task: &Task<'_>, kube: &Kube) -> Result<BTreeMap<String, Need>> {
    let (nodes, pods) = task.wait("the requests of all pods", async {
        let (nodes, pods) = (Api::<Node>::all(kube.client().clone()), Api::<Pod>::all(kube.client().clone()));
        let all = ListParams::default();
        let both = futures::try_join!(nodes.list(&all), pods.list(&all));
        both.map_err(|error| api_error("list the nodes and pods", &error))
    })?;
    of(&nodes.items, &pods.items)
}

fn of(nodes: &[Node], pods: &[Pod]) -> Result<BTreeMap<String, Need>> {
    let mut free = BTreeMap::new();
    for node in nodes.iter().filter(|node| accepts_pods(node)) {
        let name = node.name_any();
        let amounts = node.status.as_ref().and_then(|status| status.allocatable.clone()).unwrap_or_default();
        let mut left = allocatable(&name, &amounts)?;
        for pod in pods.iter().filter(|pod| holds_requests(pod, &name)) {
            let spec = serde_json::to_value(&pod.spec).unwrap_or_default();
            left = left.without(Need::of_pod(&spec)?);
        }
        free.insert(name, left);
    }
    Ok(free)
}

/// Taints and cordons keep pods without tolerations away.
fn accepts_pods(node: &Node) -> bool {
    node.spec.as_ref().is_none_or(|spec| {
        let keeps_away = |effect: &str| effect == "NoSchedule" || effect == "NoExecute";
        spec.unschedulable != Some(true)
            && !spec.taints.iter().flatten().any(|taint| keeps_away(&taint.effect))
    })
}

/// Pods that ended hold no requests any more.
fn holds_requests(pod: &Pod, node: &str) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let of_node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
    of_node && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn allocatable(node: &str, amounts: &BTreeMap<String, Quantity>) -> Result<Need> {
    let amount = |key: &str, parse: fn(&str) -> Result<u64, String>| {
        let text = amounts.get(key).map_or("0", |quantity| quantity.0.as_str());
        parse(text).map_err(|why| {
            Error::failed(format!("cannot read the capacity of node {node}")).because(format!("{key} {why}"))
        })
    };
    Ok(Need { cpu: amount("cpu", parse_milli)?, memory: amount("memory", parse_bytes)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    #[test]
    fn ended_pods_tainted_and_cordoned_nodes_do_not_count() {
        let node = |name: &str, spec: &str| -> Node {
            object(&format!(
                "metadata: {{name: {name}}}\nspec: {{{spec}}}\nstatus: {{allocatable: {{cpu: '2', memory: 4Gi}}}}"
            ))
        };
        let pod = |node: &str, phase: &str| -> Pod {
            object(&format!(
                "metadata: {{name: p}}\nspec: {{nodeName: {node}, containers: [{{name: c, resources: \
                 {{requests: {{cpu: 300m, memory: 1Gi}}}}}}, {{name: side}}]}}\nstatus: {{phase: {phase}}}"
            ))
        };
        let nodes = [
            node("a", ""),
            node("tainted", "taints: [{key: k, effect: NoSchedule}]"),
            node("soft", "taints: [{key: k, effect: PreferNoSchedule}]"),
            node("cordoned", "unschedulable: true"),
        ];
        let pods = [pod("a", "Running"), pod("a", "Pending"), pod("a", "Succeeded"), pod("soft", "Failed")];
        let free = of(&nodes, &pods).unwrap();
        let whole = Need { cpu: 2000, memory: 4 << 30 };
        let left = Need { cpu: 1400, memory: 2 << 30 };
        assert_eq!(free, BTreeMap::from([("a".to_owned(), left), ("soft".to_owned(), whole)]));
        assert_eq!(left.holds(Need { cpu: 500, memory: 1 }), 2);
        assert_eq!(left.holds(Need { cpu: 0, memory: 1 << 30 }), 2);
        assert_eq!(left.holds(Need::default()), u32::MAX);
        assert_eq!(Need::default().holds(whole), 0);
    }
}
