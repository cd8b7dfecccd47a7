//! Causes from a claim's status and events.

use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use kube::ResourceExt as _;

use super::cause::Cause;

/// Why a claim has no volume; `None` if it has one, or is meant to wait for its first pod.
pub fn claim_cause(claim: &PersistentVolumeClaim, events: &[Event]) -> Option<Cause> {
    if claim.status.as_ref()?.phase.as_deref() != Some("Pending") {
        return None;
    }
    let name = claim.name_any();
    let object = format!("{}/{name}", claim.namespace().unwrap_or_default());
    let last = events.iter().rev().find(|event| {
        event.involved_object.kind.as_deref() == Some("PersistentVolumeClaim")
            && event.involved_object.name.as_deref() == Some(&name)
    });
    let message = last.and_then(|event| event.message.clone()).unwrap_or_default();
    let (code, what, help, grace) = match last.and_then(|event| event.reason.as_deref()) {
        Some("ProvisioningFailed") if message.contains("not found") => (
            "storage-class-missing",
            "the claim names a StorageClass that does not exist",
            "kubectl get storageclass   # shows those that exist; omit storageClassName to use the default",
            20,
        ),
        Some("ProvisioningFailed") => (
            "volume-pending",
            "no volume could be created for the claim",
            "docker system df   # shows whether the engine's disk is full",
            60,
        ),
        Some("FailedBinding") => (
            "volume-pending",
            "no volume fits the claim, and no StorageClass provisions one",
            "kubectl get storageclass   # must show one that is marked (default)",
            30,
        ),
        // WaitForFirstConsumer, Provisioning, ExternalProvisioning: in progress.
        _ => return None,
    };
    Some(Cause::new(code, &object, what).detail(message).help(help).after(grace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_does_not_exist_is_named_and_waiting_for_a_pod_is_fine() {
        let claim = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "data", "namespace": "shop"}, "status": {"phase": "Pending"}
        }))
        .unwrap();
        for (reason, message, expected) in [
            ("WaitForFirstConsumer", "waiting for first consumer to be created", None),
            (
                "ProvisioningFailed",
                "storageclass \"fast\" not found",
                Some("storage-class-missing shop/data"),
            ),
        ] {
            let event = serde_json::from_value(serde_json::json!({
                "metadata": {"name": "e"}, "reason": reason, "message": message,
                "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data"}
            }));
            let cause = claim_cause(&claim, &[event.unwrap()]);
            assert_eq!(cause.map(|cause| format!("{} {}", cause.code, cause.object)).as_deref(), expected);
        }
    }
}
