//! One look at workloads, without waiting.

use std::fmt::Debug;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::core::DynamicObject;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use super::ready::{Progress, Target, Workload, daemon_set, deployment, job, stateful_set};
use crate::deploy::{Kube, api_error};
use crate::error::Result;
use crate::task::Task;

/// The workloads among `objects` that are not ready right now, by kind and name.
pub fn not_ready(
    task: &Task<'_>,
    kube: &Kube,
    objects: &[DynamicObject],
    namespace: Option<&str>,
) -> Result<Vec<String>> {
    let targets: Vec<Target> = objects.iter().filter_map(|object| Target::of(object, namespace)).collect();
    let looks = stream::iter(targets.iter().map(|target| look(kube.client(), target)))
        .buffered(8)
        .try_collect::<Vec<Option<String>>>();
    Ok(task.wait("the state of the workloads", looks)?.into_iter().flatten().collect())
}

async fn look(client: &Client, target: &Target) -> Result<Option<String>> {
    let progress = match target.workload {
        Workload::Deployment => read(client, target).await?.as_ref().map(deployment),
        Workload::StatefulSet => read(client, target).await?.as_ref().map(stateful_set),
        Workload::DaemonSet => read(client, target).await?.as_ref().map(daemon_set),
        Workload::Job => read(client, target).await?.as_ref().map(job),
    };
    Ok(if progress == Some(Progress::Ready) { None } else { Some(target.to_string()) })
}

async fn read<K>(client: &Client, target: &Target) -> Result<Option<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), &target.namespace);
    api.get_opt(&target.name).await.map_err(|error| api_error(&format!("read {target}"), &error))
}
