//! What work below `cli` uses: it runs commands, reports progress, and observes cancellation and its deadline.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::cancel::{Cancel, Reason};
use crate::error::{Error, Kind, Result};
use crate::exec::{Cmd, Output, RunError, Runner};
use crate::progress::{Event, Reporter, State};

#[derive(Clone)]
pub struct Task<'a> {
    /// The step that the work belongs to; part of every event.
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

    /// Runs a command until it ends; a status other than 0 is an error.
    pub fn run(&self, cmd: &Cmd) -> Result<Output> {
        self.run_lines(cmd, &mut |_| {})
    }

    /// As [`Task::run`]; each line of output also goes to `on_line` as it arrives.
    pub fn run_lines(&self, cmd: &Cmd, on_line: &mut dyn FnMut(&str)) -> Result<Output> {
        Ok(self.start(cmd, on_line)?)
    }

    /// As [`Task::run`], for callers that distinguish errors.
    pub fn try_run(&self, cmd: &Cmd) -> Result<Output, RunError> {
        self.start(cmd, &mut |_| {})
    }

    fn start(&self, cmd: &Cmd, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        let remaining = self.remaining();
        let limit = cmd.limit().map_or(remaining, |limit| limit.min(remaining));
        self.runner.run(&cmd.clone().within(limit), self.cancel, on_line)
    }

    pub fn say(&self, message: impl Into<String>) {
        self.progress(None, None, message);
    }

    pub fn progress(&self, current: Option<u64>, total: Option<u64>, message: impl Into<String>) {
        self.emit(State::Progress, current, total, message.into(), false);
    }

    /// As [`Task::progress`], for bytes that come from another machine.
    pub fn downloaded(&self, current: u64, total: Option<u64>, message: impl Into<String>) {
        self.emit(State::Progress, Some(current), total, message.into(), true);
    }

    /// Shows the user a warning.
    pub fn warn(&self, message: impl Into<String>) {
        self.emit(State::Warning, None, None, message.into(), false);
    }

    fn emit(&self, state: State, current: Option<u64>, total: Option<u64>, message: String, download: bool) {
        self.reporter.report(&Event { step: self.step.to_owned(), state, current, total, download, message });
    }

    /// Fails if the work was cancelled or its time is up; call it in loops.
    pub fn check(&self) -> Result<()> {
        if let Some(reason) = self.cancel.reason() {
            return Err(reason.error());
        }
        if self.remaining().is_zero() {
            return Err(self.too_late("the work"));
        }
        Ok(())
    }

    /// Runs a future until it ends, the task is cancelled, or the deadline passes. `what` names what is
    /// waited for in the error.
    pub fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
        let cancel = self.cancel;
        let remaining = self.remaining();
        self.runtime.block_on(async move {
            tokio::select! {
                result = future => result,
                reason = cancel.cancelled() => Err(reason.error()),
                () = tokio::time::sleep(remaining) => Err(self.too_late(what)),
            }
        })
    }

    fn too_late(&self, what: &str) -> Error {
        // The limit is usually that of the step, which `--timeout` does not extend.
        Error::failed(format!("{what} did not finish within the time limit of step `{}`", self.step))
            .help("Run the command again: it continues where it stopped.")
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Cancel, Duration, Instant, Runner, Task};
    use crate::progress::Recorder;

    /// Owns the parts of a [`Task`].
    pub struct Parts {
        runtime: tokio::runtime::Runtime,
        pub recorder: Recorder,
        pub cancel: Cancel,
    }

    impl Default for Parts {
        fn default() -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            Self { runtime: runtime.unwrap(), recorder: Recorder::default(), cancel: Cancel::default() }
        }
    }

    impl Parts {
        /// A task that has one minute.
        pub fn task<'a>(&'a self, runner: &'a dyn Runner) -> Task<'a> {
            Task {
                step: "test",
                runner,
                reporter: &self.recorder,
                cancel: &self.cancel,
                runtime: self.runtime.handle(),
                deadline: Instant::now() + Duration::from_secs(60),
            }
        }
    }

    /// Runs `work` with a task that has one minute.
    pub fn with_task<T>(runner: &dyn Runner, work: impl FnOnce(&Task<'_>) -> T) -> (T, Recorder) {
        let parts = Parts::default();
        let result = work(&parts.task(runner));
        (result, parts.recorder)
    }
}

/// Runs `work` for each index of `needs` in a thread of its own, once the indexes that it needs are done; at
/// most `most` at a time, earlier indexes first. The first failure cancels `stop`, which `watch`, called again
/// and again, may do as well; nothing is begun after that.
pub fn run_graph(
    needs: &[Vec<usize>],
    most: usize,
    stop: &Cancel,
    watch: impl Fn(),
    work: impl Fn(usize) -> Result<()> + Sync,
) -> Result<()> {
    let (send, ended) = mpsc::channel();
    let (mut begun, mut done) = (BTreeSet::new(), BTreeSet::new());
    let (mut running, mut failure) = (0, None);
    std::thread::scope(|scope| {
        loop {
            watch();
            for (index, needs) in needs.iter().enumerate() {
                let ready =
                    running < most && stop.reason().is_none() && needs.iter().all(|need| done.contains(need));
                if ready && begun.insert(index) {
                    running += 1;
                    let (send, work) = (send.clone(), &work);
                    scope.spawn(move || {
                        let result = catch_unwind(AssertUnwindSafe(|| work(index)));
                        let panicked = |_| Err(Error::failed("a part of the work panicked"));
                        send.send((index, result.unwrap_or_else(panicked)))
                    });
                }
            }
            if running == 0 {
                break;
            }
            let Ok((index, result)) = ended.recv_timeout(Duration::from_millis(50)) else { continue };
            running -= 1;
            match result {
                Ok(()) => drop(done.insert(index)),
                Err(error) => {
                    stop.cancel(Reason::Abandoned);
                    failure = Some(root_cause(failure.take(), error));
                }
            }
        }
    });
    match (stop.reason(), failure) {
        (None | Some(Reason::Abandoned), Some(error)) => Err(error),
        (Some(reason), _) => Err(reason.error()),
        (None, None) => Ok(()),
    }
}

/// The first failure that is not merely a consequence of another one.
fn root_cause(first: Option<Error>, second: Error) -> Error {
    first.filter(|first| first.kind() != Kind::Abandoned).unwrap_or(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_wins_over_its_consequences() {
        let consequence = || Reason::Abandoned.error();
        let (cause, later) = (Error::failed("the cause"), Error::failed("later"));
        assert_eq!(root_cause(Some(consequence()), cause.clone()).what(), "the cause");
        assert_eq!(root_cause(Some(cause.clone()), consequence()).what(), "the cause");
        assert_eq!(root_cause(Some(cause), later).what(), "the cause");
    }
}
