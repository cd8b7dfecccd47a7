//! The sources of log lines: containers, and the events of containers and pods.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use kube::ResourceExt as _;

use super::Entry;
use crate::diagnose::statuses;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub service: String,
    pub pod: String,
    /// Empty if the source is the pod itself.
    pub container: String,
    /// Whether it is the pod's only container, so that its name is not shown.
    pub only: bool,
}

impl Source {
    /// The label in front of a line: the service, if the pod's name does not begin with it, the pod, and the
    /// container if there are several.
    pub fn label(&self) -> String {
        let known = self.pod == self.service || self.pod.starts_with(&format!("{}-", self.service));
        let service = if known { String::new() } else { format!("{} ", self.service) };
        let container = if self.only || self.container.is_empty() {
            String::new()
        } else {
            format!("/{}", self.container)
        };
        format!("{service}{}{container}", self.pod)
    }
}

/// A container of a pod, with its status.
pub(super) struct Container<'a> {
    pub source: Arc<Source>,
    pub status: &'a ContainerStatus,
}

/// All containers of a pod, init containers first.
pub(super) fn containers<'a>(pod: &'a Pod, service: &str) -> Vec<Container<'a>> {
    let alone = statuses(pod).filter(|(_, init)| !init).count() == 1;
    let of = |(status, init): (&'a ContainerStatus, bool)| {
        let source = Source { container: status.name.clone(), only: !init && alone, ..whole(pod, service) };
        Container { source: Arc::new(source), status }
    };
    statuses(pod).map(of).collect()
}

/// The pod as a source, for events that concern all of it.
pub(super) fn whole(pod: &Pod, service: &str) -> Source {
    Source { service: service.to_owned(), pod: pod.name_any(), container: String::new(), only: true }
}

impl Container<'_> {
    /// Whether it has ever run, so that there is a log.
    pub fn has_log(&self) -> bool {
        let state = self.status.state.as_ref();
        state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
            || self.last().is_some()
    }

    pub fn running(&self) -> bool {
        self.status.state.as_ref().is_some_and(|state| state.running.is_some())
    }

    /// Whether it waits for its next start: its log is still that of the last run.
    pub fn waiting(&self) -> bool {
        self.status.state.as_ref().is_some_and(|state| state.waiting.is_some())
    }

    /// How it ended before its last restart.
    pub fn last(&self) -> Option<&ContainerStateTerminated> {
        self.status.last_state.as_ref()?.terminated.as_ref()
    }

    /// The event of its last restart; `now` if the cluster does not report when it was.
    pub fn restart(&self, now: Timestamp) -> Option<Entry> {
        let count = self.status.restart_count;
        if count == 0 {
            return None;
        }
        let last = self.last();
        let time = last.and_then(|last| last.finished_at.as_ref()).map_or(now, |time| time.0);
        let how = last.map_or_else(String::new, |last| format!(" ({})", ending(last)));
        let often = if count > 1 { format!(", {count} times so far") } else { String::new() };
        Some(Entry::event(time, self.source.clone(), format!("restarted{how}{often}")))
    }
}

/// `exit 137, OOMKilled`.
fn ending(ended: &ContainerStateTerminated) -> String {
    match ended.reason.as_deref() {
        Some(reason) if !reason.is_empty() => format!("exit {}, {reason}", ended.exit_code),
        _ => format!("exit {}", ended.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    pub const POD: &str = "
metadata: {name: web-5d9c-abcde, uid: u}
status:
  initContainerStatuses:
  - {name: prepare, image: i, imageID: '', ready: true, restartCount: 0, state: {terminated: {exitCode: 0}}}
  containerStatuses:
  - name: app
    image: i
    imageID: ''
    ready: true
    restartCount: 2
    state: {running: {startedAt: '2026-01-01T10:00:05Z'}}
    lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: '2026-01-01T10:00:04Z'}}
";

    #[test]
    fn labels_say_what_is_needed_to_tell_lines_apart() {
        let pod: Pod = object(POD);
        let labels = |service: &str| -> Vec<String> {
            containers(&pod, service).iter().map(|container| container.source.label()).collect()
        };
        assert_eq!(labels("web"), ["web-5d9c-abcde/prepare", "web-5d9c-abcde"]);
        assert_eq!(labels("shop")[1], "shop web-5d9c-abcde");
        assert_eq!(whole(&pod, "web").label(), "web-5d9c-abcde");
    }

    #[test]
    fn a_restart_is_told_with_its_reason() {
        let pod: Pod = object(POD);
        let found = containers(&pod, "web");
        let now = "2026-01-01T11:00:00Z".parse().unwrap();
        let entry = found[1].restart(now).unwrap();
        assert_eq!(entry.message, "restarted (exit 137, OOMKilled), 2 times so far");
        assert_eq!(entry.time.to_string(), "2026-01-01T10:00:04Z");
        assert_eq!(found[0].restart(now), None);
        assert!(found[0].has_log() && !found[0].running() && found[1].running());
    }

    #[test]
    fn a_container_that_never_ran_has_no_log() {
        let waiting =
            POD.replace("state: {terminated: {exitCode: 0}}", "state: {waiting: {reason: PodInitializing}}");
        let pod: Pod = object(&waiting);
        assert!(!containers(&pod, "web")[0].has_log());
    }
}
