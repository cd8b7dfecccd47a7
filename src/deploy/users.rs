//! Which workloads use which keys of Secrets and `ConfigMap`s, read from the pods they describe.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join3;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use kube::api::{Api, ListParams};

use super::Kube;
use super::error::api_error;
use crate::error::Result;
use crate::task::Task;

/// Names of workloads by object and key; one that takes all keys of an object stands under `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Users {
    by_key: BTreeMap<(String, Option<String>), BTreeSet<String>>,
}

impl Users {
    /// The workloads that use `key` of the Secret or `ConfigMap` `object`.
    pub fn of(&self, object: &str, key: &str) -> Vec<String> {
        let one = self.by_key.get(&(object.to_owned(), Some(key.to_owned())));
        let all = self.by_key.get(&(object.to_owned(), None));
        let names: BTreeSet<&String> = one.into_iter().chain(all).flatten().collect();
        names.into_iter().cloned().collect()
    }

    fn add(&mut self, workload: &str, pod: Option<&PodSpec>) {
        let Some(pod) = pod else { return };
        for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
            for (object, key) in uses(container) {
                self.by_key.entry((object, key)).or_default().insert(workload.to_owned());
            }
        }
    }
}

/// What a container takes into its environment: object and key, or all keys of an object.
fn uses(container: &Container) -> Vec<(String, Option<String>)> {
    let from = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
    let one = from.filter_map(|from| {
        let secret = from.secret_key_ref.as_ref().map(|key| (key.name.clone(), Some(key.key.clone())));
        secret
            .or_else(|| from.config_map_key_ref.as_ref().map(|key| (key.name.clone(), Some(key.key.clone()))))
    });
    let all = container.env_from.iter().flatten().filter_map(|from| {
        let secret = from.secret_ref.as_ref().map(|object| object.name.clone());
        let name = secret.or_else(|| from.config_map_ref.as_ref().map(|object| object.name.clone()));
        name.map(|name| (name, None))
    });
    one.chain(all).collect()
}

/// The users of all settings in `namespace`.
pub fn users(task: &Task<'_>, kube: &Kube, namespace: &str) -> Result<Users> {
    let client = kube.client();
    let params = ListParams::default();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let stateful: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    let daemons: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
    let (deployments, stateful, daemons) = task.wait("reading the workloads", async {
        try_join3(deployments.list(&params), stateful.list(&params), daemons.list(&params))
            .await
            .map_err(|error| api_error("list the workloads", &error))
    })?;
    let mut users = Users::default();
    let name = |meta: &kube::core::ObjectMeta| meta.name.clone().unwrap_or_default();
    for one in deployments {
        users.add(&name(&one.metadata), one.spec.and_then(|spec| spec.template.spec).as_ref());
    }
    for one in stateful {
        users.add(&name(&one.metadata), one.spec.and_then(|spec| spec.template.spec).as_ref());
    }
    for one in daemons {
        users.add(&name(&one.metadata), one.spec.and_then(|spec| spec.template.spec).as_ref());
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_and_all_keys() {
        let pod = |containers: serde_json::Value| -> PodSpec {
            serde_json::from_value(serde_json::json!({ "containers": containers })).unwrap()
        };
        let mut users = Users::default();
        users.add(
            "api",
            Some(&pod(serde_json::json!([{ "name": "api", "env": [
                { "name": "T", "valueFrom": { "secretKeyRef": { "name": "env", "key": "TOKEN" } } },
                { "name": "L", "valueFrom": { "configMapKeyRef": { "name": "config", "key": "LEVEL" } } },
                { "name": "P", "value": "1" },
            ] }]))),
        );
        users.add(
            "web",
            Some(&pod(
                serde_json::json!([{ "name": "web", "envFrom": [{ "secretRef": { "name": "env" } }] }]),
            )),
        );
        assert_eq!(users.of("env", "TOKEN"), ["api", "web"]);
        assert_eq!(users.of("env", "OTHER"), ["web"]);
        assert_eq!(users.of("config", "LEVEL"), ["api"]);
        assert!(users.of("config", "NONE").is_empty());
    }
}
