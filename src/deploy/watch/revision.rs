//! Which pods of a workload belong to its newest template: pure functions over its controller's status.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::core::DynamicObject;

use super::Workload;

/// The revision of a Deployment, and of the `ReplicaSet` of its newest template.
const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE: &str = "pod-template-hash";
const CONTROLLER: &str = "controller-revision-hash";

/// The label that distinguishes the pods of a workload's newest template from older ones; `None` if the template
/// never changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Revision(Option<(&'static str, String)>);

impl Revision {
    /// `None` if the controller has not acted on the newest template yet.
    pub(super) fn of(
        workload: Workload,
        object: &DynamicObject,
        sets: &[Arc<ReplicaSet>],
        pods: &[Arc<Pod>],
    ) -> Option<Self> {
        let status = &object.data["status"];
        if workload != Workload::Job && status["observedGeneration"].as_i64() < object.metadata.generation {
            return None;
        }
        match workload {
            Workload::Job => Some(Self(None)),
            Workload::Deployment => {
                // The controller numbers both before it reports the generation that it has seen.
                let revision = object.annotations().get(REVISION)?;
                let newest = |set: &&Arc<ReplicaSet>| {
                    owned(object, set.owner_references()) && set.annotations().get(REVISION) == Some(revision)
                };
                Some(label(TEMPLATE, sets.iter().find(newest)?.labels().get(TEMPLATE)?))
            }
            Workload::StatefulSet => Some(label(CONTROLLER, status["updateRevision"].as_str()?)),
            Workload::DaemonSet => {
                // It does not name its newest revision. Once it has created pods of it, the youngest is one.
                if status["updatedNumberScheduled"].as_i64().unwrap_or_default() == 0 {
                    return None;
                }
                let pods = pods.iter().filter(|pod| owned(object, pod.owner_references()));
                let youngest = pods.max_by_key(|pod| pod.metadata.creation_timestamp.clone())?;
                Some(label(CONTROLLER, youngest.labels().get(CONTROLLER)?))
            }
        }
    }

    pub(super) fn holds(&self, pod: &Pod) -> bool {
        self.0.as_ref().is_none_or(|(key, value)| pod.labels().get(*key) == Some(value))
    }
}

fn owned(
    object: &DynamicObject,
    owners: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference],
) -> bool {
    owners.iter().any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())
}

fn label(key: &'static str, value: &str) -> Revision {
    Revision(Some((key, value.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kubernetes::testing::from_json as from;

    #[test]
    fn a_deployment_has_the_hash_of_its_newest_replica_set() {
        let set = |hash: &str, revision: &str, owner: &str| {
            let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner});
            Arc::new(from::<ReplicaSet>(json!({"metadata": {"name": hash, "labels": {TEMPLATE: hash},
                "annotations": {REVISION: revision}, "ownerReferences": [owner]}})))
        };
        let sets = [set("old", "1", "u"), set("other", "2", "v"), set("new", "2", "u")];
        let with = |generation: i64, revision: &str| {
            let object = json!({"metadata": {"name": "web", "uid": "u", "generation": generation,
                "annotations": {REVISION: revision}}, "status": {"observedGeneration": 2}});
            Revision::of(Workload::Deployment, &from(object), &sets, &[])
        };
        assert_eq!(with(2, "2"), Some(label(TEMPLATE, "new")));
        assert_eq!(with(3, "2"), None, "it has not seen generation 3");
        assert_eq!(with(2, "3"), None, "its ReplicaSet is not known yet");
    }

    #[test]
    fn a_stateful_set_names_its_newest_revision() {
        let with = |generation: i64| {
            let object = json!({"metadata": {"name": "db", "generation": generation},
                "status": {"observedGeneration": 2, "replicas": 1, "updateRevision": "db-2"}});
            Revision::of(Workload::StatefulSet, &from(object), &[], &[])
        };
        assert_eq!((with(2), with(3)), (Some(label(CONTROLLER, "db-2")), None));
    }

    #[test]
    fn a_daemon_set_has_the_revision_of_its_youngest_pod_once_it_created_one() {
        let pod = |hash: &str, time: &str| {
            Arc::new(from::<Pod>(json!({"metadata": {"name": hash, "labels": {CONTROLLER: hash},
                "creationTimestamp": time, "ownerReferences":
                    [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "cni", "uid": "u"}]}})))
        };
        let pods = [pod("old", "2026-01-01T09:00:00Z"), pod("new", "2026-01-01T10:00:00Z")];
        let with = |created: i32| {
            let set = from(json!({"metadata": {"name": "cni", "uid": "u", "generation": 2},
                "status": {"observedGeneration": 2, "updatedNumberScheduled": created}}));
            Revision::of(Workload::DaemonSet, &set, &[], &pods)
        };
        assert_eq!(with(0), None);
        let new = with(1).unwrap();
        assert_eq!((new.holds(&pods[0]), new.holds(&pods[1])), (false, true));
    }
}
