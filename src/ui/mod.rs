//! The only module that prints.
//!
//! Standard output is for data, standard error for messages. On a terminal, progress is animated; otherwise
//! plain lines are printed, and `--events json` prints one object per line on standard output.

#![allow(clippy::disallowed_macros)] // this is the room that prints

mod downloads;
mod events;
mod meter;
mod plain;
mod printable;
mod prompt;
mod table;
mod terminal;

pub use printable::{prefix, printable};
pub use prompt::{ask, confirm_name};
pub use table::Table;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use self::downloads::Downloads;
use crate::error::Error;
use crate::process_env::ProcessEnv;
use crate::progress::{Event, Reporter};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    Quiet,
    Normal,
    Verbose,
}

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Terminal,
    Plain,
    Json,
}

/// Prints as the terminal and the flags require.
pub struct Ui {
    pub mode: Mode,
    pub volume: Volume,
}

impl Ui {
    pub fn new(process_env: &ProcessEnv, json_events: bool, no_color: bool, volume: Volume) -> Self {
        let mode = match (json_events, process_env.animate() && volume < Volume::Verbose) {
            (true, _) => Mode::Json,
            (false, true) => Mode::Terminal,
            (false, false) => Mode::Plain,
        };
        let colour = process_env.colour() && !no_color;
        console::set_colors_enabled_stderr(colour);
        console::set_colors_enabled(process_env.stdout_is_terminal && colour);
        Self { mode, volume }
    }

    /// A reporter for work whose steps, with their titles, are known at the start.
    pub fn reporter(&self, steps: &[(String, String)]) -> Arc<dyn Reporter> {
        self.reporter_expecting(steps, BTreeMap::new())
    }

    /// As [`Ui::reporter`]; `expected` are the bytes that steps will probably download, if known.
    pub fn reporter_expecting(
        &self,
        steps: &[(String, String)],
        expected: BTreeMap<String, Option<u64>>,
    ) -> Arc<dyn Reporter> {
        let inner: Arc<dyn Reporter> = match (self.volume, self.mode) {
            (_, Mode::Json) => Arc::new(events::Events::default()),
            (Volume::Quiet, _) => Arc::new(Warnings),
            (_, Mode::Terminal) => Arc::new(terminal::Terminal::new(steps)),
            (volume, Mode::Plain) => Arc::new(plain::Plain::new(steps, volume == Volume::Verbose)),
        };
        Arc::new(Downloads::new(inner, expected))
    }

    /// A line of narration; silent under `--quiet` and `--events json`.
    pub fn say(&self, text: &str) {
        if self.volume > Volume::Quiet && self.mode != Mode::Json {
            line(text);
        }
    }

    /// A success or summary line that stands out on a terminal.
    pub fn good(&self, text: &str) {
        self.say(&console::style(text).for_stderr().green().bold().to_string());
    }

    pub fn warn(&self, text: &str) {
        if self.mode != Mode::Json {
            line(&format!("{} {text}", console::style("warning:").for_stderr().yellow().bold()));
        }
    }

    /// An error with its causes and `help:` lines; as an event too, where events are asked for.
    pub fn error(&self, error: &Error) {
        if self.mode == Mode::Json {
            events::failure(error);
        }
        let mut lines = String::new();
        // A cause may quote what a program said.
        for cause in error.causes() {
            let mut rows = cause.lines();
            lines.push_str(&format!("\n  because {}", printable(rows.next().unwrap_or_default())));
            rows.for_each(|row| lines.push_str(&format!("\n          {}", printable(row))));
        }
        for help in error.hints() {
            lines.push_str(&format!("\n  {} {help}", console::style("help:").for_stderr().cyan().bold()));
        }
        line(&format!("{} {}{lines}", console::style("error:").for_stderr().red().bold(), error.what()));
    }
}

/// Under `--quiet` only what needs attention is said.
struct Warnings;

impl Reporter for Warnings {
    fn report(&self, event: &Event) {
        if event.state == crate::progress::State::Warning {
            line(&format!("warning: {}", event.message));
        }
    }
}

/// Data on standard output. A reader that went away (`… | head`) is no error.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// As [`data`], for output without an end: false where the reader went away.
pub fn stream(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// A line on standard error; a closed stream is no error.
fn line(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{text}");
}
