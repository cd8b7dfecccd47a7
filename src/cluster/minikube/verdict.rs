//! Which of the many things that minikube says is why it failed.

use super::events::{Event, Failure};

/// Sentences that are kept for a failure that has no name.
const KEPT: usize = 6;

/// Listens to one run of minikube.
///
/// Its `error` events alone are no failure: `delete` of what is not there and a forced `start` as
/// root print some and end with 0. And the last one may only be what followed from the first: with
/// `--force`, an engine that is gone is named, and then comes `MK_USAGE`.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    named: Vec<Failure>,
    said: Vec<String>,
}

impl Verdict {
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Failure(failure) => self.named.push(failure.clone()),
            Event::Complaint(text) | Event::Warning(text) | Event::Info(text) | Event::Text(text) => {
                if !text.is_empty() {
                    self.said.push(text.clone());
                }
            }
            Event::Step { .. } | Event::Download { .. } => {}
        }
    }

    /// Why minikube ended with `status`, which is not 0; with its last sentences where it named no
    /// reason.
    pub fn failure(mut self, status: i32) -> Failure {
        // Failures that `--force` passed over come first, with a code that is not the status.
        let fatal = self.named.iter().rposition(|failure| failure.exit_code == Some(status));
        let at = fatal.or_else(|| self.named.len().checked_sub(1));
        let cause = |at: usize| if at > 0 && self.named[at].id == "MK_USAGE" { at - 1 } else { at };
        match at.map(cause) {
            Some(at) => self.named.swap_remove(at),
            None => Failure {
                exit_code: Some(status),
                message: self.said[self.said.len().saturating_sub(KEPT)..].join("\n"),
                ..Failure::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::minikube::reasons::{explain, find};

    fn hear(run: &str) -> (Verdict, usize) {
        let (mut verdict, mut steps) = (Verdict::default(), 0);
        for line in run.lines().filter(|line| !line.starts_with('#')) {
            let event = Event::parse(line);
            assert!(!matches!(event, Event::Text(_)), "{line}");
            steps += usize::from(event.progress().is_some());
            verdict.hear(&event);
        }
        (verdict, steps)
    }

    #[test]
    fn root_is_told_by_its_name_not_by_the_sentences_before() {
        let (verdict, steps) = hear(include_str!("recorded/start-as-root.jsonl"));
        let failure = verdict.failure(57);
        assert_eq!((failure.id.as_str(), failure.exit_code, steps), ("DRV_AS_ROOT", Some(57), 2));
        assert!(explain(&failure).what().ends_with("(driver-as-root)"));
    }

    #[test]
    fn what_followed_from_the_cause_is_not_taken_for_it() {
        let failure = hear(include_str!("recorded/start-engine-gone.jsonl")).0.failure(14);
        assert_eq!(failure.id, "PROVIDER_DOCKER_NOT_RUNNING");
        assert_eq!(explain(&failure).hints()[0], "todo-bootstrap up --yes   # starts it");
    }

    #[test]
    fn what_force_passed_over_does_not_hide_what_came_later() {
        let (mut verdict, _) = hear(include_str!("recorded/start-forced.jsonl"));
        let later = Failure { id: "GUEST_PROVISION".to_owned(), exit_code: Some(80), ..Failure::default() };
        verdict.hear(&Event::Failure(later.clone()));
        assert_eq!(verdict.failure(80), later);
    }

    #[test]
    fn without_a_name_the_last_sentences_are_the_cause() {
        let failure = hear(include_str!("recorded/stop-absent.jsonl")).0.failure(85);
        assert!(failure.message.contains("Profile \"capt\" not found"), "{failure:?}");
        assert_eq!(find(&failure.id, failure.exit_code).code, "minikube-node");
        let (absent, _) = hear(include_str!("recorded/delete-absent.jsonl"));
        assert!(absent.named.is_empty(), "it ends with 0");
        assert_eq!(Verdict::default().failure(1).exit_code, Some(1));
    }
}
