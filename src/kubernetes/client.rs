//! The connection to a cluster, which depends on one kubeconfig only.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::discovery::Scope;
use kube::core::{ApiResource, DynamicObject, GroupVersion};
use kube::discovery::ApiCapabilities;
use kube::{Api, Client, Config};

use super::error::{api_error, not_found};
use crate::error::{Error, Result};
use crate::kubeconfig;
use crate::task::Task;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

type Resources = Arc<Vec<(ApiResource, ApiCapabilities)>>;

/// kube's error without quoted lines of the file: one of them may be a key.
fn unquoted(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => kubeconfig::fault(error),
        other => other.to_string(),
    }
}

/// Cheap to clone; clones share connections and discovered resources.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    /// As `client`, without retries of 503: a Service without endpoints responds with it.
    once: Client,
    address: String,
    resources: Arc<Mutex<HashMap<String, Resources>>>,
}

impl Kube {
    /// Reads the kubeconfig without sending anything. `KUBECONFIG`, `~/.kube/config`, the environment of a
    /// pod and, for a loopback address, proxy variables are ignored.
    pub fn connect(task: &Task<'_>, file: &Path) -> Result<Self> {
        let unusable = |error: &dyn std::fmt::Display| {
            Error::failed(format!("cannot use the kubeconfig {}", file.display()))
                .because(error)
                .help("todo-bootstrap up   # writes it again")
        };
        let parsed = Kubeconfig::read_from(file).map_err(|e| unusable(&unquoted(&e)))?;
        task.wait("connecting to the cluster", async {
            let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
                .await
                .map_err(|e| unusable(&unquoted(&e)))?;
            config.connect_timeout = Some(CONNECT_TIMEOUT);
            let host = config.cluster_url.host().unwrap_or_default().to_owned();
            if matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]") {
                config.proxy_url = None;
            }
            let address = config.cluster_url.to_string();
            let mut once = config.clone();
            once.default_retry = false;
            Ok(Self {
                client: Client::try_from(config).map_err(|e| unusable(&e))?,
                once: Client::try_from(once).map_err(|e| unusable(&e))?,
                address,
                resources: Arc::default(),
            })
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn once(&self) -> &Client {
        &self.once
    }

    /// The address of the API server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the API server responds within `limit`.
    pub fn answers(&self, task: &Task<'_>, limit: Duration) -> bool {
        let call = async {
            let call = self.once.apiserver_version();
            Ok(matches!(tokio::time::timeout(limit, call).await, Ok(Ok(_))))
        };
        task.wait("asking the API server", call).unwrap_or(false)
    }

    /// The resource of `object`, and whether it is namespaced. `None` for a kind that the cluster does not
    /// know (yet).
    pub(super) async fn resource(&self, object: &DynamicObject) -> Result<Option<(ApiResource, Scope)>> {
        let types = object.types.clone().unwrap_or_default();
        if let Some(found) = self.known(&types.api_version, &types.kind) {
            return Ok(Some(found));
        }
        let version: GroupVersion = types.api_version.parse().map_err(|_| {
            Error::failed(format!("`{}` of {} is not an apiVersion", types.api_version, types.kind))
        })?;
        let group = match kube::discovery::pinned_group(&self.client, &version).await {
            Ok(group) => group,
            Err(error) if not_found(&error) => return Ok(None),
            Err(error) => return Err(api_error("list the kinds that the cluster knows", &error)),
        };
        let all = Arc::new(group.versioned_resources(&version.version));
        if let Ok(mut known) = self.resources.lock() {
            known.insert(types.api_version.clone(), all);
        }
        Ok(self.known(&types.api_version, &types.kind))
    }

    fn known(&self, version: &str, kind: &str) -> Option<(ApiResource, Scope)> {
        let all = self.resources.lock().ok()?.get(version)?.clone();
        let (resource, capabilities) = all.iter().find(|(resource, _)| resource.kind == kind)?;
        Some((resource.clone(), capabilities.scope.clone()))
    }

    /// The API for `object`. A namespaced object without a namespace belongs to `namespace`.
    pub(crate) async fn api(
        &self,
        object: &DynamicObject,
        namespace: Option<&str>,
    ) -> Result<Option<Api<DynamicObject>>> {
        let Some((resource, scope)) = self.resource(object).await? else { return Ok(None) };
        if scope == Scope::Cluster {
            return Ok(Some(Api::all_with(self.client.clone(), &resource)));
        }
        let own = object.metadata.namespace.as_deref();
        let namespace = own.or(namespace).unwrap_or("default");
        Ok(Some(Api::namespaced_with(self.client.clone(), namespace, &resource)))
    }
}
