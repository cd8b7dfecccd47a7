//! `--events json`: one object per line, for programs that run todo-bootstrap.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::data;
use crate::error::Error;
use crate::progress::{Event, Reporter, State};

/// Events of a download in progress are written at most this often for each step.
const EVERY: Duration = Duration::from_secs(1);

/// Writes each event as a line: `ts` (RFC 3339), `step`, `state`, `current`, `total` (or null), `message`.
#[derive(Debug, Default)]
pub struct Events {
    /// When the last event of a step's download was written.
    written: Mutex<BTreeMap<String, Instant>>,
}

impl Reporter for Events {
    fn report(&self, event: &Event) {
        let Ok(mut written) = self.written.lock() else { return };
        if event.state == State::Progress && event.download && event.current != event.total {
            if written.get(&event.step).is_some_and(|at| at.elapsed() < EVERY) {
                return;
            }
            written.insert(event.step.clone(), Instant::now());
        }
        write(&event.step, &json!(event.state), event.current, event.total, &event.message);
    }
}

/// The last event of a command that failed; its `step` is `todo-bootstrap`.
pub fn failure(error: &Error) {
    write("todo-bootstrap", &json!("failed"), None, None, &error.to_string());
}

fn write(step: &str, state: &serde_json::Value, current: Option<u64>, total: Option<u64>, message: &str) {
    let ts = jiff::Timestamp::now().to_string();
    let object = json!({
        "ts": ts, "step": step, "state": state, "current": current, "total": total, "message": message,
    });
    data(&format!("{object}\n"));
}
