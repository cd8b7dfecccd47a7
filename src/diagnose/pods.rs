//! Causes from a pod's status and events.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::ResourceExt as _;

use super::cause::{Cause, Log};

/// A container that has crashed this often is expected to crash again.
const CRASHES: i32 = 3;

/// The cause that keeps `pod` from being ready, or `None` if none is known: it is ready, or still starting.
/// `events` may contain those of other objects, oldest first.
pub fn pod_cause(pod: &Pod, events: &[Event]) -> Option<Cause> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let object = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    let events = about(pod, events);
    evicted(pod, &object)
        .or_else(|| unschedulable(pod, &object))
        .or_else(|| statuses(pod).find_map(|(status, init)| container(pod, status, init, &object)))
        .or_else(|| mounting(pod, &object, &events))
        .or_else(|| statuses(pod).find_map(|(status, _)| probing(status, &object, &events)))
}

/// The state of a pod in a few words, for a progress line.
pub fn phase(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "ending".to_owned();
    }
    if is_ready(pod) {
        return "ready".to_owned();
    }
    if condition(pod, "PodScheduled").is_none_or(|(status, _)| status != "True") {
        return "waiting to be scheduled".to_owned();
    }
    let status = pod.status.as_ref();
    if status.and_then(|status| status.phase.as_deref()) == Some("Succeeded") {
        return "done".to_owned();
    }
    for (status, init) in statuses(pod) {
        let state = status.state.as_ref();
        if let Some(ended) = state.and_then(|state| state.terminated.as_ref())
            && ended.exit_code != 0
        {
            return format!("{} exited with status {}", status.name, ended.exit_code);
        }
        if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
            return match waiting.reason.as_deref() {
                Some("ContainerCreating") => "being created".to_owned(),
                Some("PodInitializing") | None => continue,
                Some(reason) => format!("{}: {reason}", status.name),
            };
        }
        if init && state.is_some_and(|state| state.running.is_some()) {
            return format!("init container {} is running", status.name);
        }
    }
    if status.and_then(|status| status.phase.as_deref()) == Some("Running") {
        return "running, not ready yet".to_owned();
    }
    "starting".to_owned()
}

fn about<'a>(pod: &Pod, events: &'a [Event]) -> Vec<&'a Event> {
    let of_pod = |event: &&Event| {
        event.involved_object.kind.as_deref() == Some("Pod")
            && match (&event.involved_object.uid, &pod.metadata.uid) {
                (Some(a), Some(b)) => a == b,
                _ => event.involved_object.name.as_deref() == pod.metadata.name.as_deref(),
            }
    };
    events.iter().filter(of_pod).collect()
}

pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(status, _)| status == "True")
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<(&'a str, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let found = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some((&found.status, found.message.as_deref().unwrap_or_default()))
}

/// The statuses of a pod's containers: init containers first, marked with `true`.
pub(crate) fn statuses(pod: &Pod) -> impl Iterator<Item = (&ContainerStatus, bool)> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    init.iter().map(|status| (status, true)).chain(main.iter().map(|status| (status, false)))
}

fn evicted(pod: &Pod, object: &str) -> Option<Cause> {
    let status = pod.status.as_ref()?;
    if status.reason.as_deref() != Some("Evicted") {
        return None;
    }
    Some(
        Cause::new("evicted", object, "the node evicted the pod because it ran short of a resource")
            .detail(status.message.clone().unwrap_or_default())
            .help("docker system df   # shows the engine's disk usage; if memory ran short, raise `memory` in [cluster] of the profile")
            .after(30),
    )
}

fn unschedulable(pod: &Pod, object: &str) -> Option<Cause> {
    let (status, message) = condition(pod, "PodScheduled")?;
    if status != "False" {
        return None;
    }
    let (code, what, help) = if message.contains("Insufficient cpu") {
        (
            "unschedulable-cpu",
            "the node does not have enough CPU left for the pod",
            "todo-bootstrap plan   # shows what fits; raise `cpus` in [cluster] of the profile, or lower the pods' requests",
        )
    } else if message.contains("Insufficient memory") {
        (
            "unschedulable-memory",
            "the node does not have enough memory left for the pod",
            "todo-bootstrap plan   # shows what fits; raise `memory` in [cluster] of the profile, or lower the pods' requests",
        )
    } else if message.contains("PersistentVolumeClaim") || message.contains("persistentvolumeclaim") {
        (
            "volume-pending",
            "the pod waits for a volume that does not exist",
            "kubectl get storageclass,pvc   # shows whether the claim's StorageClass exists",
        )
    } else if message.contains("didn't have free ports") {
        (
            "unschedulable-port",
            "another pod uses the node port that this one needs",
            "delete the other pod with the same hostPort",
        )
    } else {
        (
            "unschedulable",
            "no node accepts the pod",
            "kubectl describe nodes   # shows taints and allocated resources",
        )
    };
    Some(Cause::new(code, object, what).detail(message).help(help).after(20))
}

fn container(pod: &Pod, status: &ContainerStatus, init: bool, object: &str) -> Option<Cause> {
    let state = status.state.as_ref()?;
    if let Some(ended) = &state.terminated {
        let never = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) == Some("Never");
        return (ended.exit_code != 0)
            .then(|| crash(status, init, object, if never { Some(0) } else { None }, Log::Current));
    }
    let waiting = state.waiting.as_ref()?;
    let message = waiting.message.clone().unwrap_or_default();
    let image = &status.image;
    let (code, what, help, grace) = match waiting.reason.as_deref()? {
        "ErrImageNeverPull" => (
            "image-missing",
            format!("the image {image} is not in the node"),
            "todo-bootstrap up   # builds and loads the image; its name and tag must be those of the build",
            10,
        ),
        "InvalidImageName" => (
            "image-name",
            format!("`{image}` is not a valid image name"),
            "fix the image's name in the chart's values",
            0,
        ),
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => (
            "image-pull",
            format!("the image {image} cannot be pulled"),
            "check the image's name and tag in the chart's values",
            20,
        ),
        "CreateContainerConfigError" => (
            "config-missing",
            "a Secret or ConfigMap, or a key of it, does not exist".to_owned(),
            "todo-bootstrap up   # continues once .env contains the key",
            15,
        ),
        "CreateContainerError" | "RunContainerError" | "StartError" => (
            "container-start",
            "the container cannot be started".to_owned(),
            "check that command, user and mounts of the container fit its image",
            20,
        ),
        "CrashLoopBackOff" => {
            let grace = (status.restart_count >= CRASHES).then_some(0);
            return Some(crash(status, init, object, grace, Log::Previous));
        }
        _ => return None,
    };
    let cause = Cause::new(code, object, what).help(help).after(grace);
    Some(cause.of_container(&status.name).detail(message))
}

fn crash(status: &ContainerStatus, init: bool, object: &str, grace: Option<u64>, log: Log) -> Cause {
    let states = [&status.state, &status.last_state];
    let ended = states.into_iter().flatten().find_map(|state| state.terminated.clone());
    let (code, exit, reason) = match &ended {
        Some(ended) if ended.reason.as_deref() == Some("OOMKilled") => {
            ("out-of-memory", ended.exit_code, "it used more memory than its limit".to_owned())
        }
        Some(ended) => {
            let code = if init { "init-failing" } else { "crash-loop" };
            (code, ended.exit_code, meaning(ended.exit_code).to_owned())
        }
        None => ("crash-loop", -1, String::new()),
    };
    let restarts = status.restart_count;
    let name = if init { "init container" } else { "container" };
    let mut cause = Cause::new(
        code,
        object,
        format!("{name} {} keeps exiting with status {exit} ({restarts} restarts)", status.name),
    )
    .of_container(&status.name)
    .detail(reason)
    .detail(ended.and_then(|ended| ended.message).unwrap_or_default())
    .log(log);
    cause.grace = grace.map(std::time::Duration::from_secs);
    if code == "out-of-memory" {
        cause.help("raise the container's memory limit in the chart's values")
    } else {
        cause.help("todo-bootstrap up   # continues once the problem in its last log lines is fixed")
    }
}

/// What an exit status means by convention; empty if nothing.
fn meaning(exit: i32) -> &'static str {
    match exit {
        126 => "status 126: its command is not executable",
        127 => "status 127: its command was not found in the image",
        137 => "status 137: it was killed (SIGKILL)",
        139 => "status 139: it crashed (SIGSEGV)",
        143 => "status 143: it was terminated (SIGTERM), often by a failing liveness probe",
        _ => "",
    }
}

fn mounting(pod: &Pod, object: &str, events: &[&Event]) -> Option<Cause> {
    let pending = pod.status.as_ref()?.phase.as_deref() == Some("Pending");
    let reasons = ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"];
    let event = events.iter().rev().find(|event| reasons.contains(&event.reason.as_deref().unwrap_or("")))?;
    if !pending {
        return None;
    }
    let message = event.message.clone().unwrap_or_default();
    let cause = if event.reason.as_deref() == Some("FailedCreatePodSandBox") {
        Cause::new("pod-network", object, "the node cannot create a network for the pod")
            .help("todo-bootstrap doctor   # checks the engine and this machine")
    } else if message.contains("not found") && (message.contains("secret") || message.contains("configmap")) {
        Cause::new("config-missing", object, "a Secret or ConfigMap that the pod mounts does not exist")
            .help("todo-bootstrap up   # creates those of .env; the chart must create the others")
    } else {
        Cause::new("volume-mount", object, "a volume of the pod cannot be mounted")
            .help("kubectl get pvc,pv   # shows the state of the volumes")
    };
    Some(cause.detail(message).after(45))
}

fn probing(status: &ContainerStatus, object: &str, events: &[&Event]) -> Option<Cause> {
    let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
    if !running || status.ready {
        return None;
    }
    let name = &status.name;
    let unhealthy = events.iter().rev().find(|event| {
        let path = event.involved_object.field_path.as_deref().unwrap_or_default();
        event.reason.as_deref() == Some("Unhealthy")
            && (path.is_empty() || path.contains(&format!("{{{name}}}")))
    })?;
    Some(
        Cause::new("probe-failing", object, format!("container {name} is running, but its probe fails"))
            .of_container(name)
            .detail(unhealthy.message.clone().unwrap_or_default())
            .help("check the path and port of the probe, and the container's log")
            .log(Log::Current),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::recorded;
    use crate::kubernetes::testing::from_json;

    /// The cause of a recorded pod in which `from` is replaced by `to`.
    fn cause(name: &str, from: &str, to: &str) -> Cause {
        let (pod, events) = recorded(name);
        let pod = serde_json::to_string(&pod).unwrap();
        assert!(pod.contains(from), "{from} in {pod}");
        pod_cause(&from_json(serde_json::from_str(&pod.replace(from, to)).unwrap()), &events).unwrap()
    }

    #[test]
    fn each_cause_is_recognised_with_its_container_details_and_grace() {
        let volume = "pod has unbound immediate PersistentVolumeClaims";
        // Code, container and grace; a part of the texts.
        for (name, (from, to), expected, part) in [
            ("image-never-pull", ("", ""), "image-missing web 10", "localhost/web:0.1.0 is not in the node"),
            ("image-pull-backoff", ("", ""), "image-pull web 20", "Back-off pulling image"),
            ("crash-loop", ("", ""), "crash-loop web 0", "web keeps exiting with status 3 (4 restarts)"),
            ("crash-loop", ("\"restartCount\":4", "\"restartCount\":1"), "crash-loop web", "(1 restarts)"),
            ("crash-loop", ("\"Error\"", "\"OOMKilled\""), "out-of-memory web 0", "memory limit"),
            ("unschedulable", ("", ""), "unschedulable-cpu 20", "`cpus`"),
            ("unschedulable", ("Insufficient cpu", volume), "volume-pending 20", volume),
            ("probe-failing", ("", ""), "probe-failing web", "statuscode: 404"),
            ("init-failing", ("", ""), "init-failing wait-for-db 0", "init container wait-for-db"),
        ] {
            let cause = cause(name, from, to);
            let grace = cause.grace.map(|grace| grace.as_secs().to_string());
            let parts = [Some(cause.code.to_owned()), cause.container, grace];
            assert_eq!(parts.into_iter().flatten().collect::<Vec<_>>().join(" "), expected, "{name}");
            let texts = format!("{} {:?} {:?}", cause.what, cause.details, cause.help);
            assert!(texts.contains(part), "{texts}");
        }
        let missing = cause("image-never-pull", "", "");
        let lasted = |seconds| missing.permanent(std::time::Duration::from_secs(seconds));
        assert!(!lasted(9) && lasted(10));
        assert_eq!(cause("crash-loop", "", "").log, Some(Log::Previous));
    }

    #[test]
    fn progress_lines_say_where_a_pod_is() {
        let (pod, events) = recorded("ready");
        assert_eq!((pod_cause(&pod, &events), phase(&pod)), (None, "ready".to_owned()));
        let line = |name: &str| phase(&recorded(name).0);
        assert_eq!(line("unschedulable"), "waiting to be scheduled");
        assert_eq!(line("crash-loop"), "web: CrashLoopBackOff");
        assert_eq!(line("probe-failing"), "running, not ready yet");
    }
}
