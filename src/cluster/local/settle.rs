//! Waiting until a cluster that was just made or started is of use, by watching it.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::deploy::Kube;
use crate::deploy::watch::{self, Target, Workload};
use crate::error::{Error, Result};
use crate::task::Task;

/// Several times what a slow machine takes from `kubeadm init` to a working DNS.
const PATIENCE: Duration = Duration::from_mins(3);
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Waits for the node, a default `StorageClass` and DNS. After a start (`since`), what the cluster
/// says of itself is from before the stop until kubelet and controllers have spoken anew; that is
/// waited for first.
pub(in crate::cluster) fn ready(task: &Task<'_>, kubeconfig: &Path, since: Option<Timestamp>) -> Result<()> {
    let task = &task.within(PATIENCE);
    let kube = Kube::connect(task, kubeconfig)?;
    let client = kube.client().clone();
    if let Some(since) = since {
        task.say("waiting for the node to report its status again");
        let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
        until(task, "the wait for the node's first response", leases, |leases| {
            leases.iter().any(|l| renewed(l, since))
        })?;
    }
    task.say("waiting for the node");
    until(task, "the wait for the node", Api::<Node>::all(client.clone()), |nodes| {
        !nodes.is_empty() && nodes.iter().all(node_ready)
    })
    .map_err(|error| error.help("todo-bootstrap doctor   # checks the engine and the host"))?;
    task.say("waiting for a default storage class");
    until(
        task,
        "the wait for a default StorageClass",
        Api::<StorageClass>::all(client.clone()),
        |classes| {
            classes.iter().any(|class| class.annotations().get(DEFAULT_CLASS).is_some_and(|v| v == "true"))
        },
    )?;
    if let Some(since) = since {
        awake(task, &client, since)?;
    }
    let dns = Target {
        workload: Workload::Deployment,
        namespace: "kube-system".to_owned(),
        name: "coredns".to_owned(),
    };
    watch::targets(task, &kube, vec![dns]).map_err(|error| error.context("the cluster's DNS does not work"))
}

/// Waits until the controllers work again and no pod is taken for ready that is not.
fn awake(task: &Task<'_>, client: &Client, since: Timestamp) -> Result<()> {
    task.say("waiting for the controllers");
    // They lead again once the lease that they held before the stop has run out (15 s); where a
    // single one is told not to ask for it (minikube), there is none to wait for.
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    until(task, "the wait for the controllers", leases, |leases| {
        let mut held = leases.iter().filter(|lease| lease.name_any() == "kube-controller-manager");
        held.next().is_none_or(|lease| renewed(lease, since))
    })?;
    task.say("waiting for the pods to restart");
    until(task, "the wait for the pods' true state", Api::<Pod>::all(client.clone()), |pods| {
        pods.iter().all(|pod| {
            let of_system = pod.namespace().as_deref() == Some("kube-system");
            fresh(pod, since) || (!of_system && !is_ready(pod)) || is_over(pod)
        })
    })
}

/// Watches until `done` holds for all objects of a kind.
fn until<K>(task: &Task<'_>, what: &str, api: Api<K>, done: impl Fn(&[K]) -> bool) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    task.wait(what, async {
        let mut last = String::new();
        let mut objects: Vec<K> = Vec::new();
        let mut stream = pin!(watcher(api, watcher::Config::default()).default_backoff());
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    let whole = !matches!(event, watcher::Event::Init | watcher::Event::InitApply(_));
                    take(&mut objects, event);
                    if whole && done(&objects) {
                        return Ok(());
                    }
                }
                // The API server is not up yet, or was restarted; the watch goes on by itself.
                Err(error) => {
                    let error = error.to_string();
                    if error != last {
                        tracing::debug!(what, error, "watch");
                        last = error;
                    }
                }
            }
        }
        Err(Error::failed(format!("the cluster closed the watch for {what}")))
    })
}

fn take<K: kube::ResourceExt>(objects: &mut Vec<K>, event: watcher::Event<K>) {
    let same = |a: &K, b: &K| a.name_any() == b.name_any() && a.namespace() == b.namespace();
    match event {
        watcher::Event::Init => objects.clear(),
        watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
            objects.retain(|known| !same(known, &object));
            objects.push(object);
        }
        watcher::Event::Delete(object) => objects.retain(|known| !same(known, &object)),
        watcher::Event::InitDone => {}
    }
}

fn node_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default().iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn renewed(lease: &Lease, since: Timestamp) -> bool {
    let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
    renewed.is_some_and(|time| time.0 >= since)
}

/// Whether the pod is ready, with containers that all run since the node was started.
fn fresh(pod: &Pod, since: Timestamp) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    is_ready(pod)
        && statuses.unwrap_or_default().iter().all(|status| {
            let running = status.state.as_ref().and_then(|state| state.running.as_ref());
            let started = running.and_then(|running| running.started_at.as_ref());
            // Times of containers are in whole seconds.
            started.is_some_and(|time| time.0.as_second() >= since.as_second())
        })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default().iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether the pod has ended, or is told to: nothing is expected of it.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from<T: DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

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
        assert!(is_over(&from(
            serde_json::json!({"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}})
        )));
        let lease = |time: &str| from::<Lease>(serde_json::json!({"spec": {"renewTime": time}}));
        assert!(renewed(&lease("2026-01-01T10:00:01.000000Z"), since));
        assert!(!renewed(&lease("2026-01-01T10:00:00.000000Z"), since));
    }

    #[test]
    fn only_a_ready_node_counts() {
        let node = |status: &str| {
            from::<Node>(serde_json::json!({"metadata": {"name": "n"}, "status": {"conditions": [
                {"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": status}]}}))
        };
        assert!(node_ready(&node("True")));
        assert!(!node_ready(&node("Unknown")) && !node_ready(&Node::default()));
    }
}
