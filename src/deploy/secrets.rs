//! Secrets: made from values that are never shown, compared by keyed digests.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use kube::core::DynamicObject;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::fetch::hex;

/// The Secret `name` with one key per value, ready for [`super::apply`].
pub fn object(name: &str, namespace: &str, values: &BTreeMap<String, SecretString>) -> Result<DynamicObject> {
    let data = values
        .iter()
        .map(|(key, value)| (key.clone(), ByteString(value.expose_secret().as_bytes().to_vec())))
        .collect();
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    };
    // Neither the value nor the error of a Secret may be shown.
    serde_json::to_value(secret)
        .and_then(serde_json::from_value)
        .map_err(|_| Error::failed(format!("cannot make the Secret {namespace}/{name}")))
}

/// A digest of `values` that says nothing about them without `key`: for annotations that make
/// pods start anew, for the receipt, for comparing.
pub fn digest(key: &[u8], values: &BTreeMap<String, SecretString>) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for (name, value) in values {
        for part in [name.as_bytes(), value.expose_secret().as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
    }
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from((*v).to_owned()))).collect()
    }

    #[test]
    fn values_are_encoded() {
        let secret = object("env", "shop", &values(&[("KEY", "value")])).unwrap();
        assert_eq!(secret.data["data"]["KEY"], "dmFsdWU=");
        assert_eq!(secret.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(secret.types.unwrap().kind, "Secret");
    }

    #[test]
    fn the_digest_depends_on_key_names_and_values() {
        let a = digest(b"k", &values(&[("A", "1"), ("B", "2")]));
        assert_eq!(a.len(), 64);
        assert_eq!(a, digest(b"k", &values(&[("B", "2"), ("A", "1")])));
        for other in [
            digest(b"l", &values(&[("A", "1"), ("B", "2")])),
            digest(b"k", &values(&[("A", "12"), ("B", "")])),
            digest(b"k", &values(&[("A", "1B"), ("", "2")])),
        ] {
            assert_ne!(a, other);
        }
    }
}
