//! `--events json`: one object per line, for programs that run todo-bootstrap.

use std::sync::Mutex;

use serde_json::json;

use super::data;
use crate::error::Error;
use crate::progress::{Event, Reporter};

/// Writes each event as a line: `ts` (RFC 3339), `step`, `state`, `current`, `total` (or null), `message`.
#[derive(Debug, Default)]
pub struct Events {
    order: Mutex<()>,
}

impl Reporter for Events {
    fn report(&self, event: &Event) {
        let _one_line_at_a_time = self.order.lock();
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
