//! Rolling restart of a workload, as `kubectl rollout restart` does it.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::watch::{self, Target, Workload};
use super::{Kube, MANAGER, api_error};
use crate::error::Result;
use crate::task::Task;

/// Of the pod template. Nobody's manifest names it, so that it is no drift of what was applied.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Restarts the pods of `targets` as their workloads replace pods, and waits until all are ready
/// again. Says where each pod is; fails with the cause as soon as it is known that they will not be.
pub fn restart(task: &Task<'_>, kube: &Kube, targets: &[Target], now: Timestamp) -> Result<()> {
    task.wait("the restart", async {
        for target in targets {
            match target.workload {
                Workload::Deployment => patch::<Deployment>(kube, target, now).await?,
                Workload::StatefulSet => patch::<StatefulSet>(kube, target, now).await?,
                Workload::DaemonSet => patch::<DaemonSet>(kube, target, now).await?,
                // A job runs once; there is nothing that could be replaced.
                Workload::Job => {}
            }
        }
        Ok(())
    })?;
    watch::targets(task, kube, targets.to_vec())
}

async fn patch<K>(kube: &Kube, target: &Target, now: Timestamp) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(kube.client().clone(), &target.namespace);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patched = api.patch(&target.name, &params, &Patch::Merge(body(now))).await;
    patched.map(|_| ()).map_err(|error| api_error(&format!("restart {target}"), &error))
}

fn body(now: Timestamp) -> Value {
    // Whole seconds, as kubectl writes them.
    let stamp = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}})
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, method, path, query_param};
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::checks::testing::{serve, with_server};

    #[test]
    fn only_the_annotation_of_the_pod_template_is_changed() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let wanted = json!({"spec": {"template": {"metadata": {"annotations": {
            "kubectl.kubernetes.io/restartedAt": "2026-01-02T03:04:05Z"}}}}});
        let answer = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "store"}});
        let mock = Mock::given(method("PATCH"))
            .and(path("/apis/apps/v1/namespaces/app/statefulsets/store"))
            .and(query_param("fieldManager", "todo-bootstrap"))
            .and(body_json(wanted));
        let (_runtime, server) =
            serve([mock.respond_with(ResponseTemplate::new(200).set_body_json(answer)).expect(1)]);
        let target =
            Target { workload: Workload::StatefulSet, namespace: "app".to_owned(), name: "store".to_owned() };
        with_server(&server.uri(), |cx| {
            cx.task.wait("the patch", patch::<StatefulSet>(cx.kube, &target, now)).unwrap();
            let gone = Target { name: "gone".to_owned(), ..target.clone() };
            let error = cx.task.wait("the patch", patch::<StatefulSet>(cx.kube, &gone, now)).unwrap_err();
            assert!(error.what().contains("restart StatefulSet app/gone"), "{error}");
        });
    }
}
