//! Which workloads use which keys of Secrets and `ConfigMap`s, read from the pods they describe.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PodSpec;
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

    /// Adds what the environment variables of a pod's containers refer to.
    fn add(&mut self, workload: &str, pod: &PodSpec) {
        let mut add = |object: &str, key: Option<&str>| {
            let key = (object.to_owned(), key.map(str::to_owned));
            self.by_key.entry(key).or_default().insert(workload.to_owned());
        };
        for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
            for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
                from.secret_key_ref.iter().for_each(|from| add(&from.name, Some(&from.key)));
                from.config_map_key_ref.iter().for_each(|from| add(&from.name, Some(&from.key)));
            }
            for from in container.env_from.iter().flatten() {
                from.secret_ref.iter().for_each(|from| add(&from.name, None));
                from.config_map_ref.iter().for_each(|from| add(&from.name, None));
            }
        }
    }
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
        let pod = serde_json::from_value(object.data["spec"]["template"]["spec"].clone());
        users.add(&object.name_any(), &pod.unwrap_or_default());
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    #[test]
    fn one_key_and_all_keys() {
        let mut users = Users::default();
        let mut add = |workload: &str, container: &str| {
            users.add(workload, &object(&format!("containers: [{{name: c, {container}}}]")));
        };
        add(
            "api",
            "env: [{name: T, valueFrom: {secretKeyRef: {name: env, key: TOKEN}}}, {name: P, value: '1'}, \
                    {name: L, valueFrom: {configMapKeyRef: {name: config, key: LEVEL}}}]",
        );
        add("web", "envFrom: [{secretRef: {name: env}}]");
        assert_eq!(users.of("env", "TOKEN"), ["api", "web"]);
        assert_eq!(users.of("env", "OTHER"), ["web"]);
        assert_eq!(users.of("config", "LEVEL"), ["api"]);
        assert!(users.of("config", "NONE").is_empty());
    }
}
