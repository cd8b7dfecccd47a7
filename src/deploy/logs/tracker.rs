//! Which containers are followed: pure decisions based on the watch over the pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::source::{Container, Source, containers, whole};
use super::{Entry, Past, Query};

/// One run of a container; a restart begins another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub uid: String,
    pub container: String,
    pub restarts: i32,
}

impl Life {
    fn of(uid: &str, container: &Container<'_>) -> Self {
        let status = container.status;
        Self { uid: uid.to_owned(), container: status.name.clone(), restarts: status.restart_count }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Say(Entry),
    /// Read the log of `life` from `after` on, as it comes.
    Listen {
        life: Life,
        source: Arc<Source>,
        after: Option<Timestamp>,
    },
}

#[derive(Default)]
struct Heard {
    source: Arc<Source>,
    /// The time of the last line; `None` if there is none yet, and all lines are wanted.
    last: Option<Timestamp>,
    open: bool,
    running: bool,
}

#[derive(Default)]
pub(super) struct Tracker {
    lives: BTreeMap<Life, Heard>,
    /// Pods by uid, and whether their end was reported.
    pods: BTreeMap<String, bool>,
}

impl Tracker {
    /// Knows what `past` has shown already.
    pub fn new(past: &Past) -> Self {
        let mut tracker = Self::default();
        for pod in &past.live.pods {
            let uid = pod.uid().unwrap_or_default();
            tracker.pods.insert(uid.clone(), ended(pod));
            for container in containers(pod, &past.live.service_of(pod)) {
                if !container.has_log() {
                    continue;
                }
                let last = Some(past.heard(pod, &container.status.name));
                let life = Life::of(&uid, &container);
                tracker.lives.insert(life, Heard { source: container.source, last, ..Heard::default() });
            }
        }
        tracker
    }

    /// Handles a new state of a pod of `service`.
    pub fn seen(&mut self, pod: &Pod, service: &str, query: &Query, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        if !query.wants(service) {
            return actions;
        }
        let uid = pod.uid().unwrap_or_default();
        let told = self.pods.get(&uid).copied();
        if told.is_none() {
            actions.push(Action::Say(Entry::event(now, whole(pod, service), "new pod")));
        }
        for container in containers(pod, service) {
            let life = Life::of(&uid, &container);
            let earlier = Life { restarts: life.restarts - 1, ..life.clone() };
            let fresh = !self.lives.contains_key(&life);
            if fresh && self.lives.contains_key(&earlier) {
                actions.extend(container.restart(now).map(Action::Say));
            }
            if container.has_log() && !(fresh && container.waiting()) {
                let new = || Heard { source: container.source.clone(), ..Heard::default() };
                let heard = self.lives.entry(life.clone()).or_insert_with(new);
                heard.running = container.running();
                // A container that ended before it was seen has a log that is read once.
                if !heard.open && (heard.running || fresh) {
                    heard.open = true;
                    actions.push(listen(&life, heard));
                }
            }
        }
        let over = ended(pod);
        if over && told != Some(true) {
            actions.push(Action::Say(Entry::event(now, whole(pod, service), "pod ended")));
        }
        self.pods.insert(uid, over);
        actions
    }

    /// Handles the deletion of a pod.
    pub fn gone(&mut self, pod: &Pod, service: &str, query: &Query, now: Timestamp) -> Vec<Action> {
        let uid = pod.uid().unwrap_or_default();
        self.lives.retain(|life, _| life.uid != uid);
        match self.pods.remove(&uid) {
            Some(false) if query.wants(service) => {
                vec![Action::Say(Entry::event(now, whole(pod, service), "pod ended"))]
            }
            _ => Vec::new(),
        }
    }

    /// Handles a new line; `None` for a line that was shown already.
    pub fn line(&mut self, life: &Life, source: &Arc<Source>, text: &str, now: Timestamp) -> Option<Entry> {
        let heard = self.lives.get_mut(life);
        let last = heard.as_ref().and_then(|heard| heard.last);
        let entry = Entry::line(source, text, last.unwrap_or(now));
        if last.is_some_and(|last| entry.time <= last) {
            return None;
        }
        if let Some(heard) = heard {
            heard.last = Some(entry.time);
        }
        Some(entry)
    }

    /// Handles the end of a log. [`Self::again`] reopens that of a running container.
    pub fn closed(&mut self, life: &Life) {
        if let Some(heard) = self.lives.get_mut(life) {
            heard.open = false;
        }
    }

    pub fn again(&mut self) -> Vec<Action> {
        let lost = self.lives.iter_mut().filter(|(_, heard)| heard.running && !heard.open);
        lost.map(|(life, heard)| {
            heard.open = true;
            listen(life, heard)
        })
        .collect()
    }
}

fn listen(life: &Life, heard: &Heard) -> Action {
    Action::Listen { life: life.clone(), source: heard.source.clone(), after: heard.last }
}

fn ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn pod(uid: &str, restarts: i32, state: &str) -> Pod {
        object(&format!(
            "metadata: {{name: web-{uid}, uid: {uid}}}\nstatus:\n  phase: Running\n  containerStatuses:\n  - {{name: c, image: i, imageID: '', ready: true, restartCount: {restarts}, state: {state}, lastState: {{terminated: {{exitCode: 3, reason: Error, finishedAt: '2026-01-01T10:00:00Z'}}}}}}\n"
        ))
    }

    const RUNS: &str = "{running: {}}";

    fn now() -> Timestamp {
        "2026-01-01T10:00:09Z".parse().unwrap()
    }

    fn told(actions: &[Action]) -> Vec<String> {
        actions
            .iter()
            .map(|action| match action {
                Action::Say(entry) => entry.message.clone(),
                Action::Listen { life, after, .. } => format!("listen {} {after:?}", life.restarts),
            })
            .collect()
    }

    fn see(tracker: &mut Tracker, pod: &Pod) -> Vec<String> {
        told(&tracker.seen(pod, "web", &Query::default(), now()))
    }

    fn known(pods: Vec<Pod>) -> Tracker {
        let mut past = Past { taken: now(), ..Past::default() };
        past.live.pods = pods;
        Tracker::new(&past)
    }

    #[test]
    fn what_was_shown_is_followed_on_from_there() {
        let mut tracker = known(vec![pod("a", 0, RUNS)]);
        assert_eq!(see(&mut tracker, &pod("a", 0, RUNS)), ["listen 0 Some(2026-01-01T10:00:09Z)"]);
        assert!(see(&mut tracker, &pod("a", 0, RUNS)).is_empty(), "once");
    }

    #[test]
    fn a_restart_is_a_line_of_its_own_and_a_new_log() {
        let mut tracker = known(vec![pod("a", 0, RUNS)]);
        see(&mut tracker, &pod("a", 0, RUNS));
        let waiting = "{waiting: {reason: CrashLoopBackOff}}";
        assert!(see(&mut tracker, &pod("a", 0, waiting)).is_empty());
        let restarted = see(&mut tracker, &pod("a", 1, RUNS));
        assert_eq!(restarted, ["restarted (exit 3, Error)", "listen 1 None"]);
    }

    #[test]
    fn a_new_pod_is_picked_up_and_a_gone_one_is_said_once() {
        let mut tracker = known(vec![]);
        assert_eq!(see(&mut tracker, &pod("b", 0, RUNS)), ["new pod", "listen 0 None"]);
        let gone =
            |tracker: &mut Tracker| told(&tracker.gone(&pod("b", 0, RUNS), "web", &Query::default(), now()));
        assert_eq!(gone(&mut tracker), ["pod ended"]);
        assert!(gone(&mut tracker).is_empty());
    }

    #[test]
    fn a_log_that_breaks_off_is_opened_again_without_repeating_lines() {
        let mut tracker = known(vec![]);
        see(&mut tracker, &pod("a", 0, RUNS));
        let life = Life { uid: "a".to_owned(), container: "c".to_owned(), restarts: 0 };
        let source = Arc::new(Source::default());
        let line = |tracker: &mut Tracker, text: &str| tracker.line(&life, &source, text, now()).is_some();
        assert!(line(&mut tracker, "2026-01-01T10:00:01Z one"));
        assert!(tracker.again().is_empty());
        tracker.closed(&life);
        assert_eq!(told(&tracker.again()), ["listen 0 Some(2026-01-01T10:00:01Z)"]);
        assert!(!line(&mut tracker, "2026-01-01T10:00:01Z one"));
        assert!(line(&mut tracker, "2026-01-01T10:00:02Z two"));
    }

    #[test]
    fn other_services_are_passed_over() {
        let query = Query { services: vec!["store".to_owned()], ..Query::default() };
        assert!(known(vec![]).seen(&pod("a", 0, RUNS), "web", &query, now()).is_empty());
    }
}
