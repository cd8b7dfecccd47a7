//! How far the rollout of a workload is: pure functions over its status.

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, Selector};
use kube::{Api, Client, ResourceExt as _};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
}

impl Workload {
    pub fn parse(kind: &str) -> Option<Self> {
        let all = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Job];
        all.into_iter().find(|workload| format!("{workload:?}") == kind)
    }

    pub fn resource(self) -> ApiResource {
        match self {
            Self::Deployment => ApiResource::erase::<Deployment>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
            Self::Job => ApiResource::erase::<Job>(&()),
        }
    }
}

/// A workload that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub workload: Workload,
    pub namespace: String,
    pub name: String,
}

impl Target {
    /// `None` for objects that have no readiness of their own.
    pub fn of(object: &DynamicObject, namespace: Option<&str>) -> Option<Self> {
        let workload = Workload::parse(&object.types.as_ref()?.kind)?;
        let own = object.metadata.namespace.as_deref();
        let namespace = own.or(namespace).unwrap_or("default").to_owned();
        Some(Self { workload, namespace, name: object.name_any() })
    }

    pub fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), &self.namespace, &self.workload.resource())
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}/{}", self.workload, self.namespace, self.name)
    }
}

/// The workloads in `namespace` whose pods keep running.
pub async fn workloads(
    client: &Client,
    namespace: &str,
) -> Result<Vec<(Workload, DynamicObject)>, kube::Error> {
    let list = |workload: Workload| async move {
        let api = Api::namespaced_with(client.clone(), namespace, &workload.resource());
        let list = api.list(&ListParams::default()).await?;
        Ok::<_, kube::Error>(list.items.into_iter().map(move |object| (workload, object)))
    };
    let kinds = [Workload::Deployment, Workload::StatefulSet, Workload::DaemonSet];
    Ok(try_join_all(kinds.map(list)).await?.into_iter().flatten().collect())
}

/// How far a workload is, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Ready(String),
    Waiting(String),
    /// The controller gave up.
    Failed(String),
}

/// The progress of a workload, from its object in the cluster.
pub fn progress(workload: Workload, object: &DynamicObject) -> Progress {
    let status = &object.data["status"];
    let count = |key: &str| status[key].as_i64().unwrap_or_default();
    let condition = |key: &str, value: &str| {
        let conditions = status["conditions"].as_array()?;
        conditions.iter().find(|condition| condition[key] == value)
    };
    let message =
        |condition: &serde_json::Value| condition["message"].as_str().unwrap_or_default().to_owned();
    let replicas = object.data["spec"]["replicas"].as_i64().unwrap_or(1);
    // The pods that there should be, those of the newest template, those that work, and all of them.
    let (wanted, updated, ready, current) = match workload {
        Workload::Deployment => {
            (replicas, count("updatedReplicas"), count("availableReplicas"), count("replicas"))
        }
        Workload::StatefulSet => {
            let (old, new) = (&status["currentRevision"], &status["updateRevision"]);
            // If both revisions are the same, `updatedReplicas` may be 0.
            let same = new.is_null() || old == new;
            let updated = count(if same { "replicas" } else { "updatedReplicas" });
            (replicas, updated, count("readyReplicas"), count("replicas"))
        }
        Workload::DaemonSet => {
            let wanted = count("desiredNumberScheduled");
            (wanted, count("updatedNumberScheduled"), count("numberAvailable"), wanted)
        }
        Workload::Job => {
            let of = |kind: &str| condition("type", kind).filter(|condition| condition["status"] == "True");
            return match (of("Complete"), of("Failed")) {
                (Some(_), _) => Progress::Ready("complete".to_owned()),
                (None, Some(failed)) => Progress::Failed(message(failed)),
                (None, None) => Progress::Waiting("not complete".to_owned()),
            };
        }
    };
    let (generation, observed) =
        (object.metadata.generation.unwrap_or_default(), count("observedGeneration"));
    if observed < generation {
        return Progress::Waiting(format!(
            "its controller has not seen generation {generation} yet (last: {observed})"
        ));
    }
    if let Some(failed) = condition("reason", "ProgressDeadlineExceeded") {
        return Progress::Failed(message(failed));
    }
    // A DaemonSet before the first node has joined.
    if workload == Workload::DaemonSet && wanted == 0 {
        return Progress::Waiting("no node for its pods".to_owned());
    }
    if updated >= wanted && ready >= wanted && current <= wanted {
        return Progress::Ready(format!("{ready} of {wanted} ready"));
    }
    let old = current.saturating_sub(updated);
    let old = if old > 0 { format!(", {old} of an older version") } else { String::new() };
    Progress::Waiting(format!("{ready} of {wanted} ready, {updated} up to date{old}"))
}

/// The selector of a workload's pods; `None` if it selects all or cannot be read.
pub(super) fn selector(object: &DynamicObject) -> Option<Selector> {
    let selector: LabelSelector = serde_json::from_value(object.data["spec"]["selector"].clone()).ok()?;
    Selector::try_from(selector).ok().filter(|selector| !selector.selects_all())
}

/// How many seconds a container without a readiness probe must run before it counts as ready.
/// Kubernetes counts it from its start, even one that ends at once, again and again.
const STABLE: i64 = 3;
/// The same for a container that has ended before.
const STABLE_AFTER_RESTART: i64 = 15;

/// Whether every container of the pod without a readiness probe has run for a while.
pub(super) fn stable(pod: &Pod, clock: Timestamp) -> bool {
    let Some(spec) = &pod.spec else { return true };
    if spec.restart_policy.as_deref().is_some_and(|policy| policy != "Always") {
        return true;
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    let probed = |name: &str| spec.containers.iter().any(|c| c.name == name && c.readiness_probe.is_some());
    statuses.unwrap_or_default().iter().filter(|status| !probed(&status.name)).all(|status| {
        let running = status.state.as_ref().and_then(|state| state.running.as_ref());
        let started = running.and_then(|running| running.started_at.as_ref());
        let least = if status.restart_count > 0 { STABLE_AFTER_RESTART } else { STABLE };
        started.is_some_and(|time| clock.as_second() - time.0.as_second() >= least)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kubernetes::testing::from_json as from;

    fn of(workload: Workload, status: &Value) -> Progress {
        let object = json!({"metadata": {"name": "d", "generation": 2},
            "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status});
        progress(workload, &from(object))
    }

    fn waiting(progress: Progress) -> String {
        match progress {
            Progress::Waiting(detail) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deployment_is_ready_when_only_new_pods_exist_and_all_are_available() {
        let fine =
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(of(Workload::Deployment, &fine), Progress::Ready("2 of 2 ready".to_owned()));
        let with = |key: &str, value: i64| {
            let mut status = fine.clone();
            status[key] = value.into();
            waiting(of(Workload::Deployment, &status))
        };
        assert!(with("observedGeneration", 1).contains("has not seen generation 2"));
        assert_eq!(with("replicas", 3), "2 of 2 ready, 2 up to date, 1 of an older version");
        assert_eq!(with("availableReplicas", 1), "1 of 2 ready, 2 up to date");
        let mut late = fine;
        late["conditions"] = json!([{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "late"}]);
        assert_eq!(of(Workload::Deployment, &late), Progress::Failed("late".to_owned()));
        assert!(waiting(of(Workload::Deployment, &Value::Null)).contains("generation 2"));
    }

    #[test]
    fn a_stateful_set_is_ready_at_its_newest_revision() {
        let with = |new: &str, updated: i64| {
            let status = json!({"observedGeneration": 2, "replicas": 2, "readyReplicas": 2,
                "currentRevision": "a", "updateRevision": new, "updatedReplicas": updated});
            of(Workload::StatefulSet, &status)
        };
        assert!(matches!(with("a", 0), Progress::Ready(_)));
        assert_eq!(waiting(with("b", 1)), "2 of 2 ready, 1 up to date, 1 of an older version");
    }

    #[test]
    fn a_daemon_set_needs_a_node() {
        let with = |wanted: i64, available: i64| {
            let status = json!({"observedGeneration": 2, "desiredNumberScheduled": wanted,
                "updatedNumberScheduled": wanted, "numberAvailable": available});
            of(Workload::DaemonSet, &status)
        };
        assert!(matches!(with(1, 1), Progress::Ready(_)));
        assert_eq!(waiting(with(1, 0)), "0 of 1 ready, 1 up to date");
        assert!(waiting(with(0, 0)).contains("no node"));
    }

    #[test]
    fn a_job_completes_or_fails() {
        let with = |kind: &str| {
            let status = json!({"conditions": [{"type": kind, "status": "True", "message": "m"}]});
            of(Workload::Job, &status)
        };
        assert!(matches!(with("Complete"), Progress::Ready(_)));
        assert_eq!(with("Failed"), Progress::Failed("m".to_owned()));
        assert!(matches!(with("SuccessCriteriaMet"), Progress::Waiting(_)));
    }

    #[test]
    fn a_container_without_a_probe_must_run_for_a_while() {
        let clock = "2026-01-01T10:00:10Z".parse().unwrap();
        let pod = |started: &str, restarts: i32, probe: Value| {
            from::<Pod>(json!({"metadata": {"name": "p"},
                "spec": {"restartPolicy": "Always", "containers": [{"name": "c", "readinessProbe": probe}]},
                "status": {"containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true,
                    "restartCount": restarts, "state": {"running": {"startedAt": started}}}]}}))
        };
        assert!(!stable(&pod("2026-01-01T10:00:09Z", 0, Value::Null), clock));
        assert!(stable(&pod("2026-01-01T10:00:07Z", 0, Value::Null), clock));
        assert!(!stable(&pod("2026-01-01T10:00:00Z", 1, Value::Null), clock));
        assert!(stable(&pod("2026-01-01T10:00:09Z", 1, json!({"periodSeconds": 1})), clock));
    }
}
