//! The encryption of Secrets in etcd: the API server's `EncryptionConfiguration`, which contains the keys.
//!
//! Of the providers, the documentation of Kubernetes advises against `aescbc` (padding oracles) and `aesgcm` (a limit
//! of writes per key); KMS needs a service next to the cluster. `secretbox` (`XSalsa20` and Poly1305) has neither
//! problem. There is no `identity` provider: a new cluster has no Secrets that are not encrypted, and the API server
//! should not accept any. `ConfigMaps` are left out: they contain no secrets, and everyone may read some of them.
//!
//! <https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/>

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::files::{hex, sha256};
use crate::kubernetes::{Kube, api_error, conflict, not_found, transient};
use crate::task::Task;

/// Bytes of a key of `secretbox`.
const KEY_LEN: usize = 32;
/// The API server compares the file once a minute (`EncryptionConfigFileChangePollDuration` in k8s.io/apiserver).
const RELOAD: Duration = Duration::from_secs(3 * 60);
const PAUSE: Duration = Duration::from_secs(1);
/// The sha256 of the configuration that the API server uses (alpha, since Kubernetes 1.35).
const LOADED: &str = "apiserver_encryption_config_controller_last_config_info{";
/// Secrets in one response.
const PAGE: u32 = 200;

/// The keys: the first encrypts, all of them decrypt.
pub struct Encryption {
    keys: Vec<Key>,
}

struct Key {
    /// The key's id, which is in front of everything that it encrypted in etcd.
    id: String,
    /// Base64.
    secret: SecretString,
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Key {
    fn generate() -> Result<Self> {
        let (mut id, mut secret) = ([0_u8; 4], [0_u8; KEY_LEN]);
        let filled = getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret));
        filled.map_err(|error| Error::failed("cannot generate an encryption key").because(error))?;
        Ok(Self { id: format!("key-{}", hex(&id)), secret: BASE64_STANDARD.encode(secret).into() })
    }

    fn parse(value: &Value) -> Option<Self> {
        let (id, secret) = (value["name"].as_str()?, value["secret"].as_str()?);
        let fine = !id.is_empty() && BASE64_STANDARD.decode(secret).is_ok_and(|key| key.len() == KEY_LEN);
        fine.then(|| Self { id: id.to_owned(), secret: secret.into() })
    }
}

impl Encryption {
    /// One new key.
    pub fn generate() -> Result<Self> {
        Ok(Self { keys: vec![Key::generate()?] })
    }

    /// The keys in the text of a configuration that [`Self::text`] made; `None` if it is damaged.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let config: Value = serde_json::from_slice(text).ok()?;
        let keys = config["resources"][0]["providers"][0]["secretbox"]["keys"].as_array()?;
        let keys = keys.iter().map(Key::parse).collect::<Option<Vec<_>>>()?;
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// The configuration, as JSON, which is YAML. The same keys give the same text.
    pub fn text(&self) -> String {
        let key = |key: &Key| json!({"name": key.id, "secret": key.secret.expose_secret()});
        let keys: Vec<Value> = self.keys.iter().map(key).collect();
        let config = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": keys}}]}],
        });
        format!("{config:#}\n")
    }

    /// The id of the key that encrypts.
    pub fn id(&self) -> &str {
        self.keys.first().map_or("", |key| &key.id)
    }

    /// Puts a new key in front, unless an interrupted rotation has done so.
    pub fn add_key(&mut self) -> Result<()> {
        if self.keys.len() == 1 {
            self.keys.insert(0, Key::generate()?);
        }
        Ok(())
    }

    /// Drops all keys but the one that encrypts; returns the ids of the others.
    pub fn drop_old(&mut self) -> Vec<String> {
        self.keys.drain(1..).map(|key| key.id).collect()
    }

    /// Waits until the API server uses exactly these keys.
    pub fn loaded(&self, task: &Task<'_>, kube: &Kube) -> Result<()> {
        let hash = format!("\"sha256:{}\"", sha256(self.text().as_bytes()));
        let mut last = "its metrics do not show the new configuration".to_owned();
        let waited = task.within(RELOAD).wait("the wait for the API server to use the key", async {
            loop {
                match metrics(kube).await {
                    Ok(text) if text.lines().any(|line| line.starts_with(LOADED) && line.contains(&hash)) => {
                        return Ok(());
                    }
                    Ok(_) => {}
                    Err(error) if transient(&error) => last = error.to_string(),
                    Err(error) => return Err(api_error("read the API server's metrics", &error)),
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        waited.map_err(|error| error.because(last).help("todo-bootstrap secrets rotate   # continues"))
    }
}

async fn metrics(kube: &Kube) -> kube::Result<String> {
    let request = hyper::Request::get("/metrics").body(Vec::new()).map_err(kube::Error::HttpError)?;
    kube.once().request_text(request).await
}

/// Writes every Secret again, unchanged, so that the first key encrypts it; returns how many there are. The API
/// server writes an unchanged object only if another key encrypted it.
pub fn rewrite_secrets(task: &Task<'_>, kube: &Kube) -> Result<u64> {
    let client = kube.client();
    task.wait("writing the Secrets again", async {
        let (mut done, mut page) = (0, ListParams::default().limit(PAGE));
        loop {
            let list = Api::<Secret>::all(client.clone()).list(&page).await;
            let list = list.map_err(|error| api_error("list the Secrets", &error))?;
            let more = list.metadata.remaining_item_count.and_then(|count| u64::try_from(count).ok());
            let total = done + list.items.len() as u64 + more.unwrap_or_default();
            for secret in list.items {
                rewrite(client, secret).await?;
                done += 1;
                task.progress(Some(done), Some(total), "Secrets");
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(done),
            }
        }
    })
}

async fn rewrite(client: &Client, mut secret: Secret) -> Result<()> {
    let (name, namespace) = (secret.name_any(), secret.namespace().unwrap_or_default());
    let what = || format!("write Secret {namespace}/{name} again");
    let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    loop {
        match api.replace(&name, &PostParams::default(), &secret).await {
            Ok(_) => return Ok(()),
            Err(error) if not_found(&error) => return Ok(()),
            Err(error) if conflict(&error) => {}
            Err(error) if transient(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(api_error(&what(), &error)),
        }
        match api.get_opt(&name).await {
            Ok(Some(now)) => secret = now,
            Ok(None) => return Ok(()),
            Err(error) if transient(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(api_error(&what(), &error)),
        }
    }
}

#[cfg(test)]
mod tests;
