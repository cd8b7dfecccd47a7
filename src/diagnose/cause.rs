//! One thing that is wrong, as a value.

use std::time::Duration;

/// Why a pod, or what it needs, does not become ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable, kebab-case; docs/TROUBLESHOOTING.md lists them.
    pub code: &'static str,
    /// `namespace/name` of the pod or claim.
    pub object: String,
    pub container: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What the cluster said about it.
    pub details: Vec<String>,
    pub help: Vec<String>,
    /// After how long in this state waiting is of no use; `None` where it may always heal.
    pub patience: Option<Duration>,
    /// Whose log tells more: the container's current one, or that of its last end.
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
            patience: None,
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
        self.patience = Some(Duration::from_secs(seconds));
        self
    }

    pub(super) fn log(mut self, log: Log) -> Self {
        self.log = Some(log);
        self
    }

    /// Whether the cause lasted long enough that waiting on is of no use.
    pub fn hopeless(&self, lasted: Duration) -> bool {
        self.patience.is_some_and(|patience| lasted >= patience)
    }
}
