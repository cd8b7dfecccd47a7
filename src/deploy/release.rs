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

use super::helm::{INPUTS, OURS};
use super::{drift, objects};
use crate::error::{Error, Result};
use crate::kubernetes::Kube;
use crate::kubernetes::api_error;
use crate::task::Task;

/// Helm's field manager.
const HELM: &str = "helm";
/// A release is about 100 KB; more than this is not read.
const LARGEST: u64 = 64 << 20;

/// A revision of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    pub revision: u32,
    /// `deployed`, `superseded`, `failed`, `pending-install`, …
    pub status: String,
    /// The version of the chart.
    pub chart: String,
    /// The version of the application, according to the chart.
    pub app: String,
    /// When Helm installed it; empty if Helm did not store that.
    pub date: String,
    /// The revision that it restored.
    pub restored: Option<u32>,
    /// All objects of the release except hooks, as YAML. May contain Secrets, so it is never shown.
    pub manifest: String,
    /// The objects of its tests (hooks of `helm test`), as YAML, in the order in which they run.
    pub tests: Vec<String>,
    /// [`super::helm::Chart::digest`] of its inputs; `None` for one that was installed by hand.
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

/// All stored revisions of release `name`, oldest first.
pub fn history(task: &Task<'_>, kube: &Kube, namespace: &str, name: &str) -> Result<Vec<Release>> {
    task.wait("reading the revisions of the release", async {
        let mut secrets = revisions(kube, namespace, &format!("owner=helm,name={name}")).await?;
        secrets.sort_by_key(revision);
        secrets.iter().map(|secret| read(secret, namespace, name)).collect()
    })
}

/// The newest revisions of all releases in `namespace`.
pub(crate) async fn releases(kube: &Kube, namespace: &str) -> Result<Vec<Release>> {
    let newest = newest_of_each(revisions(kube, namespace, "owner=helm").await?);
    newest.iter().map(|(name, secret)| read(secret, namespace, name)).collect()
}

/// The objects of a release that are missing or were changed.
pub fn release_drift(task: &Task<'_>, kube: &Kube, release: &Release) -> Result<Vec<String>> {
    drift(task, kube, &release.objects()?, HELM, Some(&release.namespace))
}

/// The Secret of the newest revision.
pub(super) async fn newest(kube: &Kube, namespace: &str, name: &str) -> Result<Option<Secret>> {
    let all = revisions(kube, namespace, &format!("owner=helm,name={name}")).await?;
    Ok(all.into_iter().max_by_key(revision))
}

/// The Secrets in which Helm stores revisions.
async fn revisions(kube: &Kube, namespace: &str, labels: &str) -> Result<Vec<Secret>> {
    let api: Api<Secret> = Api::namespaced(kube.client().clone(), namespace);
    let list = api.list(&ListParams::default().labels(labels)).await;
    Ok(list.map_err(|e| api_error(&format!("list the releases in namespace {namespace}"), &e))?.items)
}

/// The objects and hooks (`Job/migrate`) of all releases in `namespace`; `None` without a release.
pub(crate) async fn members(kube: &Kube, namespace: &str) -> Result<Option<BTreeSet<String>>> {
    members_of(revisions(kube, namespace, "owner=helm").await?, namespace)
}

/// The Secret of the newest revision of each release, by its name.
fn newest_of_each(secrets: Vec<Secret>) -> BTreeMap<String, Secret> {
    let mut newest: BTreeMap<String, Secret> = BTreeMap::new();
    for secret in secrets {
        let name = secret.labels().get("name").cloned().unwrap_or_default();
        if newest.get(&name).is_none_or(|known| revision(known) < revision(&secret)) {
            newest.insert(name, secret);
        }
    }
    newest
}

fn members_of(secrets: Vec<Secret>, namespace: &str) -> Result<Option<BTreeSet<String>>> {
    let newest = newest_of_each(secrets);
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
    chart: Value,
    #[serde(default)]
    hooks: Vec<Value>,
}

impl Stored {
    /// The manifests of the hooks that `helm test` runs, by their weight and name.
    fn tests(&self) -> Vec<String> {
        let is_test =
            |hook: &&Value| hook["events"].as_array().is_some_and(|all| all.contains(&"test".into()));
        let mut tests: Vec<&Value> = self.hooks.iter().filter(is_test).collect();
        tests.sort_by_key(|hook| {
            (
                hook["weight"].as_i64().unwrap_or_default(),
                hook["name"].as_str().unwrap_or_default().to_owned(),
            )
        });
        tests.into_iter().filter_map(|hook| hook["manifest"].as_str().map(str::to_owned)).collect()
    }
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
    let info = |key: &str| stored.info.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chart = |key: &str| stored.chart["metadata"][key].as_str().unwrap_or_default().to_owned();
    let status = Some(info("status")).filter(|status| !status.is_empty());
    let status = status.unwrap_or_else(|| "unknown".to_owned());
    let restored = stored.info.get("rollback_revision").and_then(Value::as_u64);
    // A rollback restores a revision with its label.
    let labelled = info("description") == OURS || restored.is_some();
    Ok(Release {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        revision: revision(secret),
        status: secret.labels().get("status").cloned().unwrap_or(status),
        chart: chart("version"),
        app: chart("appVersion"),
        date: info("last_deployed"),
        restored: restored.and_then(|revision| u32::try_from(revision).ok()).filter(|revision| *revision > 0),
        tests: stored.tests(),
        manifest: stored.manifest,
        inputs: secret.labels().get(INPUTS).filter(|_| labelled).cloned(),
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
        let json = r#"{"name":"web","version":3,"chart":{"metadata":{"version":"0.2.0","appVersion":"1.4"}},
            "info":{"status":"deployed","last_deployed":"2026-01-02T03:04:05Z","rollback_revision":1},
            "hooks":[{"name":"b","events":["test"],"manifest":"b"},{"name":"c","events":["pre-install"],"manifest":"c"},
                {"name":"z","events":["test"],"weight":-1,"manifest":"z"}],
            "manifest":"---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n"}"#;
        let secret = secret(json, &[("version", "3"), ("status", "superseded"), (INPUTS, "abc")]);
        let release = read(&secret, "shop", "web").unwrap();
        assert_eq!((release.revision, release.status.as_str()), (3, "superseded"));
        assert_eq!(release.inputs.as_deref(), Some("abc"));
        assert_eq!((release.chart.as_str(), release.app.as_str()), ("0.2.0", "1.4"));
        assert_eq!((release.date.as_str(), release.restored), ("2026-01-02T03:04:05Z", Some(1)));
        assert_eq!(release.tests, ["z", "b"]);
        let objects = release.objects().unwrap();
        assert_eq!(objects[0].annotations()["meta.helm.sh/release-namespace"], "shop");
        assert_eq!(objects[0].labels()["app.kubernetes.io/managed-by"], "Helm");
    }

    #[test]
    fn the_digest_of_inputs_counts_only_in_our_own_revisions() {
        let of = |info: &str| {
            let secret = secret(&format!("{{\"info\": {{{info}}}}}"), &[(INPUTS, "abc")]);
            read(&secret, "shop", "web").unwrap().inputs
        };
        assert_eq!(of(&format!("\"description\": \"{OURS}\"")).as_deref(), Some("abc"));
        assert_eq!(of("\"description\": \"Upgrade complete\""), None);
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
