//! The merged logs of an application's pods: sorted by time, or as lines arrive.

mod follow;
mod past;
mod source;
mod tracker;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use follow::follow;
pub use past::{Past, past};
pub use source::Source;

/// Which logs are requested.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Names of services; empty for all.
    pub services: Vec<String>,
    pub since: Option<Duration>,
    /// The last lines of each container.
    pub tail: Option<i64>,
    /// The containers that ran before the last restart, instead of those that run.
    pub previous: bool,
}

impl Query {
    fn wants(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|wanted| wanted == service)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The program wrote it.
    Line,
    /// It happened to the container or the pod.
    Event,
}

/// One line of the merged log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub time: Timestamp,
    pub source: Arc<Source>,
    pub kind: Kind,
    pub message: String,
}

impl Entry {
    fn event(time: Timestamp, source: impl Into<Arc<Source>>, message: impl Into<String>) -> Self {
        Self { time, source: source.into(), kind: Kind::Event, message: message.into() }
    }

    /// From a line that begins with a time of the API server; the rest of a long line has none and gets `last`.
    fn line(source: &Arc<Source>, line: &str, last: Timestamp) -> Self {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (time, message) = match head.parse() {
            Ok(time) => (time, rest),
            Err(_) => (last, line),
        };
        Self { time, source: source.clone(), kind: Kind::Line, message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let source = Arc::new(Source::default());
        let last: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let read = |text: &str| {
            let entry = Entry::line(&source, text, last);
            (entry.time.to_string(), entry.message)
        };
        let (time, message) = read("2026-01-02T03:04:05.000000006Z two  words\r\n");
        assert_eq!((time.as_str(), message.as_str()), ("2026-01-02T03:04:05.000000006Z", "two  words"));
        assert_eq!(read("2026-01-02T03:04:05+01:00 \n").0, "2026-01-02T02:04:05Z");
        assert_eq!(read("no time\n"), ("2026-01-01T00:00:00Z".to_owned(), "no time".to_owned()));
    }
}
