//! Rolling restart of a workload, as `kubectl rollout restart` does it.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::MANAGER;
use super::watch::{self, Target, Workload};
use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// An annotation of the pod template. No manifest contains it, so it does not count as drift.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Restarts the pods of `targets` by their update strategies, and waits until all are ready again.
/// Reports the state of each pod; fails with the cause once it is known that they will not be ready.
pub fn restart(task: &Task<'_>, kube: &Kube, targets: &[Target], now: Timestamp) -> Result<()> {
    task.wait("the restart", async {
        // A job runs once, so it has no pods to replace.
        for target in targets.iter().filter(|target| target.workload != Workload::Job) {
            patch(kube, target, now).await?;
        }
        Ok(())
    })?;
    watch::targets(task, kube, targets.to_vec())
}

async fn patch(kube: &Kube, target: &Target, now: Timestamp) -> Result<()> {
    // Whole seconds, as kubectl writes them.
    let stamp = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let body = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}});
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patched = target.api(kube.client()).patch(&target.name, &params, &Patch::Merge(body)).await;
    patched.map(|_| ()).map_err(|error| api_error(&format!("restart {target}"), &error))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, method, path, query_param};
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::kubernetes::testing::{serve, with_server};

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
        with_server(&server.uri(), |task, kube| {
            task.wait("the patch", patch(kube, &target, now)).unwrap();
            let gone = Target { name: "gone".to_owned(), ..target.clone() };
            let error = task.wait("the patch", patch(kube, &gone, now)).unwrap_err();
            assert!(error.what().contains("restart StatefulSet app/gone"), "{error}");
        });
    }
}
