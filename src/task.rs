//! What a piece of work may use: start programs, say how far it is, be stopped in time.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::cancel::{Cancel, Reason};
use crate::error::{Error, Exit, Result};
use crate::exec::{Cmd, Output, Runner};
use crate::progress::{Event, Reporter, State};

/// Handed by reference to everything below `steps`; carries no knowledge of the terminal.
#[derive(Clone)]
pub struct Task<'a> {
    /// The step on whose behalf the work is done; it stands in every event.
    pub step: &'a str,
    pub runner: &'a dyn Runner,
    pub reporter: &'a dyn Reporter,
    pub cancel: &'a Cancel,
    pub runtime: &'a tokio::runtime::Handle,
    pub deadline: Instant,
}

impl<'a> Task<'a> {
    /// The same task with less time: the deadline moves to `limit` from now, if that is earlier.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Task<'a> {
        Task { deadline: self.deadline.min(Instant::now() + limit), ..self.clone() }
    }

    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs a program to its end; a status other than 0 is an error with all that is known.
    pub fn run(&self, cmd: &Cmd) -> Result<Output> {
        self.run_lines(cmd, &mut |_| {})
    }

    /// As [`Task::run`], giving every line of both streams to `on_line` as it comes.
    pub fn run_lines(&self, cmd: &Cmd, on_line: &mut dyn FnMut(&str)) -> Result<Output> {
        let remaining = self.remaining();
        let limit = cmd.limit().map_or(remaining, |limit| limit.min(remaining));
        Ok(self.runner.run(&cmd.clone().within(limit), self.cancel, on_line)?)
    }

    pub fn say(&self, message: impl Into<String>) {
        self.progress(None, None, message);
    }

    pub fn progress(&self, current: Option<u64>, total: Option<u64>, message: impl Into<String>) {
        self.emit(State::Progress, current, total, message.into());
    }

    /// Tells the user something that does not stop the work.
    pub fn warn(&self, message: impl Into<String>) {
        self.emit(State::Warning, None, None, message.into());
    }

    fn emit(&self, state: State, current: Option<u64>, total: Option<u64>, message: String) {
        self.reporter.report(&Event { step: self.step.to_owned(), state, current, total, message });
    }

    /// Fails if the work was asked to stop or its time is up; call it in loops.
    pub fn check(&self) -> Result<()> {
        if let Some(reason) = self.cancel.reason() {
            return Err(stopped(reason));
        }
        if self.remaining().is_zero() {
            return Err(self.too_late("the work"));
        }
        Ok(())
    }

    /// Runs a future until it ends, the task is stopped, or the deadline passes; `what` names the
    /// thing that is waited for and stands in the error.
    pub fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
        let cancel = self.cancel;
        let remaining = self.remaining();
        self.runtime.block_on(async move {
            tokio::select! {
                result = future => result,
                reason = cancel.cancelled() => Err(stopped(reason)),
                () = tokio::time::sleep(remaining) => Err(self.too_late(what)),
            }
        })
    }

    fn too_late(&self, what: &str) -> Error {
        Error::failed(format!("{what} did not end in the time that step `{}` has", self.step)).help(
            "call the command again: it goes on from here; where a log is named above, it says what was slow",
        )
    }
}

/// The error of work that was asked to stop.
pub fn stopped(reason: Reason) -> Error {
    match reason {
        Reason::Interrupted => Error::interrupted().help("todo-bootstrap up   # goes on from here"),
        Reason::Abandoned => Error::new(Exit::Failed, "stopped, as another step failed"),
        Reason::TimedOut => Error::failed("the time given by --timeout is up")
            .help("call the command again, with a longer --timeout: it goes on from here"),
    }
}
