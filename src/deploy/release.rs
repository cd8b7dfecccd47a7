//! Helm releases in the cluster, read through the API without running Helm.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use super::helm::INPUTS;
use super::{drift, objects};
use crate::error::{Error, Result};
use crate::kubernetes::Kube;
use crate::kubernetes::api_error;
use crate::task::Task;

/// Helm's field manager.
const HELM: &str = "helm";
/// A release is about 100 KB; more than this is not read.
const LARGEST: u64 = 64 << 20;

/// The newest revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    pub revision: u32,
    /// `deployed`, `failed`, `pending-install`, …
    pub status: String,
    /// All objects of the release except hooks, as YAML. May contain Secrets, so it is never shown.
    pub manifest: String,
    /// [`super::helm::Chart::digest`] of its inputs.
    pub inputs: Option<String>,
}

impl Release {
    pub fn deployed(&self) -> bool {
        self.status == "deployed"
    }

    /// Whether Helm is working on it, or was killed while it was.
    pub fn pending(&self) -> bool {
        self.status.starts_with("pending-") || self.status == "uninstalling"
    }

    /// The objects of the release as Helm applies them, with its ownership metadata.
    pub fn objects(&self) -> Result<Vec<DynamicObject>> {
        let mut objects = objects(&self.manifest)?;
        for object in &mut objects {
            object.labels_mut().insert("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
            for (key, value) in [("release-name", &self.name), ("release-namespace", &self.namespace)] {
                object.annotations_mut().insert(format!("meta.helm.sh/{key}"), value.clone());
            }
        }
        Ok(objects)
    }
}

/// The newest revision of release `name`, whatever its status.
pub fn release(task: &Task<'_>, kube: &Kube, namespace: &str, name: &str) -> Result<Option<Release>> {
    task.wait("reading the release", async {
        let newest = newest(kube, namespace, name).await?;
        newest.as_ref().map(|secret| read(secret, namespace, name)).transpose()
    })
}

/// The objects of a release that are missing or were changed.
pub fn release_drift(task: &Task<'_>, kube: &Kube, release: &Release) -> Result<Vec<String>> {
    drift(task, kube, &release.objects()?, HELM, Some(&release.namespace))
}

/// The Secret of the newest revision.
pub(super) async fn newest(kube: &Kube, namespace: &str, name: &str) -> Result<Option<Secret>> {
    let api: Api<Secret> = Api::namespaced(kube.client().clone(), namespace);
    let params = ListParams::default().labels(&format!("owner=helm,name={name}"));
    let list = api.list(&params).await;
    let list = list.map_err(|e| api_error(&format!("read the release {namespace}/{name}"), &e))?;
    Ok(list.items.into_iter().max_by_key(revision))
}

/// The objects and hooks (`Job/migrate`) of all releases in `namespace`; `None` without a release.
pub(crate) async fn members(kube: &Kube, namespace: &str) -> Result<Option<BTreeSet<String>>> {
    let api: Api<Secret> = Api::namespaced(kube.client().clone(), namespace);
    let list = api.list(&ListParams::default().labels("owner=helm")).await;
    let list = list.map_err(|e| api_error(&format!("list the releases in namespace {namespace}"), &e))?;
    members_of(list.items, namespace)
}

fn members_of(secrets: Vec<Secret>, namespace: &str) -> Result<Option<BTreeSet<String>>> {
    let mut newest: BTreeMap<String, Secret> = BTreeMap::new();
    for secret in secrets {
        let name = secret.labels().get("name").cloned().unwrap_or_default();
        if newest.get(&name).is_none_or(|known| revision(known) < revision(&secret)) {
            newest.insert(name, secret);
        }
    }
    let mut members = BTreeSet::new();
    for (name, secret) in &newest {
        let stored = stored(secret, namespace, name)?;
        let kind = |object: &DynamicObject| object.types.clone().unwrap_or_default().kind;
        let objects = objects(&stored.manifest)?;
        members.extend(objects.iter().map(|object| format!("{}/{}", kind(object), object.name_any())));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        members.extend(
            stored.hooks.iter().map(|hook| format!("{}/{}", text(&hook["kind"]), text(&hook["name"]))),
        );
    }
    Ok((!newest.is_empty()).then_some(members))
}

fn revision(secret: &Secret) -> u32 {
    secret.labels().get("version").and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    manifest: String,
    #[serde(default)]
    info: BTreeMap<String, Value>,
    #[serde(default)]
    hooks: Vec<Value>,
}

fn stored(secret: &Secret, namespace: &str, name: &str) -> Result<Stored> {
    let stored = secret.data.as_ref().and_then(|data| data.get("release")).and_then(decode);
    stored.ok_or_else(|| {
        Error::failed(format!("cannot read the release {namespace}/{name}"))
            .because(format!("the Secret {} does not contain what Helm writes", secret.name_any()))
            .help(format!("helm uninstall {name} --namespace {namespace}   # then todo-bootstrap up"))
    })
}

fn read(secret: &Secret, namespace: &str, name: &str) -> Result<Release> {
    let stored = stored(secret, namespace, name)?;
    let status = stored.info.get("status").and_then(Value::as_str).unwrap_or("unknown");
    Ok(Release {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        revision: revision(secret),
        status: secret.labels().get("status").map_or(status, String::as_str).to_owned(),
        manifest: stored.manifest,
        inputs: secret.labels().get(INPUTS).cloned(),
    })
}

/// The value of the Secret is base64 over gzip over JSON (`pkg/storage/driver` of Helm).
fn decode(value: &ByteString) -> Option<Stored> {
    let text = String::from_utf8(value.0.clone()).ok()?;
    let packed: ByteString = serde_json::from_value(Value::String(text)).ok()?;
    let mut json = Vec::new();
    if packed.0.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::read::GzDecoder::new(packed.0.as_slice());
        unpacked.take(LARGEST).read_to_end(&mut json).ok()?;
    } else {
        json = packed.0;
    }
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn secret(json: &str, labels: &[(&str, &str)]) -> Secret {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(json.as_bytes()).unwrap();
        let text = serde_json::to_value(ByteString(packed.finish().unwrap())).unwrap();
        let value = ByteString(text.as_str().unwrap().as_bytes().to_vec());
        let mut secret =
            Secret { data: Some(BTreeMap::from([("release".to_owned(), value)])), ..Secret::default() };
        secret.labels_mut().extend(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        secret
    }

    #[test]
    fn reads_what_helm_stores() {
        let json = r#"{"name":"web","info":{"status":"deployed"},"version":3,
            "manifest":"---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n"}"#;
        let secret = secret(json, &[("version", "3"), ("status", "superseded"), (INPUTS, "abc")]);
        let release = read(&secret, "shop", "web").unwrap();
        assert_eq!((release.revision, release.status.as_str()), (3, "superseded"));
        assert_eq!(release.inputs.as_deref(), Some("abc"));
        let objects = release.objects().unwrap();
        assert_eq!(objects[0].annotations()["meta.helm.sh/release-namespace"], "shop");
        assert_eq!(objects[0].labels()["app.kubernetes.io/managed-by"], "Helm");
    }

    #[test]
    fn a_hook_of_an_older_revision_is_no_member() {
        let json = |hook: &str| {
            format!(
                r#"{{"manifest":"apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n","hooks":[{{"name":"{hook}","kind":"Job"}}]}}"#
            )
        };
        let of = |version: &str, hook: &str| secret(&json(hook), &[("name", "web"), ("version", version)]);
        let members = members_of(vec![of("10", "new"), of("9", "old")], "shop").unwrap().unwrap();
        assert_eq!(members.into_iter().collect::<Vec<_>>(), ["Job/new", "Service/web"]);
        assert_eq!(members_of(vec![], "shop").unwrap(), None);
    }

    #[test]
    fn a_broken_one_is_named() {
        let mut secret = secret("{}", &[]);
        secret.data.as_mut().unwrap().insert("release".to_owned(), ByteString(b"%%".to_vec()));
        assert!(read(&secret, "shop", "web").unwrap_err().what().contains("shop/web"));
    }

    #[test]
    fn pending_is_told_from_done() {
        let with = |status: &str| read(&secret("{}", &[("status", status)]), "n", "r").unwrap();
        assert!(with("pending-install").pending() && with("uninstalling").pending());
        assert!(!with("failed").pending() && with("deployed").deployed());
    }
}
