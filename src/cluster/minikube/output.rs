//! What `minikube --output=json` prints: progress, and the cause of a failure.
//!
//! The events are defined in `pkg/minikube/out/register` and `pkg/minikube/out/out_reason.go` of
//! minikube v1.38.1. Every value of `data` is a string, numbers too.

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::task::Task;

const TYPE_PREFIX: &str = "io.k8s.sigs.minikube.";
/// How many of the last messages are shown for a failure without a name.
const SHOWN_MESSAGES: usize = 6;

/// An error with a name. minikube exits because of it, unless `--force` makes it continue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// `PROVIDER_DOCKER_NOT_RUNNING`, …
    id: String,
    exit_code: Option<i32>,
    message: String,
    advice: String,
    url: String,
}

/// A fraction as Go prints it: `0.25`, `1e-05`, or `+Inf` if the size is not known.
fn percent(fraction: &str) -> Option<u64> {
    let fraction: f64 = fraction.parse().ok()?;
    // The condition keeps the product between 0 and 100.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..=1.0).contains(&fraction).then_some((fraction * 100.0) as u64)
}

/// Whether a line announces the step of that name.
pub(super) fn is_step(line: &str, name: &str) -> bool {
    let event: Value = serde_json::from_str(line.trim()).unwrap_or_default();
    let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix(TYPE_PREFIX));
    kind == Some("step") && event["data"]["name"] == name
}

/// Removes minikube's emoji and bullets, and control characters that could move the cursor.
fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let decoration = |c: char| !c.is_alphanumeric() && !matches!(c, '"' | '\'' | '`' | '/' | '-' | '(' | '[');
    text.trim_start_matches(decoration).trim_end().to_owned()
}

/// The output of one run of minikube.
#[derive(Debug, Default)]
pub(super) struct Log {
    failures: Vec<Failure>,
    messages: Vec<String>,
    pub text: String,
}

impl Log {
    pub(super) fn line(&mut self, task: &Task<'_>, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        let event: Value = serde_json::from_str(line.trim()).unwrap_or_default();
        let data = &event["data"];
        let field = |key: &str| plain(data[key].as_str().unwrap_or_default());
        let number = |key: &str| data[key].as_str().and_then(|number| number.parse().ok());
        let message = match event["type"].as_str().and_then(|kind| kind.strip_prefix(TYPE_PREFIX)) {
            Some("step") => {
                let message = field(if field("message").is_empty() { "name" } else { "message" });
                // Steps that the driver does not need are left out, so `current` may jump.
                let message = message.trim_end_matches(" ...");
                return task.progress(number("currentstep"), number("totalsteps"), message);
            }
            Some("download" | "download.progress") => {
                let artifact = field("artifact");
                let file = artifact.split(['?', '#']).next().unwrap_or_default();
                let file = file.rsplit('/').next().unwrap_or_default();
                let current = data["progress"].as_str().and_then(percent);
                return task.progress(current, current.map(|_| 100), format!("downloading {file}"));
            }
            Some("error") if !field("name").is_empty() => {
                self.failures.push(Failure {
                    id: field("name"),
                    exit_code: data["exitcode"].as_str().and_then(|code| code.parse().ok()),
                    message: field("message"),
                    advice: field("advice"),
                    url: field("url"),
                });
                return;
            }
            Some("info" | "warning" | "error") => field("message"),
            _ => line.trim().to_owned(),
        };
        if !message.is_empty() {
            self.messages.push(message);
        }
    }

    /// The failure that made minikube exit; its last messages if it has no name.
    pub(super) fn failure(&self, status: i32) -> Failure {
        // Failures that `--force` ignored come first, and their code is not the exit status.
        let fatal = self.failures.iter().rposition(|failure| failure.exit_code == Some(status));
        match fatal.or_else(|| self.failures.len().checked_sub(1)) {
            // With `--force`, minikube names an engine that does not run, and then exits with MK_USAGE.
            Some(at) if at > 0 && self.failures[at].id == "MK_USAGE" => self.failures[at - 1].clone(),
            Some(at) => self.failures[at].clone(),
            None => Failure {
                exit_code: Some(status),
                message: self.messages[self.messages.len().saturating_sub(SHOWN_MESSAGES)..].join("\n"),
                ..Failure::default()
            },
        }
    }
}

impl Failure {
    /// The error, and help. minikube's advice is text, because its commands act on the user's `MINIKUBE_HOME`.
    pub(super) fn error(&self) -> (Error, &'static str) {
        // Ranges of `pkg/minikube/reason/exitcodes.go`.
        let (kind, help) = match self.exit_code {
            // Resources, host, driver and provider.
            Some(20..=39 | 50..=69) => {
                (Kind::HostNotReady, "todo-bootstrap doctor   # checks the engine and this machine")
            }
            // Internet.
            Some(40..=49) => {
                (Kind::Failed, "todo-bootstrap up   # continues once the network and HTTPS_PROXY work")
            }
            _ => (Kind::Failed, "todo-bootstrap up   # tries again"),
        };
        let name = if self.id.is_empty() { "minikube-failed" } else { &self.id };
        let message = self.message.strip_prefix("Exiting due to ").unwrap_or(&self.message);
        let message = message.strip_prefix(&format!("{}: ", self.id)).unwrap_or(message);
        let mut error = Error::new(kind, format!("minikube cannot start the node ({name})")).because(message);
        if !self.advice.is_empty() {
            let own = if self.advice.contains("minikube ") {
                " (its commands act on your own minikube, not on this cluster)"
            } else {
                ""
            };
            error = error.because(format!("minikube's advice{own}: {}", self.advice));
        }
        if !self.url.is_empty() {
            error = error.because(format!("minikube's documentation: {}", self.url));
        }
        (error, help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::progress::Recorder;
    use crate::task::testing::with_task;

    fn line(kind: &str, data: &str) -> String {
        format!(r#"{{"data":{data},"specversion":"1.0","type":"{TYPE_PREFIX}{kind}"}}"#)
    }

    fn log(run: &str) -> Log {
        reported(run).0
    }

    fn reported(run: &str) -> (Log, Recorder) {
        let mut log = Log::default();
        let lines = run.lines().filter(|line| !line.starts_with('#'));
        let ((), recorder) =
            with_task(&Script::default(), |task| lines.for_each(|line| log.line(task, line)));
        (log, recorder)
    }

    #[test]
    fn steps_and_downloads_are_progress() {
        let progress = |kind: &str, data: &str| {
            let event = reported(&line(kind, data)).1.events().remove(0);
            (event.current, event.total, event.message)
        };
        let data = r#"{"currentstep":"8","message":"🔥  Creating docker container (CPUs=2) ...","name":"Creating Container","totalsteps":"19"}"#;
        let message = "Creating docker container (CPUs=2)".to_owned();
        assert_eq!(progress("step", data), (Some(8), Some(19), message));
        let unnumbered = r#"{"currentstep":"","message":"","name":"Done","totalsteps":"-1"}"#;
        assert_eq!(progress("step", unnumbered), (None, None, "Done".to_owned()));
        let name = "downloading kubelet".to_owned();
        for (fraction, current) in [("0.257", Some(25)), ("1e-05", Some(0)), ("+Inf", None), ("soon", None)] {
            let data =
                format!(r#"{{"artifact":"https://x.io/a/kubelet?checksum=y","progress":"{fraction}"}}"#);
            assert_eq!(progress("download.progress", &data), (current, current.map(|_| 100), name.clone()));
        }
    }

    #[test]
    fn a_step_is_known_by_its_name() {
        let data = r#"{"currentstep":"13","message":"Generating certificates and keys ...","name":"Generating certificates"}"#;
        assert!(is_step(&line("step", data), "Generating certificates"));
        assert!(!is_step(&line("step", data), "Booting control plane"));
        assert!(!is_step(&line("info", data), "Generating certificates") && !is_step("Generating", ""));
    }

    #[test]
    fn messages_lose_their_decoration_and_unknown_lines_are_kept() {
        let warning = |text: &str| log(&line("warning", &format!(r#"{{"message":"{text}"}}"#))).messages;
        assert_eq!(warning("❗  \\u001b[31mlow\\n"), ["[31mlow"]);
        assert_eq!(warning("下载"), ["下载"]);
        let cut = &line("step", "{}")[..40];
        let unknown = line("metric", "{}");
        for text in ["E0101 1 x.go:1] boom", "{", "[1,2]", "null", r#"{"type":7}"#, cut, &unknown] {
            assert_eq!(log(text).messages, [text]);
        }
        assert!(
            log("\n").messages.is_empty() && log(&line("error", r#"{"name":["x"]}"#)).messages.is_empty()
        );
    }

    #[test]
    fn a_failure_that_follows_from_the_cause_is_not_taken_for_it() {
        let failure = log(include_str!("recorded/start-engine-gone.jsonl")).failure(14);
        assert_eq!((failure.id.as_str(), failure.exit_code), ("PROVIDER_DOCKER_NOT_RUNNING", Some(63)));
        let (error, help) = failure.error();
        assert_eq!((error.kind(), help.starts_with("todo-bootstrap doctor")), (Kind::HostNotReady, true));
        let text = error.to_string();
        for part in [
            "Cannot connect to the Docker daemon",
            "minikube's advice: Start the Docker",
            "docs/drivers/docker",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_failure_that_force_ignored_does_not_hide_a_later_one() {
        let later = line("error", r#"{"name":"GUEST_PROVISION","exitcode":"80","message":"boom"}"#);
        let run = format!("{}{later}\n", include_str!("recorded/start-forced.jsonl"));
        let failure = log(&run).failure(80);
        assert_eq!((failure.id.as_str(), failure.message.as_str()), ("GUEST_PROVISION", "boom"));
    }

    #[test]
    fn advice_about_minikubes_own_commands_is_not_a_command_to_copy() {
        let data =
            r#"{"name":"GUEST_START","exitcode":"80","message":"m","advice":"Run: minikube delete --all"}"#;
        let (error, help) = log(&line("error", data)).failure(80).error();
        assert!(error.to_string().contains("not on this cluster): Run: minikube delete"), "{error}");
        assert!(error.hints().is_empty() && !help.contains("minikube "), "{error}");
    }

    #[test]
    fn without_a_name_the_last_messages_are_the_cause() {
        let run = line("info", r#"{"message":"Profile \"c\" not found"}"#);
        let (error, _) = log(&run).failure(85).error();
        assert!(error.to_string().contains("Profile \"c\" not found"), "{error}");
        assert!(error.what().contains("(minikube-failed)"), "{error}");
    }
}
