//! When a workload is ready: pure functions over its status.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::core::DynamicObject;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
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
        let workload = match object.types.as_ref()?.kind.as_str() {
            "Deployment" => Workload::Deployment,
            "StatefulSet" => Workload::StatefulSet,
            "DaemonSet" => Workload::DaemonSet,
            "Job" => Workload::Job,
            _ => return None,
        };
        let own = object.metadata.namespace.as_deref();
        let namespace = own.or(namespace).unwrap_or("default").to_owned();
        Some(Self { workload, namespace, name: object.name_any() })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}/{}", self.workload, self.namespace, self.name)
    }
}

/// How far a workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Ready,
    Waiting,
    /// The controller itself gave up.
    Failed(String),
}

fn of(ready: bool) -> Progress {
    if ready { Progress::Ready } else { Progress::Waiting }
}

pub(super) fn deployment(object: &Deployment) -> Progress {
    let Some(status) = &object.status else { return Progress::Waiting };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let seen = status.observed_generation >= object.metadata.generation;
    let gave_up = conditions.iter().find(|c| c.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    if let Some(condition) = gave_up.filter(|_| seen) {
        return Progress::Failed(condition.message.clone().unwrap_or_default());
    }
    let wanted = object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let count = |number: Option<i32>| number.unwrap_or_default();
    of(seen
        && count(status.updated_replicas) >= wanted
        && count(status.replicas) == count(status.updated_replicas)
        && count(status.available_replicas) >= wanted)
}

pub(super) fn stateful_set(object: &StatefulSet) -> Progress {
    let Some(status) = &object.status else { return Progress::Waiting };
    let wanted = object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let same = status.update_revision.is_none() || status.current_revision == status.update_revision;
    of(status.observed_generation >= object.metadata.generation
        && status.ready_replicas.unwrap_or_default() >= wanted
        && same)
}

pub(super) fn daemon_set(object: &DaemonSet) -> Progress {
    let Some(status) = &object.status else { return Progress::Waiting };
    let wanted = status.desired_number_scheduled;
    of(status.observed_generation >= object.metadata.generation
        && status.updated_number_scheduled.unwrap_or_default() >= wanted
        && status.number_available.unwrap_or_default() >= wanted
        // A node that is not there yet is no reason to be content.
        && wanted > 0)
}

pub(super) fn job(object: &Job) -> Progress {
    let conditions = object.status.as_ref().and_then(|status| status.conditions.as_deref());
    for condition in conditions.unwrap_or_default().iter().filter(|condition| condition.status == "True") {
        match condition.type_.as_str() {
            "Complete" => return Progress::Ready,
            "Failed" => return Progress::Failed(condition.message.clone().unwrap_or_default()),
            _ => {}
        }
    }
    Progress::Waiting
}

/// How long a container without a readiness probe must run before it counts: Kubernetes takes it
/// for ready the moment it starts, even one that ends at once, again and again.
const STEADY: i64 = 3;
/// The same for one that has ended before.
const STEADY_AGAIN: i64 = 15;

/// Whether no container of the pod is taken for ready only because nobody asks it.
pub(super) fn steady(pod: &Pod, clock: Timestamp) -> bool {
    let Some(spec) = &pod.spec else { return true };
    if spec.restart_policy.as_deref().is_some_and(|policy| policy != "Always") {
        return true;
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    let probed = |name: &str| spec.containers.iter().any(|c| c.name == name && c.readiness_probe.is_some());
    statuses.unwrap_or_default().iter().filter(|status| !probed(&status.name)).all(|status| {
        let running = status.state.as_ref().and_then(|state| state.running.as_ref());
        let started = running.and_then(|running| running.started_at.as_ref());
        let least = if status.restart_count > 0 { STEADY_AGAIN } else { STEADY };
        started.is_some_and(|time| clock.as_second() - time.0.as_second() >= least)
    })
}

/// `a=b,c=d`; expressions are left out, which picks more pods rather than fewer.
pub(super) fn labels(selector: Option<&LabelSelector>) -> BTreeMap<String, String> {
    selector.and_then(|selector| selector.match_labels.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_deployment_is_ready_when_only_new_pods_are_and_all_serve() {
        let with = |status: serde_json::Value| {
            let whole = serde_json::json!({"metadata": {"name": "d", "generation": 2},
                "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status});
            deployment(&from(whole))
        };
        let fine = serde_json::json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(with(fine.clone()), Progress::Ready);
        for (key, value) in [("observedGeneration", 1), ("replicas", 3), ("availableReplicas", 1)] {
            let mut status = fine.clone();
            status[key] = value.into();
            assert_eq!(with(status), Progress::Waiting, "{key}");
        }
        let mut late = fine;
        late["conditions"] = serde_json::json!([{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "late"}]);
        assert_eq!(with(late), Progress::Failed("late".to_owned()));
    }

    #[test]
    fn a_daemon_set_needs_a_node() {
        let with = |wanted: i32| {
            daemon_set(&from(serde_json::json!({"metadata": {"name": "d", "generation": 1}, "status": {
                "observedGeneration": 1, "desiredNumberScheduled": wanted, "updatedNumberScheduled": wanted,
                "numberAvailable": wanted, "currentNumberScheduled": wanted, "numberMisscheduled": 0, "numberReady": wanted}})))
        };
        assert_eq!((with(0), with(1)), (Progress::Waiting, Progress::Ready));
    }

    #[test]
    fn a_container_that_nobody_asks_must_run_for_a_while() {
        let clock = "2026-01-01T10:00:10Z".parse().unwrap();
        let pod = |started: &str, restarts: i32, probe: serde_json::Value| {
            from::<Pod>(serde_json::json!({"metadata": {"name": "p"},
                "spec": {"restartPolicy": "Always", "containers": [{"name": "c", "readinessProbe": probe}]},
                "status": {"containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true,
                    "restartCount": restarts, "state": {"running": {"startedAt": started}}}]}}))
        };
        let none = serde_json::Value::Null;
        assert!(!steady(&pod("2026-01-01T10:00:09Z", 0, none.clone()), clock));
        assert!(steady(&pod("2026-01-01T10:00:07Z", 0, none.clone()), clock));
        assert!(!steady(&pod("2026-01-01T10:00:00Z", 1, none), clock));
        assert!(steady(&pod("2026-01-01T10:00:09Z", 1, serde_json::json!({"periodSeconds": 1})), clock));
    }

    #[test]
    fn a_job_ends_either_way() {
        let with = |kind: &str| {
            job(&from(serde_json::json!({"metadata": {"name": "j"}, "status": {"conditions": [
                {"type": kind, "status": "True", "message": "m"}]}})))
        };
        assert_eq!(with("Complete"), Progress::Ready);
        assert_eq!(with("Failed"), Progress::Failed("m".to_owned()));
        assert_eq!(with("SuccessCriteriaMet"), Progress::Waiting);
    }
}
