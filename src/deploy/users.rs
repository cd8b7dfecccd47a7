//! Which workloads use which keys of Secrets and `ConfigMap`s, read from the pods they describe.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, PodSpec};
use kube::ResourceExt as _;

use super::watch;
use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// Names of workloads by object and key; `None` for workloads that use all keys of the object.
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

/// The environment variables of a container: object and key, or all keys of an object.
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
    let workloads = task.wait("reading the workloads", async {
        watch::workloads(kube.client(), namespace)
            .await
            .map_err(|error| api_error("list the workloads", &error))
    })?;
    let mut users = Users::default();
    for (_, object) in workloads {
        let pod: Option<PodSpec> =
            serde_json::from_value(object.data["spec"]["template"]["spec"].clone()).ok();
        users.add(&object.name_any(), pod.as_ref());
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
