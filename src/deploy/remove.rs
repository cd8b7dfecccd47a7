//! Deletes objects that were applied before, without their manifests.

use std::time::{Duration, Instant};

use kube::api::{DeleteParams, TypeMeta};
use kube::core::{DynamicObject, ObjectMeta};
use kube::{Api, ResourceExt as _};
use serde::{Deserialize, Serialize};

use super::apply::{object_error, rank_of};
use super::{LABEL, title};
use crate::error::{Error, Result};
use crate::kubernetes::{Kube, not_found};
use crate::task::Task;

/// How often it is checked whether the objects are gone.
const TICK: Duration = Duration::from_millis(500);
/// The part of the task's time that is reserved for saying what is left.
const RESERVED: Duration = Duration::from_secs(4);

/// What identifies an object in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    pub api_version: String,
    pub kind: String,
    /// Empty for objects without a namespace of their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
}

impl ObjectRef {
    /// `namespace` is that of objects that have none of their own.
    pub fn of(object: &DynamicObject, namespace: &str) -> Self {
        let types = object.types.clone().unwrap_or_default();
        let own = object.metadata.namespace.as_deref().unwrap_or(namespace);
        Self {
            api_version: types.api_version,
            kind: types.kind,
            namespace: own.to_owned(),
            name: object.name_any(),
        }
    }

    fn object(&self) -> DynamicObject {
        let namespace = Some(self.namespace.clone()).filter(|namespace| !namespace.is_empty());
        let types = TypeMeta { api_version: self.api_version.clone(), kind: self.kind.clone() };
        let metadata = ObjectMeta { name: Some(self.name.clone()), namespace, ..ObjectMeta::default() };
        DynamicObject { types: Some(types), metadata, data: serde_json::Value::Null }
    }

    /// Deleting a kind deletes all its objects, those of the user too.
    fn is_kept(&self) -> bool {
        self.kind == "CustomResourceDefinition" || self.kind == "Namespace"
    }
}

/// An object that exists and has our label.
struct Found {
    object: DynamicObject,
    api: Api<DynamicObject>,
    uid: Option<String>,
}

/// The titles of those of `objects` that exist and would be deleted by [`remove`].
pub fn present(task: &Task<'_>, kube: &Kube, objects: &[ObjectRef]) -> Result<Vec<String>> {
    let found = task.wait("looking for objects to delete", find(kube, objects))?;
    Ok(found.iter().map(|found| title(&found.object, None)).collect())
}

/// Deletes `objects`, and waits until they and their pods are gone: another addon may need the same ports. Objects
/// without our label, namespaces and definitions of kinds stay.
pub fn remove(task: &Task<'_>, kube: &Kube, objects: &[ObjectRef]) -> Result<()> {
    let deadline = Instant::now() + task.remaining().saturating_sub(RESERVED);
    task.wait("deleting objects", async {
        let mut left = find(kube, objects).await?;
        // What others need goes last.
        left.sort_by_key(|found| std::cmp::Reverse(rank_of(&found.object)));
        for found in &left {
            match found.api.delete(&found.object.name_any(), &DeleteParams::foreground()).await {
                Err(error) if !not_found(&error) => {
                    let what = format!("delete {}", title(&found.object, None));
                    return Err(object_error(&found.object, &what, &error));
                }
                _ => {}
            }
        }
        let mut told = Vec::new();
        loop {
            let mut still = Vec::new();
            for found in left {
                if found.exists().await? {
                    still.push(found);
                }
            }
            left = still;
            if left.is_empty() {
                return Ok(());
            }
            let names: Vec<String> = left.iter().map(|found| title(&found.object, None)).collect();
            if Instant::now() >= deadline {
                return Err(Error::failed(format!("{} was deleted, but still exists", names.join(", ")))
                    .because("something in the cluster delays the deletion, such as a pod that does not end")
                    .help("todo-bootstrap up   # waits again"));
            }
            if told != names {
                task.say(format!("waiting until these are gone: {}", names.join(", ")));
                told = names;
            }
            tokio::time::sleep(TICK).await;
        }
    })
}

impl Found {
    /// Whether it is still there; an object of the same name that was created since is another one.
    async fn exists(&self) -> Result<bool> {
        let name = self.object.name_any();
        let live = self.api.get_metadata_opt(&name).await;
        let what = || format!("read {}", title(&self.object, None));
        let live = live.map_err(|error| object_error(&self.object, &what(), &error))?;
        Ok(live.is_some_and(|live| live.metadata.uid == self.uid))
    }
}

async fn find(kube: &Kube, objects: &[ObjectRef]) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for reference in objects.iter().filter(|reference| !reference.is_kept()) {
        let object = reference.object();
        let Some(api) = kube.api(&object, None).await? else { continue };
        let live = api.get_metadata_opt(&reference.name).await;
        let live =
            live.map_err(|error| object_error(&object, &format!("read {}", title(&object, None)), &error))?;
        let Some(live) = live else { continue };
        if live.labels().get(LABEL.0).map(String::as_str) == Some(LABEL.1) {
            all.push(Found { object, api, uid: live.metadata.uid });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::deploy::objects;
    use crate::kubernetes::testing::{serve, with_server};

    const SERVICE: &str = "/api/v1/namespaces/kube-system/services/web";
    const ACCOUNT: &str = "/api/v1/namespaces/kube-system/serviceaccounts/web";

    fn kinds() -> Value {
        let kind = |name: &str, kind: &str| {
            json!({"name": name, "singularName": "", "namespaced": true, "kind": kind,
                   "verbs": ["get", "delete"]})
        };
        json!({"kind": "APIResourceList", "groupVersion": "v1",
               "resources": [kind("services", "Service"), kind("serviceaccounts", "ServiceAccount")]})
    }

    fn live(kind: &str, uid: &str, ours: bool) -> ResponseTemplate {
        let labels = if ours { json!({LABEL.0: LABEL.1}) } else { json!({}) };
        let metadata = json!({"name": "web", "namespace": "kube-system", "uid": uid, "labels": labels});
        ResponseTemplate::new(200)
            .set_body_json(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}))
    }

    fn gone() -> ResponseTemplate {
        ResponseTemplate::new(404).set_body_json(json!({"kind": "Status", "apiVersion": "v1",
            "status": "Failure", "reason": "NotFound", "code": 404}))
    }

    fn get(object: &str, answer: ResponseTemplate) -> Mock {
        Mock::given(method("GET")).and(path(object)).respond_with(answer)
    }

    fn delete(object: &str, times: u64) -> Mock {
        let deleted = ResponseTemplate::new(200)
            .set_body_json(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}));
        Mock::given(method("DELETE")).and(path(object)).respond_with(deleted).expect(times)
    }

    fn references() -> Vec<ObjectRef> {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\napiVersion: v1\nkind: \
                    ServiceAccount\nmetadata: {name: web}\n---\napiVersion: v1\nkind: Namespace\nmetadata: \
                    {name: web}\n";
        objects(text).unwrap().iter().map(|object| ObjectRef::of(object, "kube-system")).collect()
    }

    #[test]
    fn objects_of_others_stay() {
        let (_runtime, server) = serve([
            get("/api/v1", ResponseTemplate::new(200).set_body_json(kinds())),
            get(SERVICE, live("Service", "1", true)).up_to_n_times(3),
            get(SERVICE, live("Service", "2", true)),
            get(ACCOUNT, live("ServiceAccount", "3", false)),
            delete(SERVICE, 1),
            delete(ACCOUNT, 0),
        ]);
        let (result, recorder) = with_server(&server.uri(), |task, kube| {
            let present = present(task, kube, &references())?;
            remove(task, kube, &references()).map(|()| present)
        });
        // The answer with another uid is an object that was created since.
        assert_eq!(result.unwrap(), ["Service kube-system/web"]);
        assert!(recorder.said().contains("waiting until these are gone: Service"), "{}", recorder.said());
    }

    #[test]
    fn what_is_gone_already_is_no_error() {
        let (_runtime, server) = serve([
            get("/api/v1", ResponseTemplate::new(200).set_body_json(kinds())),
            get(SERVICE, gone()),
            get(ACCOUNT, gone()),
        ]);
        let removed = with_server(&server.uri(), |task, kube| remove(task, kube, &references())).0;
        removed.unwrap();
    }

    #[test]
    fn a_reference_is_stored_in_short() {
        let all = serde_json::to_value(references()).unwrap();
        let first = json!({"apiVersion": "v1", "kind": "Service", "namespace": "kube-system", "name": "web"});
        assert_eq!(all[0], first);
        assert_eq!(serde_json::from_value::<Vec<ObjectRef>>(all).unwrap(), references());
    }
}
