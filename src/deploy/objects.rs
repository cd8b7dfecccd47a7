//! Manifests as objects.

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::error::{Error, Result};

/// Every object of a YAML text with one or more documents. `List`s are flattened, empty documents skipped. A
/// document without apiVersion, kind or name is an error.
pub fn objects(yaml: &str) -> Result<Vec<DynamicObject>> {
    // As kubectl and Helm read YAML: `0644` is octal, `yes` is a boolean. The text is trusted, so no limits.
    let options = serde_saphyr::options! { budget: None, legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(yaml, options)
        .map_err(|e| Error::failed("a manifest is not valid YAML").because(e))?;
    let mut objects = Vec::new();
    for document in documents {
        collect(document, &mut objects)?;
    }
    Ok(objects)
}

fn collect(document: Value, objects: &mut Vec<DynamicObject>) -> Result<()> {
    if document.is_null() {
        return Ok(());
    }
    let kind = document["kind"].as_str().unwrap_or_default().to_owned();
    if kind == "List" || (kind.ends_with("List") && document["items"].is_array()) {
        let items = document["items"].as_array().cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| collect(item, objects));
    }
    let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    for (key, value) in [
        ("apiVersion", document["apiVersion"].as_str().unwrap_or_default()),
        ("kind", &kind),
        ("metadata.name", &name),
    ] {
        if value.is_empty() {
            return Err(Error::failed(format!(
                "document {} of a manifest has no `{key}`",
                objects.len() + 1
            ))
            .because(format!("it is {kind} {name}")));
        }
    }
    let object = serde_json::from_value(document)
        .map_err(|e| Error::failed(format!("{kind} {name} is not a Kubernetes object")).because(e))?;
    objects.push(object);
    Ok(())
}

/// How many pods a workload asks for; 1 if it does not say.
pub fn replicas(workload: &DynamicObject) -> u32 {
    workload.data["spec"]["replicas"].as_u64().and_then(|pods| u32::try_from(pods).ok()).unwrap_or(1)
}

/// Whether each pod of a workload gets a persistent volume of its own.
pub fn has_own_volumes(workload: &DynamicObject) -> bool {
    workload.data["spec"]["volumeClaimTemplates"].as_array().is_some_and(|all| !all.is_empty())
}

/// Whether all pods of a workload use one persistent volume.
pub fn shares_volume(workload: &DynamicObject) -> bool {
    let volumes = workload.data["spec"]["template"]["spec"]["volumes"].as_array();
    volumes.into_iter().flatten().any(|volume| !volume["persistentVolumeClaim"].is_null())
}

/// `Deployment shop/web`, `Namespace shop`.
pub fn title(object: &DynamicObject, namespace: Option<&str>) -> String {
    let kind = object.types.as_ref().map_or("object", |types| types.kind.as_str());
    let name = object.name_any();
    match object.metadata.namespace.as_deref().or(namespace) {
        Some(namespace) if kind != "Namespace" => format!("{kind} {namespace}/{name}"),
        _ => format!("{kind} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_documents_and_lists() {
        let yaml = "\
---
# nothing here
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop}
  spec: {replicas: 2}
- apiVersion: v1
  kind: Service
  metadata: {name: web}
";
        let found = objects(yaml).unwrap();
        let titles: Vec<String> = found.iter().map(|o| title(o, Some("other"))).collect();
        assert_eq!(titles, ["Namespace shop", "Deployment shop/web", "Service other/web"]);
        assert_eq!(found[1].data["spec"]["replicas"], 2);
    }

    #[test]
    fn numbers_and_booleans_are_read_as_kubectl_reads_them() {
        let yaml = "apiVersion: v1\nkind: X\nmetadata: {name: x}\nspec: {mode: 0644, on: yes, text: 'yes'}\n";
        let spec = objects(yaml).unwrap().remove(0).data["spec"].take();
        assert_eq!(spec["mode"], 420);
        assert_eq!(
            (&spec["text"], spec["on"].as_bool().or(spec["true"].as_bool())),
            (&"yes".into(), Some(true))
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = objects("apiVersion: v1\nkind: Service\nmetadata: {}\n").unwrap_err();
        assert!(error.what().contains("`metadata.name`"), "{error}");
        assert!(objects("a: [").unwrap_err().what().contains("not valid YAML"));
    }
}
