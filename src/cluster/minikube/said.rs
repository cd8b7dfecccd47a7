//! What minikube said: progress while it works, and the cause when it fails.

use super::events::Event;
use super::reasons;
use super::verdict::Verdict;
use crate::cluster::Ports;
use crate::cluster::local::fault;
use crate::error::Error;
use crate::task::Task;

#[derive(Debug, Default)]
pub(super) struct Said {
    verdict: Verdict,
    lines: Vec<String>,
}

impl Said {
    pub(super) fn hear(&mut self, task: &Task<'_>, line: &str) {
        let event = Event::parse(line);
        if let Some((current, total, message)) = event.progress() {
            task.progress(current, total, message);
        }
        self.verdict.hear(&event);
        self.lines.push(line.to_owned());
    }

    /// The error for the user; `node`: the last lines of the node's log. What the engine or the
    /// node says is nearer to the cause than minikube's own reason, which is often "it failed".
    pub(super) fn explain(self, status: i32, node: &str, ports: Ports) -> Error {
        let error = reasons::explain(&self.verdict.failure(status));
        let all = format!("{}\n{node}", self.lines.join("\n"));
        fault::known(error, &all, ports).unwrap_or_else(|error| fault::with_tail(error, node))
    }
}
