//! The status of the cluster, its nodes and its pods, and the address of the application. Changes nothing.

use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use serde::Serialize;

use super::Session;
use super::services::{ServiceStatus, View, services};
use crate::cluster::nodes;
use crate::config::Target;
use crate::deploy::{self};
use crate::diagnose;
use crate::error::Result;
use crate::host::names::{self, Address, Answer};
use crate::kubernetes::api_error;
use crate::task::Task;

#[derive(Debug, Serialize)]
pub struct Status {
    pub cluster: String,
    pub provider: &'static str,
    /// Whether Secrets are encrypted in etcd; clusters of earlier versions do not encrypt them.
    pub secrets_encrypted: bool,
    pub nodes: Vec<NodeStatus>,
    /// The target of the application's images; `None` without an application.
    pub target: Option<Target>,
    /// The application's environment, if it has any.
    pub environment: Option<String>,
    pub services: Vec<ServiceStatus>,
    pub pods: Vec<PodStatus>,
    pub url: Option<String>,
    pub kubeconfig: std::path::PathBuf,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    pub name: String,
    pub ready: bool,
    pub version: String,
    /// The allocatable resources, in the notation of Kubernetes.
    pub cpu: String,
    pub memory: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PodStatus {
    pub namespace: String,
    pub name: String,
    /// Ready and total containers, such as `1/2`.
    pub ready: String,
    pub state: String,
    pub restarts: i32,
    pub image: String,
}

/// The address of the application on this machine, and the resolution of each of its names.
#[derive(Debug, Clone)]
pub struct Access {
    pub address: Address,
    pub answers: Vec<Answer>,
}

/// `None` without an application.
pub fn access(session: &Session) -> Result<Option<Access>> {
    let Some(application) = &session.application else { return Ok(None) };
    let answers = names::resolve(&application.hosts());
    let facts = &session.facts;
    let address = names::choose(facts.os, facts.wsl, &answers, &session.entrance()?);
    Ok(address.map(|address| Access { address, answers }))
}

/// The status of the cluster to which `session` is connected.
pub fn status(session: &Session, task: &Task<'_>, address: Option<&Address>) -> Result<Status> {
    let kube = session.kube()?;
    let client = kube.client().clone();
    let own = session.application.as_ref().map(|app| app.namespace.clone()).unwrap_or_default();
    let (nodes, pods, services) = task.wait("the response of the cluster", async {
        let nodes = Api::<Node>::all(client.clone());
        let pods = Api::<Pod>::all(client);
        let params = ListParams::default();
        let services = services_of(session, &own, address);
        let (nodes, pods, services) = futures::join!(nodes.list(&params), pods.list(&params), services);
        let nodes = nodes.map_err(|error| api_error("list the nodes", &error))?;
        let pods = pods.map_err(|error| api_error("list the pods", &error))?;
        Ok((nodes.items, pods.items, services?))
    })?;
    let mut pods: Vec<PodStatus> = pods.iter().map(pod_status).collect();
    pods.sort_by_key(|pod| (pod.namespace != own, pod.namespace.clone(), pod.name.clone()));
    Ok(Status {
        cluster: session.profile.cluster.name.clone(),
        provider: session.profile.provider.name(),
        secrets_encrypted: session.receipt().made.cluster.secrets_encrypted,
        nodes: nodes.iter().map(node_status).collect(),
        target: session.application.as_ref().map(|_| session.target()),
        environment: session.environment_name().map(str::to_owned),
        services,
        pods,
        url: address.map(|address| address.url.clone()),
        kubeconfig: session.kubeconfig(),
    })
}

/// The status of the services; empty without an application.
async fn services_of(
    session: &Session,
    namespace: &str,
    address: Option<&Address>,
) -> Result<Vec<ServiceStatus>> {
    if namespace.is_empty() {
        return Ok(Vec::new());
    }
    let kube = session.kube()?;
    let (live, usage, observed) = futures::join!(
        deploy::services::live_services(kube, namespace),
        deploy::usage::of_pods(kube, namespace),
        diagnose::gather(kube, namespace, ""),
    );
    Ok(services(&View {
        live: &live?,
        usage: &usage,
        // Without events the cause is less certain.
        observed: &observed.unwrap_or_default(),
        address: address.map(|address| (address.url.as_str(), address.host.as_str())),
        now: (session.process_env.now)(),
    }))
}

/// The volume claims in the cluster, as `namespace/name (size)`.
pub fn claims(session: &Session, task: &Task<'_>) -> Result<Vec<String>> {
    let api = Api::<PersistentVolumeClaim>::all(session.kube()?.client().clone());
    let claims = task.wait("the response of the cluster", async {
        let list = api.list(&ListParams::default()).await;
        list.map_err(|error| api_error("list the volume claims", &error))
    })?;
    Ok(claims.iter().map(claim).collect())
}

fn claim(claim: &PersistentVolumeClaim) -> String {
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let size =
        capacity.and_then(|capacity| capacity.get("storage")).map_or("not bound", |size| size.0.as_str());
    format!("{}/{} ({size})", claim.namespace().unwrap_or_default(), claim.name_any())
}

fn node_status(node: &Node) -> NodeStatus {
    let status = node.status.as_ref();
    let allocatable = |key: &str| {
        let all = status.and_then(|status| status.allocatable.as_ref());
        all.and_then(|all| Some(all.get(key)?.0.clone())).unwrap_or_default()
    };
    NodeStatus {
        name: node.metadata.name.clone().unwrap_or_default(),
        ready: nodes::ready(node),
        version: status
            .and_then(|status| Some(status.node_info.as_ref()?.kubelet_version.clone()))
            .unwrap_or_default(),
        cpu: allocatable("cpu"),
        memory: allocatable("memory"),
    }
}

fn pod_status(pod: &Pod) -> PodStatus {
    let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let containers: Vec<_> = containers.into_iter().flatten().collect();
    let ready = containers.iter().filter(|container| container.ready).count();
    // The reason of a waiting container is more specific than the phase of the pod.
    let waiting =
        containers.iter().find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let deleted = pod.metadata.deletion_timestamp.is_some();
    let total = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    PodStatus {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        ready: format!("{ready}/{total}"),
        state: if deleted { "Terminating".to_owned() } else { waiting.unwrap_or(phase) },
        restarts: containers.iter().map(|container| container.restart_count).sum(),
        image: pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone()).unwrap_or_default(),
    }
}

impl PodStatus {
    /// Whether all containers are ready or the pod has succeeded.
    pub fn healthy(&self) -> bool {
        let (ready, all) = self.ready.split_once('/').unwrap_or_default();
        self.state == "Succeeded" || (self.state == "Running" && ready == all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_crashing_container_is_its_reason() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "web-1", "namespace": "shop" },
            "spec": { "containers": [{ "name": "web", "image": "web:v1" }] },
            "status": { "phase": "Running", "containerStatuses": [{
                "name": "web", "ready": false, "restartCount": 3, "image": "web:v1", "imageID": "",
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            }] },
        }))
        .unwrap();
        let status = pod_status(&pod);
        assert_eq!(
            (status.ready.as_str(), status.state.as_str(), status.restarts),
            ("0/1", "CrashLoopBackOff", 3)
        );
        assert!(!status.healthy());
    }
}
