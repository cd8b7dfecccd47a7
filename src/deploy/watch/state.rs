//! The state of the rollouts that are waited for, and what follows from it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::stream::{BoxStream, SelectAll, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::core::{DynamicObject, SelectorExt as _};
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::revision::Revision;
use super::workload::{self, Progress, Target, Workload};
use crate::diagnose::{Cause, dns_cause, is_ready, moment, phase, pod_cause};

/// An item for each change in the cluster, or the error of a watch.
pub(super) type Changes = SelectAll<BoxStream<'static, Result<(), String>>>;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Waiting,
    Ready,
    /// A pod is in a state from which it does not recover.
    Permanent(Cause),
    /// A controller gave up, with its message.
    Failed(String),
}

/// The objects of a namespace, kept up to date by watches.
struct Objects {
    pods: Store<Pod>,
    events: Store<Event>,
    replica_sets: Store<ReplicaSet>,
    policies: Store<NetworkPolicy>,
    workloads: BTreeMap<Workload, Store<DynamicObject>>,
}

impl Objects {
    fn loaded(&self) -> bool {
        let pods = self.pods.wait_until_ready().now_or_never();
        pods.is_some() && self.events.wait_until_ready().now_or_never().is_some()
    }
}

pub(super) struct Rollouts {
    targets: Vec<Target>,
    namespaces: BTreeMap<String, Objects>,
    /// Since when a pod (by uid) has had a cause (by code).
    since: HashMap<(String, &'static str), Instant>,
    /// The last line that was reported of each pod.
    reported: HashMap<String, String>,
    /// The last error of a watch, until a watch works again.
    pub error: Option<String>,
}

impl Rollouts {
    /// Begins to watch `targets`.
    pub(super) fn watch(client: &Client, targets: Vec<Target>) -> (Self, Changes) {
        let mut changes = SelectAll::new();
        let mut namespaces: BTreeMap<String, Objects> = BTreeMap::new();
        for Target { workload, namespace, .. } in &targets {
            let objects = namespaces.entry(namespace.clone()).or_insert_with(|| Objects {
                pods: store(&mut changes, Api::namespaced(client.clone(), namespace), Writer::default()),
                events: store(&mut changes, Api::namespaced(client.clone(), namespace), Writer::default()),
                replica_sets: store(
                    &mut changes,
                    Api::namespaced(client.clone(), namespace),
                    Writer::default(),
                ),
                policies: store(&mut changes, Api::namespaced(client.clone(), namespace), Writer::default()),
                workloads: BTreeMap::new(),
            });
            objects.workloads.entry(*workload).or_insert_with(|| {
                let resource = workload.resource();
                let api = Api::namespaced_with(client.clone(), namespace, &resource);
                store(&mut changes, api, Writer::new(resource))
            });
        }
        (Self::new(targets, namespaces), changes)
    }

    fn new(targets: Vec<Target>, namespaces: BTreeMap<String, Objects>) -> Self {
        Self { targets, namespaces, since: HashMap::new(), reported: HashMap::new(), error: None }
    }

    pub(super) fn verdict(&mut self, now: Instant, clock: Timestamp) -> Verdict {
        if !self.namespaces.values().all(Objects::loaded) {
            return Verdict::Waiting;
        }
        let mut ready = true;
        for target in &self.targets {
            match self.progress(target) {
                Progress::Ready(_) => {}
                Progress::Waiting(_) => ready = false,
                Progress::Failed(why) => return Verdict::Failed(format!("{target} failed: {why}")),
            }
        }
        if ready && self.pods().iter().all(|pod| workload::stable(pod, clock)) {
            // The checks that follow must not reach a replaced pod, which an ingress controller still uses for a moment.
            return if self.ending(clock) { Verdict::Waiting } else { Verdict::Ready };
        }
        self.permanent(now).map_or(Verdict::Waiting, Verdict::Permanent)
    }

    /// The numbers of ready targets and of all targets.
    pub(super) fn count(&self) -> (u64, u64) {
        let total = self.targets.len();
        ((total - self.unready().count()) as u64, total as u64)
    }

    /// A line for each pod whose state has changed since the last call.
    pub(super) fn news(&mut self) -> Vec<String> {
        let states: BTreeMap<String, String> =
            self.pods().iter().map(|pod| (pod.name_any(), self.state(pod))).collect();
        let changed = states.iter().filter(|(name, state)| self.reported.get(*name) != Some(*state));
        let lines = changed.map(|(name, state)| format!("{name}: {state}")).collect();
        self.reported = states.into_iter().collect();
        lines
    }

    /// What keeps a pod from resolving names is told at once: many programs fail late without them.
    fn state(&self, pod: &Pod) -> String {
        let policies: Vec<NetworkPolicy> = match self.namespaces.get(&pod.namespace().unwrap_or_default()) {
            Some(objects) if !is_ready(pod) => {
                objects.policies.state().into_iter().map(Arc::unwrap_or_clone).collect()
            }
            _ => Vec::new(),
        };
        match dns_cause(pod, &policies) {
            Some(cause) => format!("{}; {} ({})", phase(pod), cause.what, cause.code),
            None => phase(pod),
        }
    }

    /// Where to look for the cause: namespace and label selector of the first unready target.
    pub(super) fn first_unready(&self) -> Option<(String, String)> {
        let target = self.unready().next()?;
        let selector = self.object(target).and_then(|object| workload::selector(&object));
        Some((target.namespace.clone(), selector.map(|selector| selector.to_string()).unwrap_or_default()))
    }

    /// The headline at the deadline.
    pub(super) fn late(&self) -> String {
        if let Some(error) = &self.error {
            return format!("the cluster cannot be watched: {error}");
        }
        let waiting: Vec<String> = self.unready().map(ToString::to_string).collect();
        format!("not ready in time: {}", waiting.join(", "))
    }

    fn unready(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| !matches!(self.progress(target), Progress::Ready(_)))
    }

    fn object(&self, target: &Target) -> Option<Arc<DynamicObject>> {
        let objects = self.namespaces.get(&target.namespace)?.workloads.get(&target.workload)?;
        objects.find(|object| object.metadata.name.as_ref() == Some(&target.name))
    }

    fn progress(&self, target: &Target) -> Progress {
        match self.object(target) {
            Some(object) => workload::progress(target.workload, &object),
            None => Progress::Waiting("it does not exist".to_owned()),
        }
    }

    /// The pods of every target's newest template. Broken pods of the last rollout exist for a while
    /// longer, and for a moment there are no others: those are ignored.
    fn pods(&self) -> Vec<Arc<Pod>> {
        let mut pods = Vec::new();
        for target in &self.targets {
            let (Some(objects), Some(object)) = (self.namespaces.get(&target.namespace), self.object(target))
            else {
                continue;
            };
            let (sets, all) = (objects.replica_sets.state(), objects.pods.state());
            let (Some(selector), Some(revision)) =
                (workload::selector(&object), Revision::of(target.workload, &object, &sets, &all))
            else {
                continue;
            };
            let current = |pod: &Arc<Pod>| {
                pod.metadata.deletion_timestamp.is_none()
                    && selector.matches(pod.labels())
                    && revision.holds(pod)
            };
            pods.extend(all.into_iter().filter(current));
        }
        pods
    }

    /// Whether a pod of a target is still ending. One that takes longer than its grace period, such as on a lost
    /// node, does not count.
    fn ending(&self, clock: Timestamp) -> bool {
        self.targets.iter().any(|target| {
            let (Some(objects), Some(object)) = (self.namespaces.get(&target.namespace), self.object(target))
            else {
                return false;
            };
            let Some(selector) = workload::selector(&object) else { return false };
            let until = |pod: &Pod| pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
            let ends = |pod: &Arc<Pod>| until(pod).is_some_and(|until| clock < until);
            objects.pods.state().iter().any(|pod| ends(pod) && selector.matches(pod.labels()))
        })
    }

    fn permanent(&mut self, now: Instant) -> Option<Cause> {
        let mut found = BTreeMap::new();
        for pod in self.pods() {
            let objects = self.namespaces.get(&pod.namespace().unwrap_or_default());
            let mut events: Vec<Event> = objects
                .map(|objects| objects.events.state())
                .into_iter()
                .flatten()
                .map(Arc::unwrap_or_clone)
                .collect();
            events.sort_by_key(moment);
            if let Some(cause) = pod_cause(&pod, &events) {
                found.insert((pod.uid().unwrap_or_default(), cause.code), cause);
            }
        }
        self.since.retain(|key, _| found.contains_key(key));
        found.into_iter().find_map(|(key, cause)| {
            let since = *self.since.entry(key).or_insert(now);
            cause.permanent(now.saturating_duration_since(since)).then_some(cause)
        })
    }
}

/// Begins to watch the objects of `api`.
fn store<K>(changes: &mut Changes, api: Api<K>, writer: Writer<K>) -> Store<K>
where
    K: kube::Resource + reflector::Lookup<DynamicType = <K as kube::Resource>::DynamicType>,
    K: Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    <K as kube::Resource>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let store = writer.as_reader();
    let stored = reflector(writer, watcher(api, watcher::Config::default()).default_backoff());
    changes.push(stored.map(|event| event.map(drop).map_err(|error| error.to_string())).boxed());
    store
}

#[cfg(test)]
mod tests;
