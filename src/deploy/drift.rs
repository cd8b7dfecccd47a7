//! Differences between the cluster and the manifests.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::apply::{labelled, object_error};
use super::{MANAGER, title};
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::kubernetes::not_found;
use crate::task::Task;

const AT_ONCE: usize = 12;
/// The maximum number of paths that are shown.
pub(super) const PATHS: usize = 8;

/// Compares each of `objects` with the cluster: asks the API server, without writing, what applying it as
/// `manager` would change. Fields that the manifest does not contain are ignored. Returns one
/// sentence for each object that differs, with the paths of its fields but never their values.
pub fn drift(
    task: &Task<'_>,
    kube: &Kube,
    objects: &[DynamicObject],
    manager: &str,
    namespace: Option<&str>,
) -> Result<Vec<String>> {
    let objects: Vec<DynamicObject> =
        if manager == MANAGER { objects.iter().map(labelled).collect() } else { objects.to_vec() };
    let compare = stream::iter(objects.iter().map(|object| one(kube, object, manager, namespace)))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<Option<String>>>();
    let found = task.wait("comparing the cluster with its manifests", compare)?;
    let mut found: Vec<String> = found.into_iter().flatten().collect();
    found.sort();
    Ok(found)
}

async fn one(
    kube: &Kube,
    object: &DynamicObject,
    manager: &str,
    namespace: Option<&str>,
) -> Result<Option<String>> {
    let title = title(object, namespace);
    let missing = || Ok(Some(format!("{title} is missing")));
    let changed = |paths: &[String]| Some(format!("{title} was changed ({})", paths.join(", ")));
    let Some(api) = kube.api(object, namespace).await? else { return missing() };
    let name = object.name_any();
    let params = PatchParams::apply(manager).dry_run().force();
    let patch = Patch::Apply(object);
    let (live, wanted) = futures::join!(api.get_opt(&name), api.patch(&name, &params, &patch));
    let failed = |e: &kube::Error| object_error(object, &format!("compare {title}"), e);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return missing(),
        Err(error) => return Err(failed(&error)),
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) if not_found(&error) => return missing(),
        // An immutable field was changed, or the manifest is invalid: that is a difference as well.
        Err(kube::Error::Api(status)) if status.is_invalid() => {
            let causes = status.details.map(|details| details.causes).unwrap_or_default();
            let paths: Vec<String> = causes.into_iter().map(|cause| cause.field).take(PATHS).collect();
            return Ok(changed(&paths));
        }
        Err(error) => return Err(failed(&error)),
    };
    let paths = differences(&live, &wanted);
    Ok(if paths.is_empty() { None } else { changed(&paths) })
}

fn differences(live: &DynamicObject, wanted: &DynamicObject) -> Vec<String> {
    let mut paths = Vec::new();
    let maps = |object: &DynamicObject| {
        let metadata = &object.metadata;
        json!({"labels": metadata.labels, "annotations": metadata.annotations})
    };
    walk(&maps(live), &maps(wanted), "metadata", &mut paths);
    let fields = live.data.as_object().into_iter().chain(wanted.data.as_object()).flatten();
    let keys: BTreeSet<&str> = fields.map(|(key, _)| key.as_str()).filter(|key| *key != "status").collect();
    for key in keys {
        walk(&live.data[key], &wanted.data[key], key, &mut paths);
    }
    paths.truncate(PATHS);
    paths
}

pub(super) fn walk(live: &Value, wanted: &Value, path: &str, paths: &mut Vec<String>) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (key, value) in wanted {
                walk(live.get(key).unwrap_or(&Value::Null), value, &format!("{path}.{key}"), paths);
            }
            for key in live.keys().filter(|key| !wanted.contains_key(*key)) {
                paths.push(format!("{path}.{key}"));
            }
        }
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            for (index, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                let name = wanted["name"].as_str().map_or_else(|| index.to_string(), ToOwned::to_owned);
                walk(live, wanted, &format!("{path}[{name}]"), paths);
            }
        }
        _ if live == wanted => {}
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::objects;

    fn object(yaml: &str) -> DynamicObject {
        objects(yaml).unwrap().remove(0)
    }

    #[test]
    fn names_paths_and_no_values() {
        let live = object(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, generation: 4, resourceVersion: '9', labels: {a: one}}\ndata: {KEY: c2VjcmV0, OTHER: YQ==}\n",
        );
        let wanted = object(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, resourceVersion: '10', labels: {a: two}}\ndata: {KEY: b3RoZXI=, OTHER: YQ==}\nstatus: {x: 1}\n",
        );
        let paths = differences(&live, &wanted);
        assert_eq!(paths, ["metadata.labels.a", "data.KEY"]);
        assert!(differences(&live, &live).is_empty());
    }

    #[test]
    fn lists_are_compared_by_name() {
        let with = |image: &str| {
            object(&format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec: {{replicas: 1, template: {{spec: {{containers: [{{name: web, image: {image}}}]}}}}}}\n"
            ))
        };
        assert_eq!(differences(&with("a"), &with("b")), ["spec.template.spec.containers[web].image"]);
    }
}
