//! A cause why something is not ready.

use std::time::Duration;

/// Why a pod, or what it needs, does not become ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable, kebab-case; docs/TROUBLESHOOTING.md lists them.
    pub code: &'static str,
    /// `namespace/name` of the pod or claim.
    pub object: String,
    pub container: Option<String>,
    /// What is wrong: a sentence without a full stop.
    pub what: String,
    /// Messages of the cluster about it.
    pub details: Vec<String>,
    pub help: Vec<String>,
    /// How long it may last before waiting is useless; `None` if it may always recover.
    pub grace: Option<Duration>,
    /// Which log shows more: the container's current one, or that of its last run.
    pub log: Option<Log>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Current,
    Previous,
}

impl Cause {
    pub(super) fn new(code: &'static str, object: &str, what: impl Into<String>) -> Self {
        Self {
            code,
            object: object.to_owned(),
            container: None,
            what: what.into(),
            details: Vec::new(),
            help: Vec::new(),
            grace: None,
            log: None,
        }
    }

    pub(super) fn of_container(mut self, name: &str) -> Self {
        self.container = Some(name.to_owned());
        self
    }

    pub(super) fn detail(mut self, line: impl Into<String>) -> Self {
        let line = line.into();
        if !line.trim().is_empty() && !self.details.contains(&line) {
            self.details.push(line);
        }
        self
    }

    pub(super) fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.grace = Some(Duration::from_secs(seconds));
        self
    }

    pub(super) fn log(mut self, log: Log) -> Self {
        self.log = Some(log);
        self
    }

    /// Whether the cause has lasted so long that waiting is useless.
    pub fn permanent(&self, lasted: Duration) -> bool {
        self.grace.is_some_and(|grace| lasted >= grace)
    }
}
