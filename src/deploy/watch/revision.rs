//! Which pods of a workload are made as it stands now: pure functions over what its controller says.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

/// The revision of a Deployment, which it shares with the `ReplicaSet` that is its newest.
const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE: &str = "pod-template-hash";
const CONTROLLER: &str = "controller-revision-hash";

/// What tells the pods of a workload's newest template from older ones.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// A workload whose template never changes.
    Any,
    /// The controller has not acted on the newest template yet.
    None,
    Label {
        key: &'static str,
        value: String,
    },
}

impl Revision {
    pub(super) fn holds(&self, pod: &Pod) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Label { key, value } => pod.labels().get(*key) == Some(value),
        }
    }
}

/// The controller numbers the `ReplicaSet` and the Deployment before it says which generation it saw.
pub(super) fn deployment<'a>(
    object: &Deployment,
    mut sets: impl Iterator<Item = &'a ReplicaSet>,
) -> Option<Revision> {
    let status = object.status.as_ref()?;
    if status.observed_generation < object.metadata.generation {
        return None;
    }
    let revision = object.annotations().get(REVISION)?;
    let owned = |set: &&ReplicaSet| {
        set.owner_references().iter().any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())
            && set.annotations().get(REVISION) == Some(revision)
    };
    label(TEMPLATE, sets.find(owned)?.labels().get(TEMPLATE))
}

pub(super) fn stateful_set(object: &StatefulSet) -> Option<Revision> {
    let status = object.status.as_ref()?;
    if status.observed_generation < object.metadata.generation {
        return None;
    }
    label(CONTROLLER, status.update_revision.as_ref())
}

/// A `DaemonSet` does not say the name of its newest revision; once it has made pods of it, the
/// youngest is one of them.
pub(super) fn daemon_set<'a>(object: &DaemonSet, pods: impl Iterator<Item = &'a Pod>) -> Option<Revision> {
    let status = object.status.as_ref()?;
    let made = status.updated_number_scheduled.unwrap_or_default();
    if status.observed_generation < object.metadata.generation || made == 0 {
        return None;
    }
    let owned = |pod: &&Pod| {
        pod.owner_references().iter().any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())
    };
    let youngest = pods.filter(owned).max_by_key(|pod| pod.metadata.creation_timestamp.clone())?;
    label(CONTROLLER, youngest.labels().get(CONTROLLER))
}

fn label(key: &'static str, value: Option<&String>) -> Option<Revision> {
    value.map(|value| Revision::Label { key, value: value.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    fn web(generation: i64, revision: &str) -> Deployment {
        from(json!({"metadata": {"name": "web", "uid": "u", "generation": generation,
            "annotations": {REVISION: revision}}, "status": {"observedGeneration": 2}}))
    }

    fn replica_set(hash: &str, revision: &str, owner: &str) -> ReplicaSet {
        from(json!({"metadata": {"name": hash, "labels": {TEMPLATE: hash},
            "annotations": {REVISION: revision},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner}]}}))
    }

    #[test]
    fn a_deployment_has_the_hash_of_its_newest_replica_set() {
        let sets =
            [replica_set("old", "1", "u"), replica_set("other", "2", "v"), replica_set("new", "2", "u")];
        let found = deployment(&web(2, "2"), sets.iter());
        assert_eq!(found, Some(Revision::Label { key: TEMPLATE, value: "new".to_owned() }));
        assert_eq!(deployment(&web(3, "2"), sets.iter()), None, "it has not seen generation 3");
        assert_eq!(deployment(&web(2, "3"), sets.iter()), None, "its ReplicaSet is not told of yet");
    }

    #[test]
    fn a_stateful_set_names_its_newest_revision() {
        let with = |generation: i64| {
            let object = json!({"metadata": {"name": "db", "generation": generation},
                "status": {"observedGeneration": 2, "replicas": 1, "updateRevision": "db-2"}});
            stateful_set(&from(object))
        };
        assert_eq!(with(2), Some(Revision::Label { key: CONTROLLER, value: "db-2".to_owned() }));
        assert_eq!(with(3), None);
    }

    #[test]
    fn a_daemon_set_has_the_revision_of_its_youngest_pod_once_it_made_one() {
        let pod = |hash: &str, time: &str| {
            from::<Pod>(json!({"metadata": {"name": hash, "labels": {CONTROLLER: hash},
                "creationTimestamp": time, "ownerReferences":
                    [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "cni", "uid": "u"}]}}))
        };
        let pods = [pod("old", "2026-01-01T09:00:00Z"), pod("new", "2026-01-01T10:00:00Z")];
        let with = |made: i32| {
            let set = from(json!({"metadata": {"name": "cni", "uid": "u", "generation": 2}, "status": {
                "observedGeneration": 2, "updatedNumberScheduled": made, "currentNumberScheduled": 1,
                "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1}}));
            daemon_set(&set, pods.iter())
        };
        assert_eq!(with(0), None);
        let new = with(1).unwrap();
        assert_eq!((new.holds(&pods[0]), new.holds(&pods[1])), (false, true));
    }
}
