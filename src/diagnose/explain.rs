//! Reads the state of a namespace, and turns its problems into an error.

use futures::future::join4;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, LogParams};

use super::cause::{Cause, Log};
use super::{claim_cause, dns_cause, is_ready, phase, pod_cause};
use crate::error::Error;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

/// The number of log lines that are shown.
const LOG_LINES: i64 = 8;
const LINE: usize = 160;

/// The state of a namespace, for [`verdict`].
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub pods: Vec<Pod>,
    pub claims: Vec<PersistentVolumeClaim>,
    pub policies: Vec<NetworkPolicy>,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// The most important cause: those that do not recover come first.
pub fn verdict(observed: &Observed) -> Option<Cause> {
    let pods = observed.pods.iter().filter_map(|pod| pod_cause(pod, &observed.events));
    let claims = observed.claims.iter().filter_map(|claim| claim_cause(claim, &observed.events));
    let unready =
        observed.pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && !is_ready(pod));
    let dns = unready.filter_map(|pod| dns_cause(pod, &observed.policies));
    // A claim without a volume is the reason why its pod is not scheduled.
    claims.chain(dns).chain(pods).min_by_key(|cause| match cause.code {
        "storage-class-missing" | "volume-pending" => 0,
        // A program that cannot resolve names exits, or is not ready.
        "dns-blocked" => 2,
        "crash-loop" | "init-failing" => 3,
        "probe-failing" => 4,
        _ if cause.grace.is_some() => 1,
        "out-of-memory" => 3,
        _ => 5,
    })
}

/// Why the pods in `namespace` that `selector` (`a=b,c=d`, empty for all) selects are not ready. Without a
/// known cause, the error lists the state of each pod.
pub fn explain(task: &Task<'_>, kube: &Kube, namespace: &str, selector: &str) -> Error {
    let look = async { Ok(explain_async(kube, namespace, selector).await) };
    match task.wait("looking for the cause", look) {
        Ok(error) | Err(error) => error,
    }
}

pub(crate) async fn explain_async(kube: &Kube, namespace: &str, selector: &str) -> Error {
    let observed = match gather(kube, namespace, selector).await {
        Ok(observed) => observed,
        Err(error) => return api_error(&format!("list the objects in namespace {namespace}"), &error),
    };
    let Some(cause) = verdict(&observed) else { return unclear(namespace, &observed) };
    told(kube, &cause).await
}

/// The error for a cause, with the last lines of its container.
pub(crate) async fn told(kube: &Kube, cause: &Cause) -> Error {
    let log = match cause.log {
        Some(which) => last_lines(kube, cause, which).await,
        None => String::new(),
    };
    screen(cause, &log)
}

fn screen(cause: &Cause, log: &str) -> Error {
    let mut error = Error::failed(format!("{}: {} ({})", cause.object, cause.what, cause.code));
    for detail in &cause.details {
        error = error.because(shorten(detail));
    }
    if !log.trim().is_empty() {
        let lines: Vec<String> = log.lines().map(|line| format!("| {}", shorten(line))).collect();
        error = error.because(format!("its last lines are\n{}", lines.join("\n")));
    }
    cause.help.iter().fold(error, |error, help| error.help(help.clone()))
}

fn unclear(namespace: &str, observed: &Observed) -> Error {
    let mut error = Error::failed(format!("the pods in namespace {namespace} are not ready"));
    if observed.pods.is_empty() {
        error = error.because("there is no pod");
    }
    for pod in observed.pods.iter().filter(|pod| phase(pod) != "ready").take(6) {
        error = error.because(format!("{}: {}", pod.name_any(), phase(pod)));
    }
    let warnings = observed.events.iter().rev().filter(|event| event.type_.as_deref() == Some("Warning"));
    for event in warnings.take(3) {
        let (reason, message) = (event.reason.as_deref(), event.message.as_deref());
        let line = format!("{}: {}", reason.unwrap_or_default(), message.unwrap_or_default());
        error = error.because(shorten(&line));
    }
    error
        .help("todo-bootstrap logs   # shows the logs of the containers")
        .help("todo-bootstrap up   # waits for them again")
}

pub(crate) async fn gather(kube: &Kube, namespace: &str, selector: &str) -> Result<Observed, kube::Error> {
    let client = kube.client();
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let policies: Api<NetworkPolicy> = Api::namespaced(client.clone(), namespace);
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let params =
        if selector.is_empty() { ListParams::default() } else { ListParams::default().labels(selector) };
    let all = ListParams::default();
    let (pods, claims, policies, events) =
        join4(pods.list(&params), claims.list(&all), policies.list(&all), events.list(&all)).await;
    let mut events = events?.items;
    events.sort_by_key(moment);
    Ok(Observed { pods: pods?.items, claims: claims?.items, policies: policies?.items, events })
}

/// When an event was last seen; the fields depend on the component that reports it.
pub(crate) fn moment(event: &Event) -> String {
    let time = event.last_timestamp.as_ref().map(|time| time.0.to_string());
    let micro = event.event_time.as_ref().map(|time| time.0.to_string());
    let made = event.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
    time.or(micro).or(made).unwrap_or_default()
}

/// The end of a container's log; empty if there is none.
async fn last_lines(kube: &Kube, cause: &Cause, which: Log) -> String {
    let Some((namespace, pod)) = cause.object.split_once('/') else { return String::new() };
    let api: Api<Pod> = Api::namespaced(kube.client().clone(), namespace);
    let params = LogParams {
        container: cause.container.clone(),
        previous: which == Log::Previous,
        tail_lines: Some(LOG_LINES),
        ..LogParams::default()
    };
    match api.logs(pod, &params).await {
        Ok(text) if !text.trim().is_empty() => text,
        _ if which == Log::Previous => {
            let now = LogParams { previous: false, ..params };
            api.logs(pod, &now).await.unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn shorten(line: &str) -> String {
    let line = line.trim_end();
    if line.chars().count() <= LINE {
        return line.to_owned();
    }
    line.chars().take(LINE).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::recorded;

    #[test]
    fn one_screen_with_cause_log_and_remedy() {
        let (pod, events) = recorded("crash-loop");
        let cause = pod_cause(&pod, &events).unwrap();
        let error = screen(&cause, "Traceback\nKeyError: 'DATABASE_URL'\n");
        assert_eq!(
            error.to_string(),
            "shop/web-5d9c-abcde: container web keeps exiting with status 3 (4 restarts) (crash-loop)\n  \
             because its last lines are\n          | Traceback\n          | KeyError: 'DATABASE_URL'\n  \
             help: todo-bootstrap up   # continues once the problem in its last log lines is fixed"
        );
    }

    #[test]
    fn what_cannot_heal_is_told_first() {
        let (probe, mut events) = recorded("probe-failing");
        let (mut never, more) = recorded("image-never-pull");
        never.metadata.uid = Some("2".to_owned());
        events.extend(more);
        let observed = Observed { pods: vec![probe, never], events, ..Observed::default() };
        assert_eq!(verdict(&observed).unwrap().code, "image-missing");
    }

    #[test]
    fn blocked_dns_is_told_before_what_follows_from_it() {
        let (mut pod, events) = recorded("crash-loop");
        pod.metadata.namespace = Some("shop".to_owned());
        let deny = crate::kubernetes::testing::object(
            "metadata: {name: deny, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Egress]}\n",
        );
        let mut observed = Observed { pods: vec![pod], events, ..Observed::default() };
        assert_eq!(verdict(&observed).unwrap().code, "crash-loop");
        observed.policies = vec![deny];
        assert_eq!(verdict(&observed).unwrap().code, "dns-blocked");
        // It does not follow from that.
        let (mut image, more) = recorded("image-never-pull");
        image.metadata.uid = Some("2".to_owned());
        observed.pods.push(image);
        observed.events.extend(more);
        assert_eq!(verdict(&observed).unwrap().code, "image-missing");
        let (ready, _) = recorded("ready");
        observed.pods = vec![ready];
        assert_eq!(verdict(&observed), None);
    }

    #[test]
    fn without_a_cause_the_pods_are_listed() {
        let (mut pod, _) = recorded("probe-failing");
        pod.metadata.uid = None;
        let observed = Observed { pods: vec![pod], ..Observed::default() };
        let error = unclear("shop", &observed);
        assert_eq!(error.causes(), ["web-5d9c-abcde: running, not ready yet"]);
    }
}
