//! The cluster, user and context of our private kubeconfig, ready to be merged into another file.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::yaml;
use crate::error::{Error, Result};
use crate::files::parent;

/// Prefix of the names of our entries in the user's file.
const PREFIX: &str = "todo-bootstrap";

/// The name that the entries of `cluster` have in the user's file.
pub fn name_for(cluster: &str) -> String {
    if cluster.starts_with(PREFIX) { cluster.to_owned() } else { format!("{PREFIX}-{cluster}") }
}

/// A cluster and its credentials, with all certificates embedded.
#[derive(Clone, PartialEq)]
pub struct Entries {
    pub(super) name: String,
    pub(super) cluster: Value,
    pub(super) user: Value,
}

impl Entries {
    /// Reads what the current context of `kubeconfig`, the file of `cluster`, refers to.
    pub fn load(kubeconfig: &Path, cluster: &str) -> Result<Self> {
        let text = std::fs::read_to_string(kubeconfig).map_err(|e| Error::io("read", kubeconfig, &e))?;
        Self::parse(&text, parent(kubeconfig), &name_for(cluster)).map_err(|why| {
            Error::failed(format!("cannot use the kubeconfig {}", kubeconfig.display()))
                .because(why)
                .help("todo-bootstrap up   # recreates it")
        })
    }

    fn parse(text: &str, dir: &Path, name: &str) -> Result<Self, String> {
        let document = yaml::read(text)?.0.into_iter().next().ok_or("it is empty")?;
        let context = named(&document, "contexts", "context", &document["current-context"])?;
        let of = |plural: &str, key: &str| named(&document, plural, key, &context[key]);
        let (mut cluster, mut user) = (of("clusters", "cluster")?, of("users", "user")?);
        embed(&mut cluster, "certificate-authority", dir)?;
        embed(&mut user, "client-certificate", dir)?;
        embed(&mut user, "client-key", dir)?;
        Ok(Self { name: name.to_owned(), cluster, user })
    }

    /// The name of the cluster, the user and the context.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The certificate of the user in a cluster's own kubeconfig (DER), if it has one.
pub fn client_certificate(kubeconfig: &Path) -> Option<Vec<u8>> {
    let text = std::fs::read_to_string(kubeconfig).ok()?;
    let user = Entries::parse(&text, parent(kubeconfig), "").ok()?.user;
    let pem = BASE64_STANDARD.decode(user["client-certificate-data"].as_str()?).ok()?;
    Some(CertificateDer::from_pem_slice(&pem).ok()?.to_vec())
}

/// Why a cluster's own kubeconfig cannot be used, or `None` if it can: it may be missing, empty, truncated or damaged.
/// The reason quotes nothing from the file except names, because the file contains a private key.
pub fn damage(kubeconfig: &Path) -> Option<String> {
    let text = match std::fs::read(kubeconfig).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return Some("it is not text".to_owned()),
        Err(error) => return Some(format!("it cannot be read: {error}")),
    };
    if text.contains('\0') {
        return Some("it contains NUL bytes".to_owned());
    }
    let Entries { cluster, user, .. } = match Entries::parse(&text, parent(kubeconfig), "") {
        Ok(entries) => entries,
        Err(why) => return Some(why),
    };
    let has = |entry: &Value, key: &str| entry[key].as_str().is_some_and(|text| !text.is_empty());
    if !has(&cluster, "server") {
        return Some("it has no address of the server".to_owned());
    }
    let (certificate, key) = ("client-certificate-data", "client-key-data");
    let pair = has(&user, certificate) && has(&user, key);
    if !pair && !has(&user, "token") && user.get("exec").is_none() {
        return Some("it has no complete credentials".to_owned());
    }
    let parts = [(&cluster, "certificate-authority-data"), (&user, certificate), (&user, key)];
    let broken = parts.into_iter().find(|(entry, key)| entry.get(key).is_some_and(|data| !is_complete(data)));
    broken.map(|(_, key)| format!("its `{key}` is damaged"))
}

/// Whether `data` is base64, and complete if it is PEM.
fn is_complete(data: &Value) -> bool {
    let bytes = data.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default();
    // A PEM text may be truncated within its first bytes, too.
    let is_pem = bytes.iter().zip(b"-----BEGIN").all(|(byte, expected)| byte == expected);
    let text = String::from_utf8_lossy(&bytes);
    !bytes.is_empty() && (!is_pem || text.contains("-----END ") && text.trim_end().ends_with("-----"))
}

fn named(document: &Value, plural: &str, key: &str, name: &Value) -> Result<Value, String> {
    let items = document[plural].as_array().ok_or_else(|| format!("it has no {plural}"))?;
    let name = name.as_str().unwrap_or_default();
    let item = items.iter().find(|item| item["name"] == name).and_then(|item| item.get(key));
    item.cloned().ok_or_else(|| format!("its {plural} do not contain `{name}`"))
}

/// Replaces the name of a file by its content: the other kubeconfig is in another folder, and outlives ours.
fn embed(entry: &mut Value, key: &str, dir: &Path) -> Result<(), String> {
    let Some(file) = entry.as_object_mut().and_then(|entry| entry.remove(key)) else { return Ok(()) };
    let data = format!("{key}-data");
    // If both are present, client-go uses the data.
    if entry.get(&data).is_some() {
        return Ok(());
    }
    let file = dir.join(file.as_str().unwrap_or_default());
    let bytes = std::fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    entry[data] = BASE64_STANDARD.encode(bytes).into();
    Ok(())
}

#[cfg(test)]
pub(super) fn recorded(name: &str, port: u16) -> Entries {
    let text = format!(
        "apiVersion: v1
clusters:
- cluster: {{certificate-authority-data: Q0E=, server: 'https://127.0.0.1:{port}'}}
  name: kind-x
contexts:
- context: {{cluster: kind-x, user: kind-x}}
  name: kind-x
current-context: kind-x
kind: Config
users:
- name: kind-x
  user: {{client-certificate-data: Q1JU, client-key-data: S0VZ}}
"
    );
    Entries::parse(&text, Path::new("."), name).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        assert_eq!(name_for("todo-bootstrap"), "todo-bootstrap");
        assert_eq!(name_for("demo"), "todo-bootstrap-demo");
    }

    #[test]
    fn certificates_in_files_are_embedded() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.crt"), "CA").unwrap();
        let text = "current-context: c\ncontexts: [{name: c, context: {cluster: a, user: b}}]\n\
                    clusters: [{name: a, cluster: {certificate-authority: ca.crt, server: s}}]\n\
                    users: [{name: b, user: {token: t}}]\n";
        let entries = Entries::parse(text, dir.path(), "n").unwrap();
        let expected = serde_json::json!({"server": "s", "certificate-authority-data": "Q0E="});
        assert_eq!(entries.cluster, expected);
        let error = Entries::parse(&text.replace("ca.crt", "no.crt"), dir.path(), "n").err().unwrap();
        assert!(error.contains("no.crt"), "{error}");
    }

    #[test]
    fn damage_is_recognised_and_not_quoted() {
        let pem = |kind: &str| {
            BASE64_STANDARD
                .encode(format!("-----BEGIN {kind}-----\nQUJDREVGR0hJSktMTU5PUA==\n-----END {kind}-----\n"))
        };
        let (certificate, key) = (pem("CERTIFICATE"), pem("EC PRIVATE KEY"));
        let whole = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    \
             certificate-authority-data: {certificate}\n    server: https://127.0.0.1:1\n\
             contexts:\n- name: c\n  context:\n    cluster: c\n    user: c\nusers:\n- name: c\n  user:\n    \
             client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        assert!(damage(&path).unwrap().contains("cannot be read"));
        let why = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let why = damage(&path);
            assert!(!why.as_ref().is_some_and(|why| why.contains(&key[..12])), "{why:?}");
            why
        };
        assert_eq!(why(&whole), None);
        // Wherever the file is truncated, up to the last bytes of the key.
        for length in (0..whole.len() - 16).step_by(7) {
            assert!(why(&whole[..length]).is_some(), "{length} bytes");
        }
        for damaged in [
            "\n# nothing\n".to_owned(),
            "\0".repeat(whole.len()),
            whole.replace("server: https", "\0erver: https"),
            whole.replace("    client-key-data", "   client-key-data"),
            whole.replace("    client-key-data", "  client-key-data"),
            whole.replace("client-key-data: ", "client-key-data:\n  "),
            whole.replace("client-key-data: ", "client-key-data: *"),
            whole.replace("    user: c\n", "    user: d\n"),
            whole.replace("    server: https://127.0.0.1:1\n", ""),
            format!("{key}\n"),
        ] {
            assert!(why(&damaged).is_some(), "{damaged}");
        }
        std::fs::write(dir.path().join("kubeconfig"), b"a: \xff").unwrap();
        assert_eq!(damage(&dir.path().join("kubeconfig")).unwrap(), "it is not text");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| Entries::parse(text, Path::new("."), "n").err().unwrap();
        assert_eq!(error(""), "it is empty");
        assert_eq!(error("current-context: c\n"), "it has no contexts");
        assert_eq!(error("current-context: c\ncontexts: []\n"), "its contexts do not contain `c`");
    }
}
