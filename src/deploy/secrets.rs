//! The settings in the cluster: a Secret and a `ConfigMap`, compared by keyed digests. Values are never shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ApiResource, Patch, PatchParams};
use kube::core::DynamicObject;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::MANAGER;
use crate::config::env::{Class, EnvValues};
use crate::error::{Error, Result};
use crate::files::hex;
use crate::kubernetes::Kube;
use crate::kubernetes::api_error;
use crate::task::Task;

/// The object of one class, and its values.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub class: Class,
    pub namespace: String,
    pub name: String,
    pub values: EnvValues,
}

/// A key whose value in the cluster differs from the wanted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub key: String,
    pub class: Class,
    /// `added`, `changed` or `removed`.
    pub what: &'static str,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.key, self.what)
    }
}

impl Wanted {
    fn kind(&self) -> &'static str {
        match self.class {
            Class::Secret => "Secret",
            Class::Config => "ConfigMap",
        }
    }

    fn api(&self, kube: &Kube) -> Api<DynamicObject> {
        let resource = match self.class {
            Class::Secret => ApiResource::erase::<Secret>(&()),
            Class::Config => ApiResource::erase::<ConfigMap>(&()),
        };
        Api::namespaced_with(kube.client().clone(), &self.namespace, &resource)
    }

    /// The object with one key per value, ready for [`super::apply()`].
    pub fn object(&self) -> Result<DynamicObject> {
        let encode = |value: &SecretString| match self.class {
            Class::Secret => BASE64_STANDARD.encode(value.expose_secret()),
            Class::Config => value.expose_secret().to_owned(),
        };
        let data: BTreeMap<_, _> = self.values.iter().map(|(key, value)| (key, encode(value))).collect();
        let mut object = json!({"apiVersion": "v1", "kind": self.kind(), "data": data,
            "metadata": {"name": self.name, "namespace": self.namespace}});
        if self.class == Class::Secret {
            object["type"] = "Opaque".into();
        }
        // serde's error may quote the values.
        serde_json::from_value(object)
            .map_err(|_| Error::failed(format!("cannot create {}/{}", self.namespace, self.name)))
    }

    /// The values in the cluster; empty if the object does not exist.
    async fn live(&self, kube: &Kube) -> Result<EnvValues> {
        let object = self.api(kube).get_opt(&self.name).await.map_err(|error| {
            api_error(&format!("read the settings {}/{}", self.namespace, self.name), &error)
        })?;
        // Data that is not text was not written by us: it counts as a text that differs from all that we write.
        let decode = |value: &Value| {
            let text = value.as_str().unwrap_or_default();
            let bytes = match self.class {
                Class::Secret => BASE64_STANDARD.decode(text).unwrap_or_default(),
                Class::Config => text.into(),
            };
            String::from_utf8(bytes).unwrap_or_else(|_| "\u{fffd}\0".to_owned()).into()
        };
        let data = |object: DynamicObject| {
            let data = object.data["data"].as_object().into_iter().flatten();
            data.map(|(key, value)| (key.clone(), decode(value))).collect()
        };
        Ok(object.map(data).unwrap_or_default())
    }

    /// The changes that applying the wanted values would make.
    fn compare(&self, live: &EnvValues) -> Vec<Change> {
        let change = |key: &str, what| Change { key: key.to_owned(), class: self.class, what };
        let wanted = self.values.iter().filter_map(|(key, value)| match live.get(key) {
            None => Some(change(key, "added")),
            Some(old) if old.expose_secret() != value.expose_secret() => Some(change(key, "changed")),
            Some(_) => None,
        });
        let gone = live.keys().filter(|key| !self.values.contains_key(*key));
        wanted.chain(gone.map(|key| change(key, "removed"))).collect()
    }

    /// A digest for each key, which reveals nothing about the value without `key`. Charts add the digests of
    /// a service's settings to its pods, so that a change restarts them.
    pub fn digests(&self, key: &[u8]) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, value)| (name.clone(), digest(key, name, value))).collect()
    }
}

/// The values in the cluster; empty if there are none yet.
pub fn live(task: &Task<'_>, kube: &Kube, wanted: &Wanted) -> Result<EnvValues> {
    task.wait("reading the settings in the cluster", wanted.live(kube))
}

/// Every key, by object and name, that differs between `wanted` and the cluster.
pub fn changes(task: &Task<'_>, kube: &Kube, wanted: &[Wanted]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for object in wanted {
        changes.extend(object.compare(&live(task, kube, object)?));
    }
    Ok(changes)
}

/// The changes by object and key: `Secret shop/shop-env: TOKEN changed, OLD removed`.
pub fn told(wanted: &[Wanted], changes: &[Change]) -> String {
    let of = |object: &Wanted| {
        let own = changes.iter().filter(|change| change.class == object.class);
        let own: Vec<String> = own.map(ToString::to_string).collect();
        let told = format!("{} {}/{}: {}", object.kind(), object.namespace, object.name, own.join(", "));
        (!own.is_empty()).then_some(told)
    };
    wanted.iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

/// Makes these objects contain `wanted` and nothing else.
pub fn apply(task: &Task<'_>, kube: &Kube, wanted: &[Wanted]) -> Result<()> {
    let objects = wanted.iter().map(Wanted::object).collect::<Result<Vec<_>>>()?;
    super::apply(task, kube, &objects, None)?;
    for object in wanted {
        // Applying does not remove keys that belong to another field manager.
        let live = live(task, kube, object)?;
        let foreign: serde_json::Map<String, Value> = live
            .into_keys()
            .filter(|key| !object.values.contains_key(key))
            .map(|key| (key, Value::Null))
            .collect();
        if !foreign.is_empty() {
            task.wait("removing keys from the settings", remove(kube, object, &foreign))?;
        }
    }
    Ok(())
}

async fn remove(kube: &Kube, object: &Wanted, keys: &serde_json::Map<String, Value>) -> Result<()> {
    let patch = Patch::Merge(json!({ "data": keys }));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let done = object.api(kube).patch(&object.name, &params, &patch).await;
    done.map(drop)
        .map_err(|e| api_error(&format!("remove keys from {}/{}", object.namespace, object.name), &e))
}

/// The keyed digest of one value: 16 hexadecimal digits.
pub fn digest(key: &[u8], name: &str, value: &SecretString) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in [name.as_bytes(), value.expose_secret().as_bytes()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(class: Class, pairs: &[(&str, &str)]) -> Wanted {
        let values = pairs.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from(*v))).collect();
        Wanted { class, namespace: "shop".to_owned(), name: "env".to_owned(), values }
    }

    #[test]
    fn values_are_encoded_by_class() {
        let secret = wanted(Class::Secret, &[("KEY", "value")]).object().unwrap();
        assert_eq!(secret.data["data"]["KEY"], "dmFsdWU=");
        assert_eq!(secret.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(secret.types.unwrap().kind, "Secret");
        let config = wanted(Class::Config, &[("KEY", "value")]).object().unwrap();
        assert_eq!(config.data["data"]["KEY"], "value");
        assert_eq!(config.types.unwrap().kind, "ConfigMap");
    }

    #[test]
    fn changes_are_told_by_key() {
        let live = wanted(Class::Secret, &[("SAME", "1"), ("OLD", "1"), ("NEW", "1")]).values;
        let changes = wanted(Class::Secret, &[("SAME", "1"), ("NEW", "2"), ("MORE", "")]).compare(&live);
        let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["MORE added", "NEW changed", "OLD removed"]);
        let objects = [wanted(Class::Config, &[]), wanted(Class::Secret, &[])];
        assert_eq!(told(&objects, &changes), "Secret shop/env: MORE added, NEW changed, OLD removed");
    }

    #[test]
    fn the_digest_depends_on_key_name_and_value() {
        let of = |key: &[u8], name: &str, value: &str| digest(key, name, &SecretString::from(value));
        let a = of(b"k", "A", "1");
        assert_eq!(a.len(), 16);
        assert_eq!(a, of(b"k", "A", "1"));
        for other in [of(b"l", "A", "1"), of(b"k", "B", "1"), of(b"k", "A", "2"), of(b"k", "A1", "")] {
            assert_ne!(a, other);
        }
        assert_eq!(wanted(Class::Secret, &[("A", "1")]).digests(b"k")["A"], a);
    }

    #[test]
    fn nothing_here_shows_a_value() {
        let wanted = wanted(Class::Secret, &[("KEY", "hunter2")]);
        assert!(!format!("{wanted:?}").contains("hunter2"));
    }
}
