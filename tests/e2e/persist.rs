//! Data on a volume is kept when its pod is replaced.

use std::time::Duration;

use serde_json::Value;

use crate::bed::Bed;

pub fn note(bed: &Bed) {
    let text = "written before the pod was deleted";
    let put = bed.address().put("/notes/kept", text).expect("PUT answers");
    assert!((200..300).contains(&put.status), "{put:?}");
    let (pod, uid) = pod_with_volume(bed);
    bed.kubectl(&["delete", "pod", &pod, "--namespace", &bed.app.namespace]);
    let reply = bed.address().get_until("/notes/kept", Duration::from_secs(2 * 60), |reply| {
        reply.status == 200 && reply.body.contains(text)
    });
    println!("the note is there: {reply:?}");
    let (_, new) = pod_with_volume(bed);
    assert_ne!(uid, new, "the pod is another one");
    bed.up();
}

/// Name and UID of the running pod that uses a volume claim.
fn pod_with_volume(bed: &Bed) -> (String, String) {
    let pods = bed.kubectl_json(&["get", "pods", "--namespace", &bed.app.namespace]);
    let uses_claim = |pod: &&Value| {
        let volumes = pod["spec"]["volumes"].as_array();
        let claims = volumes.is_some_and(|all| all.iter().any(|v| !v["persistentVolumeClaim"].is_null()));
        claims && pod["metadata"]["deletionTimestamp"].is_null()
    };
    let pod = pods["items"].as_array().and_then(|items| items.iter().find(uses_claim));
    let metadata = &pod.expect("a pod with a volume claim")["metadata"];
    let text = |key: &str| metadata[key].as_str().expect("text").to_owned();
    (text("name"), text("uid"))
}
