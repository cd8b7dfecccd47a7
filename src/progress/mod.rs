//! Progress events: steps emit them, and `ui` displays them.

use std::sync::Mutex;

/// The state of a step, as in the JSON events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The step runs: its probe found work.
    Started,
    /// The step is still running; `current`, `total` and `message` describe its progress.
    Progress,
    /// The step ran and was verified.
    Done,
    /// The probe found no work.
    Unchanged,
    Failed,
    /// Information for the user that does not stop the step.
    Warning,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub step: String,
    pub state: State,
    /// Completed work, in the unit that `message` names; bytes for transfers.
    pub current: Option<u64>,
    pub total: Option<u64>,
    /// Whether `current` and `total` are bytes of a download.
    pub download: bool,
    pub message: String,
}

impl Event {
    /// An event without numbers.
    pub fn new(step: &str, state: State, message: impl Into<String>) -> Self {
        Self {
            step: step.to_owned(),
            state,
            current: None,
            total: None,
            download: false,
            message: message.into(),
        }
    }
}

pub trait Reporter: Send + Sync {
    fn report(&self, event: &Event);
}

/// Discards all events.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event) {}
}

/// Records all events, for tests.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().map(|events| events.clone()).unwrap_or_default()
    }

    /// The messages of all events, one a line.
    pub fn said(&self) -> String {
        self.events().into_iter().map(|event| event.message + "\n").collect()
    }
}

impl Reporter for Recorder {
    fn report(&self, event: &Event) {
        if let Ok(mut events) = self.events.lock() {
            events.push(event.clone());
        }
    }
}
