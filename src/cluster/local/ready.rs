//! Waits until a cluster that was just created or started can be used, by watching it.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::cluster::nodes;
use crate::deploy::watch::{self, Target, Workload};
use crate::diagnose::is_ready;
use crate::error::{Error, Result};
use crate::kubernetes::{DEFAULT_CLASS, Kube, certificates_expired, expired};
use crate::task::Task;

/// Several times what a slow machine needs from `kubeadm init` to a working DNS.
const TIMEOUT: Duration = Duration::from_secs(3 * 60);

/// The nodes that were started, and since when.
pub(in crate::cluster) struct Started {
    since: Timestamp,
    pub nodes: Vec<String>,
}

impl Started {
    /// No node yet.
    pub fn now() -> Self {
        Self { since: Timestamp::now(), nodes: Vec::new() }
    }

    fn has(&self, node: &str) -> bool {
        self.nodes.iter().any(|name| name == node)
    }
}

/// Waits for the nodes, a default `StorageClass` and DNS. Of nodes that were started, the reported state is from
/// before the stop until kubelet and controllers have renewed it; that is waited for first.
pub(in crate::cluster) fn wait(task: &Task<'_>, kubeconfig: &Path, started: &Started) -> Result<()> {
    let task = &task.within(TIMEOUT);
    let kube = Kube::connect(task, kubeconfig)?;
    let client = kube.client().clone();
    if !started.nodes.is_empty() {
        task.say(format!("waiting for {} to report the status again", started.nodes.join(", ")));
        let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
        until(task, "the wait for the first response of the nodes", leases, |leases| {
            let renewed = leases.iter().filter(|lease| renewed(lease, started.since));
            renewed.filter(|lease| started.has(&lease.name_any())).count() == started.nodes.len()
        })?;
    }
    task.say("waiting for the nodes");
    until(task, "the wait for the nodes", Api::<Node>::all(client.clone()), |nodes| {
        !nodes.is_empty() && nodes.iter().all(|node| nodes::ready(node))
    })
    .map_err(|error| error.help("todo-bootstrap doctor   # checks the engine and the host"))?;
    task.say("waiting for a default storage class");
    let is_default = |class: &Arc<StorageClass>| {
        class.annotations().get(DEFAULT_CLASS).is_some_and(|value| value == "true")
    };
    until(task, "the wait for a default StorageClass", Api::all(client.clone()), |classes| {
        classes.iter().any(is_default)
    })?;
    if !started.nodes.is_empty() {
        controllers(task, &client, started)?;
    }
    let dns = Target {
        workload: Workload::Deployment,
        namespace: "kube-system".to_owned(),
        name: "coredns".to_owned(),
    };
    watch::targets(task, &kube, vec![dns]).map_err(|error| error.context("the cluster's DNS does not work"))
}

/// Waits until the controllers work again, and the reported state of every pod on the started nodes is current.
fn controllers(task: &Task<'_>, client: &Client, started: &Started) -> Result<()> {
    let since = started.since;
    task.say("waiting for the controllers");
    // They work again once the lease from before the stop has expired (15 s). minikube runs a single one
    // without leader election, so there is no lease to wait for.
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    until(task, "the wait for the controllers", leases, |leases| {
        let mut held = leases.iter().filter(|lease| lease.name_any() == "kube-controller-manager");
        held.next().is_none_or(|lease| renewed(lease, since))
    })?;
    task.say("waiting for the pods to restart");
    until(task, "the wait for the pods' current state", Api::<Pod>::all(client.clone()), |pods| {
        pods.iter().all(|pod| current(pod, started))
    })
}

/// Watches until `done` holds for all objects of a kind.
fn until<K>(task: &Task<'_>, what: &str, api: Api<K>, done: impl Fn(&[Arc<K>]) -> bool) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let mut last = None;
    let waited = task.wait(what, async {
        let (objects, writer) = reflector::store();
        let stream = reflector(writer, watcher(api, watcher::Config::default()).default_backoff());
        let mut stream = pin!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(_) if done(&objects.state()) => return Ok(()),
                Ok(_) => last = None,
                Err(error) if expired(&error) => return Err(certificates_expired()),
                // The API server has not started yet or was restarted; the watch continues by itself.
                Err(error) => last = Some(error.to_string()),
            }
        }
        Err(Error::failed(format!("the cluster closed the watch for {what}")))
    });
    waited.map_err(|error| last.into_iter().fold(error, Error::because))
}

fn renewed(lease: &Lease, since: Timestamp) -> bool {
    let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
    renewed.is_some_and(|time| time.0 >= since)
}

/// Whether the pod's reported state is from after the start of its node. A pod that is not assigned to a node has no
/// such state; one of the system must become ready.
fn current(pod: &Pod, started: &Started) -> bool {
    let of_system = pod.namespace().as_deref() == Some("kube-system");
    match pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) {
        Some(node) if !started.has(node) => true,
        _ => fresh(pod, started.since) || (!of_system && !is_ready(pod)) || has_ended(pod),
    }
}

/// Whether the pod is ready, and all its containers were started after the node.
fn fresh(pod: &Pod, since: Timestamp) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    is_ready(pod)
        && statuses.unwrap_or_default().iter().all(|status| {
            let running = status.state.as_ref().and_then(|state| state.running.as_ref());
            let started = running.and_then(|running| running.started_at.as_ref());
            // The times of containers are in whole seconds.
            started.is_some_and(|time| time.0.as_second() >= since.as_second())
        })
}

/// Whether the pod has ended or is being deleted.
fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::from_json as from;

    #[test]
    fn a_status_from_before_the_start_is_stale() {
        let since: Timestamp = "2026-01-01T10:00:00.7Z".parse().unwrap();
        let pod = |started: &str, ready: &str| {
            from::<Pod>(serde_json::json!({"metadata": {"name": "p"}, "status": {
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true,
                    "restartCount": 0, "state": {"running": {"startedAt": started}}}]}}))
        };
        assert!(!fresh(&pod("2026-01-01T09:59:59Z", "True"), since));
        assert!(fresh(&pod("2026-01-01T10:00:00Z", "True"), since));
        assert!(!fresh(&pod("2026-01-01T10:00:00Z", "False"), since));
        assert!(has_ended(&from(
            serde_json::json!({"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}})
        )));
        let started = Started { since, nodes: vec!["n".to_owned()] };
        let on = |node: Option<&str>, namespace: &str, started: &Started| {
            let mut old = pod("2026-01-01T09:59:59Z", "True");
            old.metadata.namespace = Some(namespace.to_owned());
            let spec = serde_json::json!({"containers": [], "nodeName": node});
            old.spec = Some(serde_json::from_value(spec).unwrap());
            current(&old, started)
        };
        assert!(!on(Some("n"), "app", &started) && !on(None, "kube-system", &started));
        assert!(on(Some("other"), "kube-system", &started), "the other nodes kept running");
        let lease = |time: &str| from::<Lease>(serde_json::json!({"spec": {"renewTime": time}}));
        assert!(renewed(&lease("2026-01-01T10:00:01.000000Z"), since));
        assert!(!renewed(&lease("2026-01-01T10:00:00.000000Z"), since));
    }
}
