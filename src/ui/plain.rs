//! Progress without a terminal: numbered lines for logs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{downloads, line};
use crate::progress::{Event, Reporter, State};
use crate::quantity::{show_bytes, show_time};

/// A step's own progress is repeated at most this often, so that a build does not flood a log.
const PAUSE: Duration = Duration::from_secs(5);
/// As [`PAUSE`], for a step that has taken longer than `LONG`.
const LONG_PAUSE: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

pub struct Plain {
    steps: Vec<(String, String)>,
    verbose: bool,
    state: Mutex<BTreeMap<String, Seen>>,
}

struct Seen {
    started: Instant,
    last: Instant,
}

impl Plain {
    pub fn new(steps: &[(String, String)], verbose: bool) -> Self {
        Self { steps: steps.to_vec(), verbose, state: Mutex::new(BTreeMap::new()) }
    }

    /// `[ 3/14] Create the cluster`, or only the name where the step is not part of a plan.
    fn label(&self, step: &str) -> String {
        match self.steps.iter().position(|(id, _)| id == step) {
            Some(index) => {
                let total = self.steps.len();
                let width = total.to_string().len();
                format!("[{:>width$}/{total}] {}", index + 1, self.steps[index].1)
            }
            None => step.to_owned(),
        }
    }
}

impl Reporter for Plain {
    fn report(&self, event: &Event) {
        let now = Instant::now();
        let Ok(mut state) = self.state.lock() else { return };
        let label = self.label(&event.step);
        let message = &event.message;
        match event.state {
            State::Started => {
                state.insert(event.step.clone(), Seen { started: now, last: now });
                line(&format!("{label} … {message}"));
            }
            State::Progress => {
                let seen = state.entry(event.step.clone()).or_insert(Seen { started: now, last: now });
                let pause = if seen.started.elapsed() > LONG { LONG_PAUSE } else { PAUSE };
                if (self.verbose && !event.download) || seen.last.elapsed() > pause {
                    seen.last = now;
                    line(&format!("{label} … {}", progress_text(event)));
                }
            }
            State::Done => {
                let took = state.get(&event.step).map_or(Duration::ZERO, |seen| seen.started.elapsed());
                let took = if event.step == downloads::STEP {
                    String::new()
                } else {
                    format!(" ({})", show_time(took))
                };
                line(&format!("{label} ✓ {message}{took}"));
            }
            State::Unchanged => line(&format!("{label} ✓ {message}")),
            State::Failed => line(&format!("{label} ✗ {message}")),
            State::Warning => line(&format!("warning: {message}")),
        }
    }
}

/// `message 12 MiB of 40 MiB`, or the message alone, also where it has the figures.
pub fn progress_text(event: &Event) -> String {
    match (event.current, event.total) {
        _ if event.download => event.message.clone(),
        (Some(current), Some(total)) if event.message.starts_with(&format!("{current} of {total}")) => {
            event.message.clone()
        }
        (Some(current), Some(total)) if total > 4096 => {
            format!("{} {} of {}", event.message, show_bytes(current), show_bytes(total))
        }
        (Some(current), Some(total)) => format!("{} {current} of {total}", event.message),
        (Some(current), None) => format!("{} {}", event.message, show_bytes(current)),
        _ => event.message.clone(),
    }
}
