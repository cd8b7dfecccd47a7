//! Server-side apply in an order that works, with conflicts told instead of overrun.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt as _};

use super::error::{api_error, not_found, transient};
use super::{Kube, LABEL, MANAGER, title};
use crate::error::{Error, Result};
use crate::task::Task;

const AT_ONCE: usize = 8;
/// A kind that is unknown for longer is not coming; so is a webhook that does not answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the cluster agree with `objects`, as field manager [`MANAGER`], each with our [`LABEL`].
/// Unknown kinds and unknown fields fail; fields that another manager holds are an error, except
/// on an object that carries our label already.
pub fn apply(task: &Task<'_>, kube: &Kube, objects: &[DynamicObject], namespace: Option<&str>) -> Result<()> {
    let objects: Vec<DynamicObject> = objects.iter().map(labelled).collect();
    let total = objects.len() as u64;
    let mut done = 0;
    for rank in 0..=LAST {
        let batch: Vec<&DynamicObject> = objects.iter().filter(|object| rank_of(object) == rank).collect();
        if batch.is_empty() {
            continue;
        }
        task.wait("applying the manifests", async {
            stream::iter(batch.iter().map(|object| apply_one(kube, object, namespace)))
                .buffer_unordered(AT_ONCE)
                .try_for_each(|()| {
                    done += 1;
                    task.progress(Some(done), Some(total), "objects applied");
                    futures::future::ready(Ok(()))
                })
                .await?;
            established(kube, &batch).await
        })?;
    }
    Ok(())
}

/// `object` as we apply it.
pub(super) fn labelled(object: &DynamicObject) -> DynamicObject {
    let mut object = object.clone();
    object.labels_mut().insert(LABEL.0.to_owned(), LABEL.1.to_owned());
    object
}

const LAST: u8 = 4;

/// What others need comes first; what calls others comes last.
fn rank_of(object: &DynamicObject) -> u8 {
    match object.types.as_ref().map_or("", |types| types.kind.as_str()) {
        "Namespace" => 0,
        "CustomResourceDefinition" | "PriorityClass" | "StorageClass" | "IngressClass" => 1,
        "ServiceAccount"
        | "Role"
        | "ClusterRole"
        | "RoleBinding"
        | "ClusterRoleBinding"
        | "Secret"
        | "ConfigMap"
        | "PersistentVolume"
        | "PersistentVolumeClaim"
        | "Service" => 2,
        "APIService" | "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => LAST,
        _ => 3,
    }
}

async fn apply_one(kube: &Kube, object: &DynamicObject, namespace: Option<&str>) -> Result<()> {
    let name = title(object, namespace);
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(200);
    loop {
        let late = tokio::time::Instant::now() + pause > until;
        let Some(api) = kube.api(object, namespace).await? else {
            if late {
                return Err(unknown_kind(object, &name));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            continue;
        };
        let params = PatchParams::apply(MANAGER).validation_strict();
        let error = match api.patch(&object.name_any(), &params, &Patch::Apply(object)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() && status.reason == "Conflict" => {
                return take_back(&api, object, &name, &status.message).await;
            }
            Err(error) => error,
        };
        if !transient(&error) || late {
            return Err(told(object, &format!("apply {name}"), &error));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Somebody changed a field of ours. On an object of ours that is mended, on any other told.
async fn take_back(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    name: &str,
    conflict: &str,
) -> Result<()> {
    let failed = |error: &kube::Error| told(object, &format!("apply {name}"), error);
    let live = api.get(&object.name_any()).await.map_err(|error| failed(&error))?;
    if live.labels().get(LABEL.0).map(String::as_str) != Some(LABEL.1) {
        return Err(Error::refused(format!("{name} exists already and is held by somebody else"))
            .because(conflict)
            .help(format!("remove it, or give it the label {}={} to hand it over", LABEL.0, LABEL.1)));
    }
    let params = PatchParams::apply(MANAGER).validation_strict().force();
    let patched = api.patch(&object.name_any(), &params, &Patch::Apply(object)).await;
    patched.map(|_| ()).map_err(|error| failed(&error))
}

/// The error of one object, `what` being what cannot be done with it; of a Secret only the reason,
/// as messages may quote its values.
pub(super) fn told(object: &DynamicObject, what: &str, error: &kube::Error) -> Error {
    if object.types.as_ref().is_some_and(|types| types.kind == "Secret")
        && let kube::Error::Api(status) = error
        && !not_found(error)
    {
        return Error::failed(format!("cannot {what}"))
            .because(format!("the API server answered {} {}", status.code, status.reason));
    }
    api_error(what, error)
}

fn unknown_kind(object: &DynamicObject, name: &str) -> Error {
    let version = object.types.as_ref().map_or("", |types| types.api_version.as_str());
    Error::failed(format!("cannot apply {name}"))
        .because(format!("the cluster does not know this kind in {version}"))
        .help("add the addon that brings the kind's CustomResourceDefinition before this one")
}

/// Waits until the API server serves the kinds that were just defined.
async fn established(kube: &Kube, batch: &[&DynamicObject]) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(kube.client().clone());
    for object in batch {
        if object.types.as_ref().is_none_or(|types| types.kind != "CustomResourceDefinition") {
            continue;
        }
        let name = object.name_any();
        let condition = kube::runtime::conditions::is_crd_established();
        let wait = kube::runtime::wait::await_condition(crds.clone(), &name, condition);
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                return Err(
                    Error::failed(format!("cannot watch CustomResourceDefinition {name}")).because(error)
                );
            }
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Err(Error::failed(format!("CustomResourceDefinition {name} is not served"))
                    .because(format!("the API server did not accept its names within {seconds} s")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::objects;

    #[test]
    fn what_others_need_comes_first() {
        let object = |kind: &str| {
            objects(&format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}")).unwrap().remove(0)
        };
        let order = ["Namespace", "CustomResourceDefinition", "Secret", "Deployment", "APIService"];
        let ranks: Vec<u8> = order.iter().map(|kind| rank_of(&object(kind))).collect();
        assert!(ranks.is_sorted() && ranks.last() == Some(&LAST), "{ranks:?}");
        assert_eq!(labelled(&object("Pod")).labels()[LABEL.0], LABEL.1);
    }

    #[test]
    fn an_error_of_a_secret_keeps_its_values() {
        let secret = &objects("apiVersion: v1\nkind: Secret\nmetadata: {name: x}").unwrap()[0];
        let status = kube::core::Status::failure("Invalid value: \"hunter2\"", "Invalid").with_code(422);
        let error = told(secret, "apply Secret a/x", &kube::Error::Api(status.boxed()));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
