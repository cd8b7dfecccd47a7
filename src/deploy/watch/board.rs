//! What is known of the workloads that are waited for, and what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event as Happening, Pod};
use kube::ResourceExt as _;
use kube::runtime::watcher::Event;

use super::ready::{self, Progress, Target, Workload};
use super::revision::{self, Revision};
use super::store::Store;
use crate::diagnose::{Cause, moment, phase, pod_cause};

/// One thing that a watch told; the text is the namespace.
pub(super) enum Seen {
    Pod(String, Event<Pod>),
    Event(String, Event<Happening>),
    Deployment(String, Event<Deployment>),
    ReplicaSet(String, Event<ReplicaSet>),
    StatefulSet(String, Event<StatefulSet>),
    DaemonSet(String, Event<DaemonSet>),
    Job(String, Event<Job>),
    Broken(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Waiting,
    Ready,
    /// A pod is in a state that does not heal.
    Hopeless(Cause),
    /// A controller gave up; its words.
    Failed(String),
}

#[derive(Default)]
struct Space {
    pods: Store<Pod>,
    events: Store<Happening>,
    deployments: Store<Deployment>,
    replica_sets: Store<ReplicaSet>,
    stateful_sets: Store<StatefulSet>,
    daemon_sets: Store<DaemonSet>,
    jobs: Store<Job>,
}

impl Space {
    /// Which pods of a target are made as it stands now.
    fn revision(&self, target: &Target) -> Revision {
        let name = target.name.as_str();
        match target.workload {
            Workload::Deployment => {
                self.deployments.get(name).and_then(|d| revision::deployment(d, self.replica_sets.values()))
            }
            Workload::StatefulSet => self.stateful_sets.get(name).and_then(revision::stateful_set),
            Workload::DaemonSet => {
                let pods = self.pods.values();
                self.daemon_sets.get(name).and_then(|set| revision::daemon_set(set, pods))
            }
            Workload::Job => Some(Revision::Any),
        }
        .unwrap_or(Revision::None)
    }
}

pub(super) struct Board {
    targets: Vec<Target>,
    spaces: BTreeMap<String, Space>,
    /// Since when a pod (by uid) has had a cause (by code).
    since: HashMap<(String, &'static str), Instant>,
    /// What was last said of each pod.
    said: HashMap<String, String>,
    broken: Option<String>,
}

impl Board {
    pub(super) fn new(targets: Vec<Target>) -> Self {
        let spaces = targets.iter().map(|t| (t.namespace.clone(), Space::default())).collect();
        Self { targets, spaces, since: HashMap::new(), said: HashMap::new(), broken: None }
    }

    pub(super) fn take(&mut self, seen: Seen) {
        self.broken = None;
        let spaces = &mut self.spaces;
        match seen {
            Seen::Pod(namespace, event) => spaces.entry(namespace).or_default().pods.take(event),
            Seen::Event(namespace, event) => spaces.entry(namespace).or_default().events.take(event),
            Seen::Deployment(namespace, event) => {
                spaces.entry(namespace).or_default().deployments.take(event);
            }
            Seen::ReplicaSet(namespace, event) => {
                spaces.entry(namespace).or_default().replica_sets.take(event);
            }
            Seen::StatefulSet(namespace, event) => {
                spaces.entry(namespace).or_default().stateful_sets.take(event);
            }
            Seen::DaemonSet(namespace, event) => spaces.entry(namespace).or_default().daemon_sets.take(event),
            Seen::Job(namespace, event) => spaces.entry(namespace).or_default().jobs.take(event),
            Seen::Broken(error) => self.broken = Some(error),
        }
    }

    pub(super) fn verdict(&mut self, now: Instant, clock: Timestamp) -> Verdict {
        let loaded = |space: &Space| space.pods.loaded() && space.events.loaded();
        if !self.spaces.values().all(loaded) {
            return Verdict::Waiting;
        }
        let mut ready = true;
        for target in &self.targets {
            match self.progress(target) {
                Progress::Ready => {}
                Progress::Waiting => ready = false,
                Progress::Failed(why) => return Verdict::Failed(format!("{target} failed: {why}")),
            }
        }
        if ready && self.pods().into_iter().all(|pod| ready::steady(pod, clock)) {
            return Verdict::Ready;
        }
        self.hopeless(now).map_or(Verdict::Waiting, Verdict::Hopeless)
    }

    /// Targets that are ready, and all of them.
    pub(super) fn count(&self) -> (u64, u64) {
        let ready = self.targets.iter().filter(|target| self.progress(target) == Progress::Ready).count();
        (ready as u64, self.targets.len() as u64)
    }

    /// A line for each pod that changed since the last call.
    pub(super) fn news(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut live = BTreeSet::new();
        for pod in self.pods() {
            let name = pod.name_any();
            let line = phase(pod);
            live.insert(name.clone());
            if self.said.get(&name) != Some(&line) {
                lines.push((name, line));
            }
        }
        self.said.retain(|name, _| live.contains(name));
        self.said.extend(lines.iter().cloned());
        lines.into_iter().map(|(name, line)| format!("{name}: {line}")).collect()
    }

    /// Where to look for the cause: namespace and label selector of the first unready target.
    pub(super) fn unready(&self) -> Option<(String, String)> {
        let target = self.targets.iter().find(|target| self.progress(target) != Progress::Ready)?;
        let labels = self.selector(target);
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Some((target.namespace.clone(), selector.join(",")))
    }

    /// What is not ready, for the headline when time is up.
    pub(super) fn late(&self) -> String {
        let waiting: Vec<String> = self
            .targets
            .iter()
            .filter(|target| self.progress(target) != Progress::Ready)
            .map(ToString::to_string)
            .collect();
        match &self.broken {
            Some(error) => format!("the cluster cannot be watched: {error}"),
            None => format!("not ready in time: {}", waiting.join(", ")),
        }
    }

    fn progress(&self, target: &Target) -> Progress {
        let Some(space) = self.spaces.get(&target.namespace) else { return Progress::Waiting };
        let name = target.name.as_str();
        let progress = match target.workload {
            Workload::Deployment => space.deployments.get(name).map(ready::deployment),
            Workload::StatefulSet => space.stateful_sets.get(name).map(ready::stateful_set),
            Workload::DaemonSet => space.daemon_sets.get(name).map(ready::daemon_set),
            Workload::Job => space.jobs.get(name).map(ready::job),
        };
        progress.unwrap_or(Progress::Waiting)
    }

    fn selector(&self, target: &Target) -> BTreeMap<String, String> {
        let Some(space) = self.spaces.get(&target.namespace) else { return BTreeMap::new() };
        let name = target.name.as_str();
        let spec = match target.workload {
            Workload::Deployment => {
                space.deployments.get(name).and_then(|d| d.spec.as_ref()).map(|spec| &spec.selector)
            }
            Workload::StatefulSet => {
                space.stateful_sets.get(name).and_then(|s| s.spec.as_ref()).map(|spec| &spec.selector)
            }
            Workload::DaemonSet => {
                space.daemon_sets.get(name).and_then(|d| d.spec.as_ref()).map(|spec| &spec.selector)
            }
            Workload::Job => {
                space.jobs.get(name).and_then(|j| j.spec.as_ref()).and_then(|spec| spec.selector.as_ref())
            }
        };
        ready::labels(spec)
    }

    /// The pods of every target that are made as it stands now. A rollout leaves broken pods of the
    /// last one behind for a while, and for a moment there are no others: those are not looked at.
    fn pods(&self) -> Vec<&Pod> {
        let mut pods = Vec::new();
        for target in &self.targets {
            let selector = self.selector(target);
            let Some(space) = self.spaces.get(&target.namespace) else { continue };
            if selector.is_empty() {
                continue;
            }
            let matches = |pod: &&Pod| {
                let labels = pod.labels();
                pod.metadata.deletion_timestamp.is_none()
                    && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            };
            let current = space.revision(target);
            let all = space.pods.values().filter(matches);
            pods.extend(all.filter(|pod| current.holds(pod)));
        }
        pods
    }

    fn hopeless(&mut self, now: Instant) -> Option<Cause> {
        let mut found = Vec::new();
        for pod in self.pods() {
            let space = self.spaces.get(&pod.namespace().unwrap_or_default());
            let mut events: Vec<Happening> =
                space.map(|space| space.events.values().cloned().collect()).unwrap_or_default();
            events.sort_by_key(moment);
            if let Some(cause) = pod_cause(pod, &events) {
                found.push(((pod.uid().unwrap_or_default(), cause.code), cause));
            }
        }
        let current: BTreeSet<(String, &str)> = found.iter().map(|(key, _)| key.clone()).collect();
        self.since.retain(|key, _| current.contains(key));
        found.into_iter().find_map(|(key, cause)| {
            let since = *self.since.entry(key).or_insert(now);
            cause.hopeless(now.saturating_duration_since(since)).then_some(cause)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn clock() -> Timestamp {
        "2026-01-01T11:00:00Z".parse().unwrap()
    }

    fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    fn recorded(json: &str) -> Pod {
        let mut both: serde_json::Value = serde_json::from_str(json).unwrap();
        from(both["pod"].take())
    }

    fn list<K>(wrap: fn(String, Event<K>) -> Seen, objects: Vec<K>, board: &mut Board) {
        board.take(wrap("shop".to_owned(), Event::Init));
        for object in objects {
            board.take(wrap("shop".to_owned(), Event::InitApply(object)));
        }
        board.take(wrap("shop".to_owned(), Event::InitDone));
    }

    fn replica_set(hash: &str, revision: &str) -> ReplicaSet {
        from(serde_json::json!({"metadata": {"name": hash, "labels": {"pod-template-hash": hash},
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u"}]}}))
    }

    fn board(available: i32, pod: Pod) -> Board {
        let target =
            Target { workload: Workload::Deployment, namespace: "shop".to_owned(), name: "web".to_owned() };
        let mut board = Board::new(vec![target]);
        let deployment = from(
            serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "generation": 1, "uid": "u",
                "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available}}),
        );
        list(Seen::Deployment, vec![deployment], &mut board);
        list(Seen::ReplicaSet, vec![replica_set("5d9c", "2")], &mut board);
        list(Seen::Pod, vec![pod], &mut board);
        list(Seen::Event, vec![], &mut board);
        board
    }

    #[test]
    fn ready_when_the_workload_is() {
        let mut board = board(1, recorded(include_str!("../../diagnose/recorded/ready.json")));
        assert_eq!(board.verdict(Instant::now(), clock()), Verdict::Ready);
        assert_eq!(board.verdict(Instant::now(), "2026-01-01T10:00:01Z".parse().unwrap()), Verdict::Waiting);
        assert_eq!(board.news(), ["web-5d9c-abcde: ready"]);
        assert!(board.news().is_empty());
    }

    #[test]
    fn a_missing_image_is_given_a_moment_only() {
        let mut board = board(0, recorded(include_str!("../../diagnose/recorded/image-never-pull.json")));
        let start = Instant::now();
        assert_eq!(board.verdict(start, clock()), Verdict::Waiting);
        let Verdict::Hopeless(cause) = board.verdict(start + Duration::from_secs(11), clock()) else {
            panic!("still waiting")
        };
        assert_eq!(cause.code, "image-missing");
        assert_eq!(board.unready(), Some(("shop".to_owned(), "app=web".to_owned())));
        assert_eq!(board.late(), "not ready in time: Deployment shop/web");
    }

    #[test]
    fn patience_starts_anew_when_the_cause_goes() {
        let broken = recorded(include_str!("../../diagnose/recorded/image-never-pull.json"));
        let mut fine = recorded(include_str!("../../diagnose/recorded/probe-failing.json"));
        fine.metadata.name.clone_from(&broken.metadata.name);
        let mut board = board(0, broken.clone());
        let start = Instant::now();
        board.verdict(start, clock());
        board.take(Seen::Pod("shop".to_owned(), Event::Apply(fine)));
        board.verdict(start + Duration::from_secs(5), clock());
        board.take(Seen::Pod("shop".to_owned(), Event::Apply(broken)));
        board.verdict(start + Duration::from_secs(6), clock());
        assert_eq!(board.verdict(start + Duration::from_secs(12), clock()), Verdict::Waiting);
    }

    #[test]
    fn pods_of_the_last_rollout_are_not_blamed() {
        let old = recorded(include_str!("../../diagnose/recorded/crash-loop.json"));
        let blamed = |newest: &str| {
            let mut board = board(0, old.clone());
            list(Seen::ReplicaSet, vec![replica_set("5d9c", "1"), replica_set(newest, "2")], &mut board);
            board.verdict(Instant::now(), clock()) != Verdict::Waiting
        };
        assert!(blamed("5d9c"));
        assert!(!blamed("6e8a"), "the new ReplicaSet has no pod yet");
        let mut board = board(0, old.clone());
        let newer = serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "generation": 2,
            "uid": "u", "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}});
        board.take(Seen::Deployment("shop".to_owned(), Event::Apply(from(newer))));
        assert_eq!(
            board.verdict(Instant::now(), clock()),
            Verdict::Waiting,
            "its controller has not seen the change"
        );
    }
}
