//! The mark that identifies a cluster as ours. Nothing is written to a cluster without it.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};

use crate::error::{Error, Result};
use crate::kubernetes::Kube;
use crate::task::Task;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "todo-bootstrap";
const KEY: &str = "instance";

/// Marks a new cluster as instance `id`. An existing mark is kept; that of another instance is an error.
pub fn mark(task: &Task<'_>, kube: &Kube, id: &str) -> Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(kube.client().clone(), NAMESPACE);
    let map = ConfigMap {
        metadata: kube::api::ObjectMeta {
            name: Some(NAME.to_owned()),
            labels: Some(BTreeMap::from([(
                crate::deploy::LABEL.0.to_owned(),
                crate::deploy::LABEL.1.to_owned(),
            )])),
            ..Default::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), id.to_owned())])),
        ..Default::default()
    };
    task.wait("marking the cluster", async {
        match api.create(&PostParams::default(), &map).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                verdict(found(&api).await?.as_deref(), id)
            }
            Err(error) => Err(crate::kubernetes::api_error("mark the cluster", &error)),
        }
    })
}

/// Connects to a cluster that [`mark`] marked with `id`.
pub fn connect(task: &Task<'_>, kubeconfig: &Path, id: &str) -> Result<Kube> {
    let kube = Kube::connect(task, kubeconfig)?;
    guard(task, &kube, id)?;
    Ok(kube)
}

/// Fails unless [`mark`] marked the cluster with the same `id`.
fn guard(task: &Task<'_>, kube: &Kube, id: &str) -> Result<()> {
    let found = instance(task, kube)?;
    verdict(found.as_deref(), id)
}

/// The instance that the cluster is marked with, if any.
fn instance(task: &Task<'_>, kube: &Kube) -> Result<Option<String>> {
    let api: Api<ConfigMap> = Api::namespaced(kube.client().clone(), NAMESPACE);
    task.wait("reading the cluster's mark", found(&api))
}

async fn found(api: &Api<ConfigMap>) -> Result<Option<String>> {
    let map =
        api.get_opt(NAME).await.map_err(|e| crate::kubernetes::api_error("read the cluster's mark", &e))?;
    Ok(map.map(|map| map.data.and_then(|mut data| data.remove(KEY)).unwrap_or_default()))
}

fn verdict(found: Option<&str>, id: &str) -> Result<()> {
    let reason = match found {
        Some(found) if found == id => return Ok(()),
        Some(_) => "it has the mark of another installation of todo-bootstrap",
        None => "it does not have the mark that todo-bootstrap sets on clusters it creates",
    };
    Err(Error::refused("this cluster was not created by this installation; nothing was written to it")
        .because(reason)
        .because(format!("see ConfigMap {NAMESPACE}/{NAME}"))
        .help("set another `name` in [cluster] of the profile to create a separate cluster"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn only_our_own_mark_passes() {
        assert!(verdict(Some("a"), "a").is_ok());
        for found in [None, Some("b"), Some("")] {
            assert_eq!(verdict(found, "a").unwrap_err().exit(), Exit::Refused);
        }
    }
}
