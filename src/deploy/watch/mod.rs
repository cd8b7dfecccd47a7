//! Waiting by watching: until what was applied is ready, or it is known why it will not be.

mod board;
mod now;
mod ready;
mod revision;
mod store;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, SelectAll, StreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use board::{Board, Seen, Verdict};

pub use now::not_ready;
pub use ready::{Target, Workload};

use super::Kube;
use crate::diagnose;
use crate::error::{Error, Result};
use crate::task::Task;

/// How often patience is looked at while nothing changes.
const TICK: Duration = Duration::from_millis(500);
/// What is kept of the time to find and show the cause.
const LAST_WORD: Duration = Duration::from_secs(4);

/// Waits until every `Deployment`, `StatefulSet`, `DaemonSet` and `Job` among `objects` is ready.
/// Says where each pod is as it changes. Ends early, with the cause, when a pod is in a state that
/// does not heal; at the deadline, with the likeliest cause.
pub fn ready(task: &Task<'_>, kube: &Kube, objects: &[DynamicObject], namespace: Option<&str>) -> Result<()> {
    targets(task, kube, objects.iter().filter_map(|object| Target::of(object, namespace)).collect())
}

/// As [`ready`], for workloads that are named rather than applied.
pub fn targets(task: &Task<'_>, kube: &Kube, targets: Vec<Target>) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let last = Instant::now() + task.remaining().saturating_sub(LAST_WORD);
    task.wait("the wait for the workloads", async {
        let mut changes = streams(kube.client(), &targets);
        let mut board = Board::new(targets);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                seen = changes.next() => match seen {
                    Some(seen) => board.take(seen),
                    None => return Err(Error::failed("the cluster ended all watches")),
                },
                _ = tick.tick() => {}
            }
            for line in board.news() {
                let (done, total) = board.count();
                task.progress(Some(done), Some(total), line);
            }
            match board.verdict(Instant::now(), jiff::Timestamp::now()) {
                Verdict::Ready => return Ok(()),
                Verdict::Waiting => {}
                Verdict::Hopeless(cause) => {
                    let log = match cause.log {
                        Some(which) => diagnose::last_lines(kube, &cause, which).await,
                        None => String::new(),
                    };
                    return Err(diagnose::screen(&cause, &log));
                }
                Verdict::Failed(what) => {
                    return Err(explained(kube, &board, &what).await);
                }
            }
            if Instant::now() >= last {
                return Err(explained(kube, &board, &board.late()).await);
            }
        }
    })
}

async fn explained(kube: &Kube, board: &Board, what: &str) -> Error {
    let Some((namespace, selector)) = board.unready() else { return Error::failed(what) };
    diagnose::explain_async(kube, &namespace, &selector).await.context(what)
}

fn streams(client: &Client, targets: &[Target]) -> SelectAll<BoxStream<'static, Seen>> {
    let mut all = SelectAll::new();
    let namespaces: BTreeSet<&str> = targets.iter().map(|target| target.namespace.as_str()).collect();
    for namespace in namespaces {
        let of = |kind| targets.iter().any(|t| t.workload == kind && t.namespace == namespace);
        all.push(stream(client, namespace, Seen::Pod));
        all.push(stream(client, namespace, Seen::Event));
        if of(Workload::Deployment) {
            all.push(stream(client, namespace, Seen::Deployment));
            all.push(stream(client, namespace, Seen::ReplicaSet));
        }
        if of(Workload::StatefulSet) {
            all.push(stream(client, namespace, Seen::StatefulSet));
        }
        if of(Workload::DaemonSet) {
            all.push(stream(client, namespace, Seen::DaemonSet));
        }
        if of(Workload::Job) {
            all.push(stream(client, namespace, Seen::Job));
        }
    }
    all
}

fn stream<K>(
    client: &Client,
    namespace: &str,
    wrap: fn(String, watcher::Event<K>) -> Seen,
) -> BoxStream<'static, Seen>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let namespace = namespace.to_owned();
    watcher(api, watcher::Config::default())
        .default_backoff()
        .map(move |event| match event {
            Ok(event) => wrap(namespace.clone(), event),
            Err(error) => Seen::Broken(error.to_string()),
        })
        .boxed()
}
