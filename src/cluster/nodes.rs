//! Whether the nodes are ready now.

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// `None` if every node is ready, otherwise what is not.
pub fn not_ready(task: &Task<'_>, kube: &Kube) -> Result<Option<String>> {
    let api: Api<Node> = Api::all(kube.client().clone());
    let nodes = task.wait("the state of the nodes", async {
        api.list(&ListParams::default()).await.map_err(|error| api_error("list the nodes", &error))
    })?;
    if nodes.items.is_empty() {
        return Ok(Some("the cluster has no node".to_owned()));
    }
    let unready = nodes.iter().find(|node| !ready(node));
    Ok(unready.map(|node| format!("node {} is not ready", node.name_any())))
}

/// The condition `Ready` of the node.
pub fn ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default().iter().any(|c| c.type_ == "Ready" && c.status == "True")
}
