//! What `minikube --output=json` says line by line, as values.
//!
//! Shapes: `pkg/minikube/out/register/{log,cloud_events}.go` and `pkg/minikube/out/out_reason.go`
//! of minikube v1.38.1. Every value of `data` is a string there, numbers too.

use serde_json::Value;

const TYPE: &str = "io.k8s.sigs.minikube.";

/// One line of minikube's standard output.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step has begun. `total` is the largest number that a step can have; steps that this driver
    /// does not need are left out, so `current` may jump.
    Step {
        current: Option<u64>,
        total: Option<u64>,
        name: String,
        message: String,
    },
    /// A download, with the share that is there, 0 to 100, where minikube knows the size.
    Download {
        artifact: String,
        percent: Option<u64>,
    },
    Info(String),
    Warning(String),
    /// Said as an error, without a reason's name: advice, or what goes before a failure.
    Complaint(String),
    /// A named reason. minikube gives up by it, unless `--force` passes over it: its exit status
    /// decides.
    Failure(Failure),
    /// Not an event that is known: kept as it came, for the log.
    Text(String),
}

/// Why minikube gave up, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// `PROVIDER_DOCKER_NOT_RUNNING`, …; empty only where [`super::Verdict`] found no name.
    pub id: String,
    /// What minikube will end with.
    pub exit_code: Option<i32>,
    pub message: String,
    pub advice: String,
    /// Addresses of issues.
    pub issues: Vec<String>,
    pub url: String,
}

impl Event {
    /// Reads one line; what is no event of minikube becomes [`Event::Text`].
    pub fn parse(line: &str) -> Self {
        let line = line.trim();
        let text = || Self::Text(line.to_owned());
        let Ok(event) = serde_json::from_str::<Value>(line) else { return text() };
        let data = &event["data"];
        let field = |key: &str| plain(data[key].as_str().unwrap_or_default());
        let number = |key: &str| data[key].as_str().and_then(|number| number.parse().ok());
        let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix(TYPE));
        match kind {
            Some("step") => Self::Step {
                current: number("currentstep"),
                total: number("totalsteps"),
                name: field("name"),
                message: field("message"),
            },
            Some("download") => Self::Download { artifact: field("artifact"), percent: None },
            Some("download.progress") => {
                let percent = data["progress"].as_str().and_then(percent);
                Self::Download { artifact: field("artifact"), percent }
            }
            Some("info") => Self::Info(field("message")),
            Some("warning") => Self::Warning(field("message")),
            Some("error") if field("name").is_empty() => Self::Complaint(field("message")),
            Some("error") => Self::Failure(Failure {
                id: field("name"),
                exit_code: data["exitcode"].as_str().and_then(|code| code.parse().ok()),
                message: field("message"),
                advice: field("advice"),
                issues: issues(&field("issues")),
                url: field("url"),
            }),
            _ => text(),
        }
    }

    /// What `Task::progress` takes: current, total, message. `None` for what is no progress.
    pub fn progress(&self) -> Option<(Option<u64>, Option<u64>, String)> {
        match self {
            Self::Step { current, total, name, message } => {
                let message = if message.is_empty() { name } else { message };
                (!message.is_empty()).then(|| (*current, *total, message.trim_end_matches(" ...").to_owned()))
            }
            Self::Download { artifact, percent } => {
                let file = artifact.split(['?', '#']).next().unwrap_or_default();
                let file = file.rsplit('/').next().unwrap_or_default();
                Some((*percent, percent.map(|_| 100), format!("downloading {file}")))
            }
            _ => None,
        }
    }
}

/// A share of 1, as Go prints it (`0.25`, `1e-05`, and `+Inf` where the size is not known).
fn percent(share: &str) -> Option<u64> {
    let share: f64 = share.parse().ok()?;
    // Between 0 and 100 by the guard: nothing is lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..=1.0).contains(&share).then_some((share * 100.0) as u64)
}

fn issues(joined: &str) -> Vec<String> {
    joined.split(',').map(str::trim).filter(|issue| !issue.is_empty()).map(str::to_owned).collect()
}

/// Without the decoration that minikube puts before its sentences, and without escapes that could
/// move the cursor; letters of every language stay.
fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let decoration = |c: char| !c.is_alphanumeric() && !matches!(c, '"' | '\'' | '`' | '/' | '-' | '(' | '[');
    text.trim_start_matches(decoration).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `json_test.go` of minikube v1.38.1 writes it.
    fn line(kind: &str, data: &str) -> String {
        format!(
            r#"{{"data":{data},"datacontenttype":"application/json","id":"random-id","source":"https://minikube.sigs.k8s.io/","specversion":"1.0","type":"io.k8s.sigs.minikube.{kind}"}}"#
        )
    }

    #[test]
    fn a_step_is_progress() {
        let data = r#"{"currentstep":"8","message":"🔥  Creating docker container (CPUs=2) ...","name":"Creating Container","totalsteps":"19"}"#;
        let progress = Event::parse(&line("step", data)).progress();
        assert_eq!(progress, Some((Some(8), Some(19), "Creating docker container (CPUs=2)".to_owned())));
        let odd = r#"{"currentstep":"","message":"","name":"Done","totalsteps":"-1"}"#;
        assert_eq!(Event::parse(&line("step", odd)).progress(), Some((None, None, "Done".to_owned())));
    }

    #[test]
    fn a_download_is_progress_of_100() {
        let data = |share: &str| {
            format!(r#"{{"artifact":"https://x.io/a/kubelet?checksum=file:y","progress":"{share}"}}"#)
        };
        let progress = |share: &str| Event::parse(&line("download.progress", &data(share))).progress();
        let name = "downloading kubelet".to_owned();
        assert_eq!(progress("0.257"), Some((Some(25), Some(100), name.clone())));
        assert_eq!(progress("1e-05"), Some((Some(0), Some(100), name.clone())));
        for unknown in ["+Inf", "-3", "NaN", "soon"] {
            assert_eq!(progress(unknown), Some((None, None, name.clone())), "{unknown}");
        }
        assert_eq!(
            Event::parse(&line("download", r#"{"artifact":"a/b"}"#)).progress().unwrap().2,
            "downloading b"
        );
    }

    #[test]
    fn a_failure_keeps_all_that_was_said() {
        let data = r#"{"advice":"Start the service","exitcode":"63","issues":"https://x/1,https://x/2","message":"Exiting due to PROVIDER_DOCKER_NOT_RUNNING: gone","name":"PROVIDER_DOCKER_NOT_RUNNING","url":"https://d"}"#;
        let Event::Failure(failure) = Event::parse(&line("error", data)) else { panic!("no failure") };
        assert_eq!((failure.id.as_str(), failure.exit_code), ("PROVIDER_DOCKER_NOT_RUNNING", Some(63)));
        assert_eq!(failure.issues, ["https://x/1", "https://x/2"]);
        assert_eq!((failure.advice.as_str(), failure.url.as_str()), ("Start the service", "https://d"));
        let bare = Event::parse(&line("error", r#"{"message":"error"}"#));
        assert_eq!(bare, Event::Complaint("error".to_owned()));
    }

    #[test]
    fn sentences_are_told_apart_and_lose_their_decoration() {
        let said = |kind: &str, text: &str| Event::parse(&line(kind, &format!(r#"{{"message":"{text}"}}"#)));
        assert_eq!(said("info", "▪ MINIKUBE_HOME=/x"), Event::Info("MINIKUBE_HOME=/x".to_owned()));
        assert_eq!(said("warning", "❗  \\u001b[31mlow\\n"), Event::Warning("[31mlow".to_owned()));
        assert_eq!(said("info", "下载"), Event::Info("下载".to_owned()));
        assert!(said("warning", "x").progress().is_none());
    }

    #[test]
    fn what_is_no_event_is_kept_as_text() {
        let cut = &line("step", "{}")[..40];
        let strange = line("metric", "{}");
        for text in ["", "E0101 1 x.go:1] boom", "{", "[1,2]", "null", "7", r#"{"type":7}"#, cut, &strange] {
            assert_eq!(Event::parse(text), Event::Text(text.to_owned()));
        }
        let wrong = line("error", r#"{"exitcode":63,"name":["x"]}"#);
        assert_eq!(Event::parse(&wrong), Event::Complaint(String::new()));
    }
}
