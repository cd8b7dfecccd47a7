//! The number of pods of a workload: set by hand, or by an autoscaler.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::json;

use super::MANAGER;
use super::watch::{self, Target};
use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// An autoscaler, and the limits within which it chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoscaler {
    pub name: String,
    pub min: i32,
    pub max: i32,
}

/// The autoscaler of a workload, if it has one.
pub fn autoscaler(task: &Task<'_>, kube: &Kube, target: &Target) -> Result<Option<Autoscaler>> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(kube.client().clone(), &target.namespace);
    let all = task.wait("the autoscalers", async {
        let list = api.list(&ListParams::default()).await;
        list.map_err(|error| api_error("list the autoscalers", &error))
    })?;
    Ok(of(&all.items, target))
}

fn of(all: &[HorizontalPodAutoscaler], target: &Target) -> Option<Autoscaler> {
    all.iter().find_map(|autoscaler| {
        let spec = autoscaler.spec.as_ref()?;
        let scales = &spec.scale_target_ref;
        let same = scales.kind == format!("{:?}", target.workload) && scales.name == target.name;
        same.then(|| Autoscaler {
            name: autoscaler.name_any(),
            min: spec.min_replicas.unwrap_or(1),
            max: spec.max_replicas,
        })
    })
}

/// The object of a workload.
pub fn read(task: &Task<'_>, kube: &Kube, target: &Target) -> Result<DynamicObject> {
    task.wait("the workload", async {
        let object = target.api(kube.client()).get(&target.name).await;
        object.map_err(|error| api_error(&format!("read {target}"), &error))
    })
}

/// Sets the number of pods and waits until all of them are ready. Fails with the cause once it is known that they
/// will not be.
pub fn scale(task: &Task<'_>, kube: &Kube, target: &Target, pods: u32) -> Result<()> {
    task.wait("the change of the number of pods", async {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"replicas": pods}}));
        let patched = target.api(kube.client()).patch_scale(&target.name, &params, &patch).await;
        patched.map_err(|error| api_error(&format!("scale {target}"), &error))
    })?;
    watch::targets(task, kube, vec![target.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::watch::Workload;
    use crate::kubernetes::testing::object;

    #[test]
    fn the_autoscaler_of_a_workload_is_found_by_kind_and_name() {
        let all: Vec<HorizontalPodAutoscaler> = ["StatefulSet", "Deployment"]
            .map(|kind| {
                object(&format!(
                    "metadata: {{name: of-{kind}}}\nspec: {{maxReplicas: 5, scaleTargetRef: {{kind: {kind}, name: web}}}}"
                ))
            })
            .into();
        let web = Target { workload: Workload::Deployment, namespace: "shop".into(), name: "web".into() };
        let found = of(&all, &web).unwrap();
        assert_eq!((found.name.as_str(), found.min, found.max), ("of-Deployment", 1, 5));
        assert_eq!(of(&all, &Target { name: "store".into(), ..web }), None);
    }
}
