//! The mark that identifies a cluster as ours. Nothing is written to a cluster without it.

use std::path::Path;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{Api, PostParams};

use crate::deploy::LABEL;
use crate::error::{Error, Result};
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "todo-bootstrap";
const KEY: &str = "instance";

/// Marks a new cluster as instance `id`. An existing mark is kept; that of another instance is an error.
pub fn mark(task: &Task<'_>, kube: &Kube, id: &str) -> Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(kube.client().clone(), NAMESPACE);
    let mut map = ConfigMap { data: Some([(KEY.to_owned(), id.to_owned())].into()), ..ConfigMap::default() };
    map.metadata.name = Some(NAME.to_owned());
    map.labels_mut().insert(LABEL.0.to_owned(), LABEL.1.to_owned());
    task.wait("marking the cluster", async {
        match api.create(&PostParams::default(), &map).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                verdict(found(&api).await?.as_deref(), id)
            }
            Err(error) => Err(api_error("mark the cluster", &error)),
        }
    })
}

/// Connects to a cluster that [`mark`] marked with `id`; fails for any other.
pub fn connect(task: &Task<'_>, kubeconfig: &Path, id: &str) -> Result<Kube> {
    let kube = Kube::connect(task, kubeconfig)?;
    let api: Api<ConfigMap> = Api::namespaced(kube.client().clone(), NAMESPACE);
    let found = task.wait("reading the cluster's mark", found(&api))?;
    verdict(found.as_deref(), id).map(|()| kube)
}

/// The instance that the cluster is marked with, if any.
async fn found(api: &Api<ConfigMap>) -> Result<Option<String>> {
    let map = api.get_opt(NAME).await.map_err(|e| api_error("read the cluster's mark", &e))?;
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
