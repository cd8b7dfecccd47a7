//! Server-side apply in dependency order. Fields of other managers are not overwritten.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt as _};

use super::{LABEL, MANAGER, title};
use crate::error::{Error, Result};
use crate::kubernetes::Kube;
use crate::kubernetes::{api_error, not_found, transient};
use crate::task::Task;

const AT_ONCE: usize = 8;
/// How long to wait for an unknown kind, or for a webhook that does not respond.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Makes the cluster agree with `objects`, as field manager [`MANAGER`], each with our [`LABEL`].
/// Unknown kinds and unknown fields are errors. So are fields that another manager has set, except on
/// an object that has our label already; this is checked for all objects before the first is written.
pub fn apply(task: &Task<'_>, kube: &Kube, objects: &[DynamicObject], namespace: Option<&str>) -> Result<()> {
    let objects: Vec<DynamicObject> = objects.iter().map(labelled).collect();
    let all = || stream::iter(objects.iter());
    task.wait("checking the owners of the objects", async {
        let checks = all().map(|object| check_owner(kube, object, namespace));
        checks.buffer_unordered(AT_ONCE).try_collect::<()>().await
    })?;
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

/// Refuses an object of another owner; one whose kind or namespace does not exist yet has none.
async fn check_owner(kube: &Kube, object: &DynamicObject, namespace: Option<&str>) -> Result<()> {
    let Some(api) = kube.api(object, namespace).await? else { return Ok(()) };
    let params = PatchParams::apply(MANAGER).dry_run();
    match api.patch(&object.name_any(), &params, &Patch::Apply(object)).await {
        Err(kube::Error::Api(status)) if is_conflict(&status) => {
            let name = title(object, namespace);
            refuse_foreign(&api, object, &name, &status.message).await
        }
        _ => Ok(()),
    }
}

fn is_conflict(status: &kube::core::Status) -> bool {
    status.is_conflict() && status.reason == "Conflict"
}

/// `object` as we apply it.
pub(super) fn labelled(object: &DynamicObject) -> DynamicObject {
    let mut object = object.clone();
    object.labels_mut().insert(LABEL.0.to_owned(), LABEL.1.to_owned());
    object
}

const LAST: u8 = 4;

/// Objects that others need come first; those that call others come last.
pub(super) fn rank_of(object: &DynamicObject) -> u8 {
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
    let (name, id) = (title(object, namespace), object.name_any());
    let failed = |error: &kube::Error| object_error(object, &format!("apply {name}"), error);
    let params = PatchParams::apply(MANAGER).validation_strict();
    let until = tokio::time::Instant::now() + RETRY_TIMEOUT;
    let mut pause = Duration::from_millis(200);
    loop {
        let error = match kube.api(object, namespace).await? {
            None => unknown_kind(object, &name),
            Some(api) => match api.patch(&id, &params, &Patch::Apply(object)).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if is_conflict(&status) => {
                    refuse_foreign(&api, object, &name, &status.message).await?;
                    // Somebody changed a field of ours.
                    let forced = api.patch(&id, &params.force(), &Patch::Apply(object)).await;
                    return forced.map(drop).map_err(|error| failed(&error));
                }
                Err(error) if transient(&error) => failed(&error),
                Err(error) => return Err(failed(&error)),
            },
        };
        if tokio::time::Instant::now() + pause > until {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Refuses an object in the cluster that does not have our label.
async fn refuse_foreign(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    name: &str,
    conflict: &str,
) -> Result<()> {
    let live = api.get_opt(&object.name_any()).await;
    let live = live.map_err(|error| object_error(object, &format!("read {name}"), &error))?;
    if live.is_none_or(|live| live.labels().get(LABEL.0).map(String::as_str) == Some(LABEL.1)) {
        return Ok(());
    }
    Err(Error::refused(format!("{name} exists already and is managed by somebody else"))
        .because(conflict)
        .help(format!("delete it, or add the label {}={} to hand it over", LABEL.0, LABEL.1)))
}

/// The error of one object; `what` completes "cannot …". For a Secret it has only the reason, because
/// the API server's message may quote values.
pub(super) fn object_error(object: &DynamicObject, what: &str, error: &kube::Error) -> Error {
    if object.types.as_ref().is_some_and(|types| types.kind == "Secret")
        && let kube::Error::Api(status) = error
        && !not_found(error)
    {
        return Error::failed(format!("cannot {what}"))
            .because(format!("the API server responded with {} {}", status.code, status.reason));
    }
    api_error(what, error)
}

fn unknown_kind(object: &DynamicObject, name: &str) -> Error {
    let version = object.types.as_ref().map_or("", |types| types.api_version.as_str());
    Error::failed(format!("cannot apply {name}"))
        .because(format!("the cluster does not know this kind in {version}"))
        .help("add the addon that brings the kind's CustomResourceDefinition before this one")
}

/// Waits until the API server serves the kinds that `batch` defines.
async fn established(kube: &Kube, batch: &[&DynamicObject]) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(kube.client().clone());
    for object in batch {
        if object.types.as_ref().is_none_or(|types| types.kind != "CustomResourceDefinition") {
            continue;
        }
        let name = object.name_any();
        let condition = kube::runtime::conditions::is_crd_established();
        let wait = kube::runtime::wait::await_condition(crds.clone(), &name, condition);
        match tokio::time::timeout(RETRY_TIMEOUT, wait).await {
            Ok(Ok(_)) => {}
            failed => {
                let why = match failed {
                    Ok(failed) => failed.err().map(|error| error.to_string()).unwrap_or_default(),
                    Err(_) => "the API server did not accept its names in time".to_owned(),
                };
                return Err(
                    Error::failed(format!("CustomResourceDefinition {name} is not served")).because(why)
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path, query_param, query_param_is_missing};
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::deploy::objects;
    use crate::error::Exit;
    use crate::kubernetes::testing::{serve, with_server};

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

    /// The Service of the second rank has another owner: the Namespace of the first is not written.
    #[test]
    fn an_object_of_another_owner_is_refused_before_anything_is_written() {
        let namespace = "/api/v1/namespaces/shop";
        let service = "/api/v1/namespaces/shop/services/web";
        let conflict = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict",
            "code": 409, "message": "conflict with \"kubectl\": .spec.selector"});
        let kinds = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "namespaces", "singularName": "", "namespaced": false, "kind": "Namespace", "verbs": []},
            {"name": "services", "singularName": "", "namespaced": true, "kind": "Service", "verbs": []}]});
        let object =
            |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        let answer =
            |status: u16, body: &serde_json::Value| ResponseTemplate::new(status).set_body_json(body);
        let patch =
            |object: &str| Mock::given(method("PATCH")).and(path(object)).and(query_param("dryRun", "All"));
        let written = Mock::given(method("PATCH")).and(query_param_is_missing("dryRun"));
        let (_runtime, server) = serve([
            Mock::given(path("/api/v1")).respond_with(answer(200, &kinds)),
            patch(namespace).respond_with(answer(200, &object("Namespace", "shop"))),
            patch(service).respond_with(answer(409, &conflict)),
            Mock::given(method("GET"))
                .and(path(service))
                .respond_with(answer(200, &object("Service", "web"))),
            written.respond_with(answer(200, &object("Namespace", "shop"))).expect(0),
        ]);
        let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Service\n\
                        metadata: {name: web}\n";
        let objects = objects(manifest).unwrap();
        let applied = with_server(&server.uri(), |task, kube| apply(task, kube, &objects, Some("shop"))).0;
        let error = applied.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused, "{error}");
        assert!(error.what().contains("Service shop/web exists already"), "{error}");
    }

    #[test]
    fn an_error_of_a_secret_keeps_its_values() {
        let secret = &objects("apiVersion: v1\nkind: Secret\nmetadata: {name: x}").unwrap()[0];
        let status = kube::core::Status::failure("Invalid value: \"hunter2\"", "Invalid").with_code(422);
        let error = object_error(secret, "apply Secret a/x", &kube::Error::Api(status.boxed()));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
