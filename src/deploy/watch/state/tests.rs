//! The state of a Deployment with one pod, as its watches report it.

use std::time::Duration;

use kube::runtime::watcher::Event as Change;
use serde_json::json;

use super::*;
use crate::diagnose::recorded;
use crate::kubernetes::testing::from_json as from;

fn clock() -> Timestamp {
    "2026-01-01T11:00:00Z".parse().unwrap()
}

fn list<K>(writer: &mut Writer<K>, objects: Vec<K>)
where
    K: reflector::Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    writer.apply_watcher_event(&Change::Init);
    for object in objects {
        writer.apply_watcher_event(&Change::InitApply(object));
    }
    writer.apply_watcher_event(&Change::InitDone);
}

fn replica_set(hash: &str, revision: &str) -> ReplicaSet {
    from(json!({"metadata": {"name": hash, "namespace": "shop", "labels": {"pod-template-hash": hash},
        "annotations": {"deployment.kubernetes.io/revision": revision},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u"}]}}))
}

fn deployment(generation: i64, available: i32) -> DynamicObject {
    from(json!({"metadata": {"name": "web", "namespace": "shop", "generation": generation, "uid": "u",
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available}}))
}

struct Writers {
    pods: Writer<Pod>,
    events: Writer<Event>,
    replica_sets: Writer<ReplicaSet>,
    policies: Writer<NetworkPolicy>,
    deployments: Writer<DynamicObject>,
}

/// Nothing is known yet of Deployment `shop/web`.
fn unknown() -> (Rollouts, Writers) {
    let deployments = Writer::new(Workload::Deployment.resource());
    let (pods, events, replica_sets) = (Writer::default(), Writer::default(), Writer::default());
    let policies = Writer::default();
    let objects = Objects {
        pods: pods.as_reader(),
        events: events.as_reader(),
        replica_sets: replica_sets.as_reader(),
        policies: policies.as_reader(),
        workloads: [(Workload::Deployment, deployments.as_reader())].into(),
    };
    let target =
        Target { workload: Workload::Deployment, namespace: "shop".to_owned(), name: "web".to_owned() };
    let rollouts = Rollouts::new(vec![target], [("shop".to_owned(), objects)].into());
    (rollouts, Writers { pods, events, replica_sets, policies, deployments })
}

fn rollouts(available: i32, pod: Pod) -> (Rollouts, Writers) {
    let (rollouts, mut writers) = unknown();
    list(&mut writers.deployments, vec![deployment(1, available)]);
    list(&mut writers.replica_sets, vec![replica_set("5d9c", "2")]);
    list(&mut writers.pods, vec![pod]);
    list(&mut writers.events, vec![]);
    (rollouts, writers)
}

#[test]
fn ready_when_the_workload_is() {
    let (mut state, _writers) = rollouts(1, recorded("ready").0);
    assert_eq!(state.verdict(Instant::now(), clock()), Verdict::Ready);
    assert_eq!(state.verdict(Instant::now(), "2026-01-01T10:00:01Z".parse().unwrap()), Verdict::Waiting);
    assert_eq!(state.news(), ["web-5d9c-abcde: ready"]);
    assert!(state.news().is_empty());
}

#[test]
fn a_replaced_pod_is_awaited_until_its_grace_period_is_over() {
    let mut replaced = recorded("ready").0;
    replaced.metadata.name = Some("web-4c8b-vwxyz".to_owned());
    replaced.metadata.deletion_timestamp = Some(from(json!("2026-01-01T11:00:30Z")));
    let (mut state, mut writers) = rollouts(1, recorded("ready").0);
    list(&mut writers.pods, vec![recorded("ready").0, replaced]);
    assert_eq!(state.verdict(Instant::now(), clock()), Verdict::Waiting);
    assert_eq!(state.news(), ["web-5d9c-abcde: ready"]);
    assert_eq!(state.verdict(Instant::now(), "2026-01-01T11:00:31Z".parse().unwrap()), Verdict::Ready);
    list(&mut writers.pods, vec![recorded("ready").0]);
    assert_eq!(state.verdict(Instant::now(), clock()), Verdict::Ready);
}

#[test]
fn blocked_dns_is_told_with_the_state_of_a_pod() {
    let mut pod = recorded("probe-failing").0;
    pod.metadata.namespace = Some("shop".to_owned());
    let (mut state, mut writers) = rollouts(0, pod);
    assert_eq!(state.news(), ["web-5d9c-abcde: running, not ready yet"]);
    let deny: NetworkPolicy = from(json!({"metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}));
    list(&mut writers.policies, vec![deny]);
    let news = state.news().join("\n");
    assert!(news.contains("do not allow requests to the cluster's DNS (dns-blocked)"), "{news}");
}

#[test]
fn nothing_is_decided_before_the_first_list_is_complete() {
    let (mut state, mut writers) = unknown();
    list(&mut writers.deployments, vec![deployment(1, 1)]);
    assert_eq!(state.verdict(Instant::now(), clock()), Verdict::Waiting);
    list(&mut writers.pods, vec![]);
    list(&mut writers.events, vec![]);
    assert_eq!(state.verdict(Instant::now(), clock()), Verdict::Ready);
}

#[test]
fn a_missing_image_has_a_short_grace_period() {
    let pod = recorded("image-never-pull").0;
    let (mut state, _writers) = rollouts(0, pod);
    let start = Instant::now();
    assert_eq!(state.verdict(start, clock()), Verdict::Waiting);
    let Verdict::Permanent(cause) = state.verdict(start + Duration::from_secs(11), clock()) else {
        panic!("still waiting")
    };
    assert_eq!(cause.code, "image-missing");
    assert_eq!(state.first_unready(), Some(("shop".to_owned(), "app=web".to_owned())));
    assert_eq!(state.late(), "not ready in time: Deployment shop/web");
}

#[test]
fn the_grace_period_starts_again_when_the_cause_goes() {
    let broken = recorded("image-never-pull").0;
    let mut fine = recorded("probe-failing").0;
    fine.metadata.name.clone_from(&broken.metadata.name);
    let (mut state, mut writers) = rollouts(0, broken.clone());
    let start = Instant::now();
    state.verdict(start, clock());
    writers.pods.apply_watcher_event(&Change::Apply(fine));
    state.verdict(start + Duration::from_secs(5), clock());
    writers.pods.apply_watcher_event(&Change::Apply(broken));
    state.verdict(start + Duration::from_secs(6), clock());
    assert_eq!(state.verdict(start + Duration::from_secs(12), clock()), Verdict::Waiting);
}

#[test]
fn pods_of_the_last_rollout_are_ignored() {
    let old = recorded("crash-loop").0;
    let blamed = |newest: &str| {
        let (mut state, mut writers) = rollouts(0, old.clone());
        list(&mut writers.replica_sets, vec![replica_set("5d9c", "1"), replica_set(newest, "2")]);
        state.verdict(Instant::now(), clock()) != Verdict::Waiting
    };
    assert!(blamed("5d9c"));
    assert!(!blamed("6e8a"), "the new ReplicaSet has no pod yet");
    let (mut state, mut writers) = rollouts(0, old.clone());
    let changed = Change::Apply(deployment(2, 0));
    writers.deployments.apply_watcher_event(&changed);
    let verdict = state.verdict(Instant::now(), clock());
    assert_eq!(verdict, Verdict::Waiting, "its controller has not seen the change");
}
