//! Waits until what was applied is ready, or until it is known why it will not be.

mod revision;
mod state;
mod workload;

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::core::DynamicObject;

use state::{Rollouts, Verdict};
pub use workload::{Progress, Target, Workload, progress, workloads};

use crate::diagnose;
use crate::error::{Error, Result};
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// How often grace periods are checked while nothing changes.
const TICK: Duration = Duration::from_millis(500);
/// The part of the task's time that is reserved for finding and showing the cause.
const RESERVED: Duration = Duration::from_secs(4);

/// Waits until every `Deployment`, `StatefulSet`, `DaemonSet` and `Job` among `objects` is ready, and
/// reports the state of each pod when it changes. Fails early, with the cause, if a pod is in a state
/// from which it does not recover; at the deadline, with the likeliest cause.
pub fn ready(task: &Task<'_>, kube: &Kube, objects: &[DynamicObject], namespace: Option<&str>) -> Result<()> {
    targets(task, kube, objects.iter().filter_map(|object| Target::of(object, namespace)).collect())
}

/// As [`ready`], for workloads by name.
pub fn targets(task: &Task<'_>, kube: &Kube, targets: Vec<Target>) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + task.remaining().saturating_sub(RESERVED);
    task.wait("the wait for the workloads", async {
        let (mut rollouts, mut changes) = Rollouts::watch(kube.client(), targets);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(change) => rollouts.error = change.err(),
                    None => return Err(Error::failed("the cluster closed all watches")),
                },
                _ = tick.tick() => {}
            }
            for line in rollouts.news() {
                let (done, total) = rollouts.count();
                task.progress(Some(done), Some(total), line);
            }
            match rollouts.verdict(Instant::now(), jiff::Timestamp::now()) {
                Verdict::Ready => return Ok(()),
                Verdict::Waiting => {}
                Verdict::Permanent(cause) => return Err(diagnose::told(kube, &cause).await),
                Verdict::Failed(what) => return Err(explained(kube, &rollouts, &what).await),
            }
            if Instant::now() >= deadline {
                return Err(explained(kube, &rollouts, &rollouts.late()).await);
            }
        }
    })
}

async fn explained(kube: &Kube, rollouts: &Rollouts, what: &str) -> Error {
    let Some((namespace, selector)) = rollouts.first_unready() else { return Error::failed(what) };
    diagnose::explain_async(kube, &namespace, &selector).await.context(what)
}

/// The workloads among `objects` that are not ready now, by kind and name.
pub fn not_ready(
    task: &Task<'_>,
    kube: &Kube,
    objects: &[DynamicObject],
    namespace: Option<&str>,
) -> Result<Vec<String>> {
    let targets: Vec<Target> = objects.iter().filter_map(|object| Target::of(object, namespace)).collect();
    let unready = |target: Target| async move {
        let object = target.api(kube.client()).get_opt(&target.name).await;
        let object = object.map_err(|error| api_error(&format!("read {target}"), &error))?;
        let ready =
            object.is_some_and(|object| matches!(progress(target.workload, &object), Progress::Ready(_)));
        Ok((!ready).then(|| target.to_string()))
    };
    let all = stream::iter(targets.into_iter().map(unready)).buffered(8).try_collect::<Vec<Option<String>>>();
    Ok(task.wait("the state of the workloads", all)?.into_iter().flatten().collect())
}
