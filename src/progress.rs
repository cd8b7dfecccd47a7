//! What work says about itself while it runs; `ui` renders it, the journal keeps it.

use std::sync::Mutex;

/// The state of a step, in the words of the JSON events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The step began to work (its probe found something to do).
    Started,
    /// It goes on; `current`/`total` and `message` say how far it is.
    Progress,
    /// It did its work and proved it.
    Done,
    /// Its probe found nothing to do.
    Unchanged,
    Failed,
    /// Something that the user should know and that does not stop the work.
    Warning,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    pub step: String,
    pub state: State,
    /// How much is done, in the unit that `message` names; bytes for transfers.
    pub current: Option<u64>,
    pub total: Option<u64>,
    pub message: String,
}

pub trait Reporter: Send + Sync {
    fn report(&self, event: &Event);
}

/// Says nothing; for probes whose result is the only thing of interest.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event) {}
}

/// Keeps what was said, for tests.
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
