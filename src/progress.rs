//! Progress events: `ui` renders them, the journal stores them.

use std::sync::Mutex;

/// The state of a step, as in the JSON events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The step's probe found something to do.
    Started,
    /// `current`, `total` and `message` describe how far it is.
    Progress,
    /// The step did its work and verified it.
    Done,
    /// The step's probe found nothing to do.
    Unchanged,
    Failed,
    /// Information for the user that does not stop the work.
    Warning,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub step: String,
    pub state: State,
    /// In the unit that `message` names; bytes for transfers.
    pub current: Option<u64>,
    pub total: Option<u64>,
    pub message: String,
}

pub trait Reporter: Send + Sync {
    fn report(&self, event: &Event);
}

/// Discards events.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event) {}
}

/// Stores events, for tests.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().map(|events| events.clone()).unwrap_or_default()
    }
}

impl Reporter for Recorder {
    fn report(&self, event: &Event) {
        if let Ok(mut events) = self.events.lock() {
            events.push(event.clone());
        }
    }
}
