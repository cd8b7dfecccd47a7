//! Kind `restarts`: the pods of a namespace run, are ready, and have not crashed.
//!
//! A restart of the whole node does not count: a restarted container is ignored if its pod is older than
//! the node's current run, and if it ended before that run had stabilised. A node that is back soon stays
//! `Ready` all the time; then the containers that its runtime has lost show the restart. If a namespace
//! has Helm releases, pods that belong to none of them are ignored with a warning.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use kube::runtime::watcher;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::deploy::members;
use crate::deploy::services::owner;
use crate::diagnose;
use crate::kubernetes::error_line;

/// The namespace with pods on every node.
const SYSTEM: &str = "kube-system";
/// The annotation of objects that Helm creates at certain events only.
const HOOK: &str = "helm.sh/hook";
/// How long after a node became ready its restart still causes others, because everything starts at once.
const STABILISING: SignedDuration = SignedDuration::from_secs(120);

#[derive(Debug)]
struct Restarts {
    namespace: Option<String>,
    /// A label selector; without one, all pods.
    selector: Option<String>,
    /// How often each container may have been restarted.
    max: i32,
}

#[allow(clippy::unnecessary_wraps)] // the signature of all kinds
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let (namespace, selector) = (fields.opt_string("namespace"), fields.opt_string("selector"));
    let max = fields.opt_integer("max", 0..=1000).and_then(|max| i32::try_from(max).ok()).unwrap_or(0);
    Some(Box::new(Restarts { namespace, selector, max }))
}

impl Restarts {
    async fn read(&self, cx: &Context<'_>) -> Result<Verdict, String> {
        let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
        let pods: Api<Pod> = Api::namespaced(cx.client(), namespace);
        let nodes: Api<Node> = Api::all(cx.client());
        let system: Api<Pod> = Api::namespaced(cx.client(), SYSTEM);
        let all = ListParams::default();
        let selected = self.selector.as_ref().map_or_else(|| all.clone(), |s| all.clone().labels(s));
        let lists = tokio::try_join!(pods.list(&selected), nodes.list(&all), system.list(&all));
        let (pods, nodes, system) = lists.map_err(|error| error_line(&error))?;
        let mut pods = pods.items;
        let runs = runs(&nodes.items, &[&system.items, &pods]);
        let verdict = judge(&pods, &runs, self.max);
        if matches!(verdict, Verdict::Pass(_)) {
            return Ok(verdict);
        }
        let Some(members) = members(cx.kube, namespace).await.map_err(|error| error.one_line())? else {
            return Ok(verdict);
        };
        let jobs: Api<Job> = Api::namespaced(cx.client(), namespace);
        let jobs = jobs.list(&all).await.map_err(|error| error_line(&error))?.items;
        let mut foreign = BTreeSet::new();
        pods.retain(|pod| {
            let owner = foreign_owner(pod, &jobs, &members);
            let counts = owner.is_none() && !of_completed_job(pod, &jobs);
            foreign.extend(owner);
            counts
        });
        let verdict = judge(&pods, &runs, self.max);
        if matches!(verdict, Verdict::Pass(_)) {
            for owner in &foreign {
                cx.task.warn(format!(
                    "{owner} does not belong to the current release and was ignored; to delete it: \
                     kubectl --namespace {namespace} delete {}",
                    owner.to_ascii_lowercase()
                ));
            }
        }
        Ok(verdict)
    }
}

/// Whether the pod is an attempt of a job that has completed since.
fn of_completed_job(pod: &Pod, jobs: &[Job]) -> bool {
    let completed = |job: &&Job| {
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref());
        conditions.unwrap_or_default().iter().any(|c| c.type_ == "Complete" && c.status == "True")
    };
    let job = |name: &str| jobs.iter().filter(completed).any(|job| job.name_any() == name);
    owner(pod).is_some_and(|(kind, name)| kind == "Job" && job(&name))
}

/// The object (`Job/migrate`) above a pod that is not part of any release, such as a hook that was removed
/// from the chart. A pod of any other owner belongs to the release, or to an operator of it.
fn foreign_owner(pod: &Pod, jobs: &[Job], members: &BTreeSet<String>) -> Option<String> {
    let object = match owner(pod) {
        None => format!("Pod/{}", pod.name_any()),
        Some((kind, name)) if kind == "Job" => {
            // One with an owner belongs to a CronJob.
            let job = jobs.iter().find(|job| job.name_any() == name);
            if job.is_none_or(|job| !job.owner_references().is_empty()) {
                return None;
            }
            format!("Job/{name}")
        }
        Some(_) => return None,
    };
    (!members.contains(&object)).then_some(object)
}

impl Check for Restarts {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        self.read(cx).map(|read| read.unwrap_or_else(Verdict::NotYet)).boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        let all = watcher::Config::default();
        let config = self.selector.as_ref().map_or_else(|| all.clone(), |labels| all.clone().labels(labels));
        Some(pulse::of(Api::<Pod>::namespaced(cx.client(), &cx.namespace), config))
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # rolls the pods out again and shows their last log lines"
    }
}

/// When the current run of each node began: when it became ready, or noticed lost containers, if later.
fn runs(nodes: &[Node], pods: &[&[Pod]]) -> BTreeMap<String, Timestamp> {
    let mut runs = ready_since(nodes);
    for pod in pods.iter().copied().flatten() {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) else { continue };
        for ended in statuses(pod).filter_map(lost) {
            let run = runs.entry(node.clone()).or_insert(ended);
            *run = ended.max(*run);
        }
    }
    runs
}

/// When the runtime noticed that it had lost a container; this is how containerd reports it.
fn lost(status: &ContainerStatus) -> Option<Timestamp> {
    let last = status.last_state.as_ref()?.terminated.as_ref()?;
    let unseen = last.exit_code == 255 && last.reason.as_deref() == Some("Unknown");
    last.finished_at.as_ref().filter(|_| unseen).map(|time| time.0)
}

/// Since when each ready node has been ready.
fn ready_since(nodes: &[Node]) -> BTreeMap<String, Timestamp> {
    let since = |node: &Node| {
        let conditions = node.status.as_ref()?.conditions.as_ref()?;
        let ready = conditions.iter().find(|c| c.type_ == "Ready" && c.status == "True")?;
        Some((node.metadata.name.clone()?, ready.last_transition_time.as_ref()?.0))
    };
    nodes.iter().filter_map(since).collect()
}

fn judge(pods: &[Pod], nodes: &BTreeMap<String, Timestamp>, max: i32) -> Verdict {
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
    let mut counted = 0;
    let mut waiting = Vec::new();
    // The pods of `helm test` are a check of their own, which may run at the same time.
    let counts =
        |pod: &&Pod| pod.metadata.deletion_timestamp.is_none() && !pod.annotations().contains_key(HOOK);
    for pod in pods.iter().filter(counts) {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        // The pod of a completed job is never ready.
        if phase(pod) == "Succeeded" {
            continue;
        }
        counted += 1;
        if let Some(crash) = crashes(pod, nodes, max) {
            return Verdict::Never(format!("pod {name}: {crash}"));
        }
        if phase(pod) != "Running" {
            waiting.push(format!("pod {name} is {}", phase(pod)));
        } else if let Some(container) = statuses(pod).find(|status| !status.ready) {
            waiting.push(format!("pod {name}: container {} is not ready", container.name));
        }
    }
    if !waiting.is_empty() {
        return Verdict::NotYet(waiting.join("; "));
    }
    match counted {
        0 => Verdict::NotYet("there are no pods".to_owned()),
        1 => Verdict::Pass("1 pod runs".to_owned()),
        pods => Verdict::Pass(format!("{pods} pods run")),
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    diagnose::statuses(pod).filter(|(_, init)| !init).map(|(status, _)| status)
}

/// Describes the first container of the pod that was restarted too often.
fn crashes(pod: &Pod, nodes: &BTreeMap<String, Timestamp>, max: i32) -> Option<String> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()).and_then(|name| nodes.get(name));
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    for status in statuses(pod).filter(|status| status.restart_count > max) {
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let ended = last.and_then(|last| last.finished_at.as_ref()).map(|time| time.0);
        if let (Some(node), Some(created), Some(ended)) = (node, created, ended)
            && created < *node
            && ended <= *node + STABILISING
        {
            continue;
        }
        let why = last.map(|last| {
            let reason = last.reason.as_deref().unwrap_or("no reason given");
            format!(", last with status {} ({reason})", last.exit_code)
        });
        let (name, count) = (&status.name, status.restart_count);
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        return Some(format!("container {name} was restarted {times}{}", why.unwrap_or_default()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn pod(ready: bool, restarts: u32, ended: &str) -> Pod {
        object(&format!(
            "metadata: {{name: web-1, creationTimestamp: '2026-01-01T10:00:00Z'}}
spec: {{nodeName: node-1, containers: []}}
status:
  phase: Running
  containerStatuses:
  - name: web
    ready: {ready}
    restartCount: {restarts}
    image: web
    imageID: ''
    lastState: {{terminated: {{exitCode: 3, reason: Error, finishedAt: '{ended}'}}}}
"
        ))
    }

    fn node(ready: &str) -> Node {
        object(&format!(
            "metadata: {{name: node-1}}\nstatus: {{conditions: [{{type: Ready, status: 'True', lastTransitionTime: '{ready}'}}]}}\n"
        ))
    }

    fn nodes(ready: &str) -> BTreeMap<String, Timestamp> {
        ready_since(&[node(ready)])
    }

    const EARLY: &str = "2026-01-01T09:00:00Z";
    const NOON: &str = "2026-01-01T12:00:00Z";

    #[test]
    fn pods_must_run_be_ready_and_not_crash() {
        let pending: Pod = object("metadata: {name: a}\nstatus: {phase: Pending}\n");
        let done: Pod = object("metadata: {name: job}\nstatus: {phase: Succeeded}\n");
        let test: Pod =
            object("metadata: {name: t, annotations: {helm.sh/hook: test}}\nstatus: {phase: Pending}\n");
        let mut leaving = pod(false, 5, NOON);
        leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
        let crashed = "pod web-1: container web was restarted 2 times, last with status 3 (Error)";
        let passed = || Verdict::Pass("1 pod runs".to_owned());
        for (pods, max, verdict) in [
            (vec![pod(true, 0, NOON)], 0, passed()),
            (vec![pod(true, 2, NOON)], 1, Verdict::Never(crashed.to_owned())),
            (vec![pod(true, 2, NOON)], 2, passed()),
            (
                vec![pod(false, 0, NOON)],
                0,
                Verdict::NotYet("pod web-1: container web is not ready".to_owned()),
            ),
            (vec![pending], 0, Verdict::NotYet("pod a is Pending".to_owned())),
            (vec![], 0, Verdict::NotYet("there are no pods".to_owned())),
            // Finished and leaving pods do not count.
            (vec![done, leaving, test, pod(true, 0, NOON)], 0, passed()),
        ] {
            assert_eq!(judge(&pods, &nodes(EARLY), max), verdict);
        }
    }

    #[test]
    fn the_restart_of_the_node_is_no_crash() {
        let back = nodes("2026-01-01T12:00:30Z");
        assert!(matches!(judge(&[pod(true, 1, NOON)], &back, 0), Verdict::Pass(_)));
        let later = pod(true, 2, "2026-01-01T12:10:00Z");
        assert!(matches!(judge(&[later], &back, 0), Verdict::Never(_)), "a crash long after it is one");
        // Ended within the settling time of a young cluster, but not by a restart of the node.
        let young = nodes("2026-01-01T09:59:00Z");
        assert!(matches!(judge(&[pod(true, 1, "2026-01-01T10:00:10Z")], &young, 0), Verdict::Never(_)));
    }

    /// As recorded after `docker stop` and `docker start` of a node: its `Ready` did not change.
    #[test]
    fn a_node_that_was_soon_back_is_known_by_what_its_runtime_lost() {
        let mut etcd = pod(true, 1, NOON);
        let last = |pod: &mut Pod, reason: &str, code: i32| {
            let statuses = pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap();
            let last = statuses[0].last_state.as_mut().unwrap().terminated.as_mut().unwrap();
            (last.reason, last.exit_code) = (Some(reason.to_owned()), code);
        };
        last(&mut etcd, "Unknown", 255);
        let ours = pod(true, 2, "2026-01-01T12:00:40Z");
        let runs = |system: &[Pod]| runs(&[node(EARLY)], &[system]);
        assert!(matches!(judge(&[etcd.clone()], &runs(&[etcd.clone()]), 0), Verdict::Pass(_)));
        assert!(matches!(
            judge(std::slice::from_ref(&ours), &runs(std::slice::from_ref(&etcd)), 0),
            Verdict::Pass(_)
        ));
        last(&mut etcd, "Error", 255);
        assert!(matches!(judge(&[ours], &runs(&[etcd]), 0), Verdict::Never(_)));
    }

    /// A hook's pod failed, and then the hook was removed from the chart.
    #[test]
    fn pods_outside_the_release_are_ignored_and_named() {
        let owned = |kind: &str, name: &str| -> Pod {
            object(&format!(
                "metadata: {{name: p, ownerReferences: [{{apiVersion: v1, kind: {kind}, name: {name}, uid: u, \
                 controller: true}}]}}\nstatus: {{phase: Failed}}\n"
            ))
        };
        let job = |name: &str, owners: &str| -> Job {
            object(&format!("metadata: {{name: {name}, ownerReferences: [{owners}]}}"))
        };
        let nightly = "{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: u}";
        let jobs = [job("old", ""), job("migrate", ""), job("nightly-1", nightly)];
        let members = BTreeSet::from(["Job/migrate".to_owned(), "CronJob/nightly".to_owned()]);
        let foreign = |pod: &Pod| foreign_owner(pod, &jobs, &members);
        assert_eq!(foreign(&owned("Job", "old")), Some("Job/old".to_owned()));
        assert_eq!(foreign(&object("metadata: {name: debug}")), Some("Pod/debug".to_owned()));
        for (kind, name) in [("Job", "migrate"), ("Job", "nightly-1"), ("StatefulSet", "db"), ("Custom", "x")]
        {
            assert_eq!(foreign(&owned(kind, name)), None, "{kind} {name}");
        }
        let mut done = job("migrate", "");
        assert!(!of_completed_job(&owned("Job", "migrate"), std::slice::from_ref(&done)));
        done.status = object("conditions: [{type: Complete, status: 'True'}]");
        assert!(of_completed_job(&owned("Job", "migrate"), &[done]));
    }
}
