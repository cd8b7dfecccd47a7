//! Executes a plan: each step starts once the steps that it needs are done; independent steps run in parallel.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Journal, Plan, Probe, Step};
use crate::cancel::{Cancel, Reason};
use crate::error::{Error, Kind, Result};
use crate::progress::{Event, State};
use crate::task::Task;

/// The result of a step.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub step: String,
    /// Whether it had work.
    pub changed: bool,
    pub started: Instant,
    pub took: Duration,
}

/// Runs all steps, at most `most` at a time, with the runner, reporter and deadline of `task`. The first
/// failure stops the other steps and is returned; the probes of the next run find what was completed.
pub fn execute(plan: &Plan, task: &Task<'_>, journal: &Journal, most: usize) -> Result<Vec<Outcome>> {
    // A separate flag, so that a failed step stops the other steps but not the caller.
    let stop = Cancel::default();
    let (send, ended) = mpsc::channel();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut failure: Option<Error> = None;
    std::thread::scope(|scope| {
        let mut begun: BTreeSet<usize> = BTreeSet::new();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut running = 0;
        loop {
            if failure.is_none() && task.cancel.reason().is_none() {
                for (index, (step, needs)) in plan.graph().iter().enumerate() {
                    let ready = running < most
                        && !begun.contains(&index)
                        && needs.iter().all(|need| done.contains(need));
                    if ready {
                        begun.insert(index);
                        running += 1;
                        let (send, stop) = (send.clone(), stop.clone());
                        scope.spawn(move || {
                            let result = one(step.as_ref(), task, &stop, journal);
                            let _ = send.send((step.id().to_owned(), result));
                        });
                    }
                }
            }
            if running == 0 {
                break;
            }
            match ended.recv_timeout(Duration::from_millis(50)) {
                Ok((id, Ok(outcome))) => {
                    running -= 1;
                    done.insert(id);
                    outcomes.push(outcome);
                }
                Ok((_, Err(error))) => {
                    running -= 1;
                    stop.cancel(Reason::Abandoned);
                    failure = Some(root_cause(failure.take(), error));
                }
                Err(_) => propagate(task, &stop),
            }
        }
    });
    if let Some(reason) = task.cancel.reason() {
        return Err(reason.error());
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(outcomes),
    }
}

/// Cancels the steps if the caller was cancelled or its time is up.
fn propagate(task: &Task<'_>, stop: &Cancel) {
    if let Some(reason) = task.cancel.reason() {
        stop.cancel(reason);
    } else if task.remaining().is_zero() {
        task.cancel.cancel(Reason::TimedOut);
        stop.cancel(Reason::TimedOut);
    }
}

/// The first failure that is not merely a consequence of another one.
fn root_cause(first: Option<Error>, second: Error) -> Error {
    match first {
        Some(first) if first.kind() != Kind::Abandoned => first,
        Some(_) | None => second,
    }
}

fn one(step: &dyn Step, whole: &Task<'_>, stop: &Cancel, journal: &Journal) -> Result<Outcome> {
    let started = Instant::now();
    let deadline = whole.deadline.min(started + step.deadline());
    let task = Task { step: step.id(), cancel: stop, deadline, ..whole.clone() };
    let say = |state: State, message: String| task.reporter.report(&Event::new(step.id(), state, message));
    let result: Result<bool> = (|| {
        let why = match step.probe(&task)? {
            Probe::Done(found) => {
                say(State::Unchanged, found);
                return Ok(false);
            }
            Probe::Needed(why) => why,
        };
        journal.step(step.id(), "started", &why);
        say(State::Started, why);
        let did = step.run(&task)?;
        step.verify(&task)?;
        journal.step(step.id(), "done", &did);
        say(State::Done, did);
        Ok(true)
    })();
    match result {
        Ok(changed) => Ok(Outcome { step: step.id().to_owned(), changed, started, took: started.elapsed() }),
        Err(error) => {
            journal.step(step.id(), "failed", &error.one_line());
            say(State::Failed, error.one_line());
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::exec::Script;
    use crate::steps::Undo;
    use crate::task::testing::with_task;

    #[test]
    fn a_failure_wins_over_its_consequences() {
        let consequence = || Reason::Abandoned.error();
        let (cause, later) = (Error::failed("the cause"), Error::failed("later"));
        assert_eq!(root_cause(Some(consequence()), cause.clone()).what(), "the cause");
        assert_eq!(root_cause(Some(cause.clone()), consequence()).what(), "the cause");
        assert_eq!(root_cause(Some(cause), later).what(), "the cause");
    }

    struct Fake {
        id: &'static str,
        made: AtomicBool,
        fails: bool,
        order: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Step for Fake {
        fn id(&self) -> &str {
            self.id
        }
        fn title(&self) -> String {
            self.id.to_uppercase()
        }
        fn probe(&self, _: &Task<'_>) -> Result<Probe> {
            let made = self.made.load(Ordering::SeqCst);
            Ok(if made { Probe::Done("there".into()) } else { Probe::Needed("missing".into()) })
        }
        fn run(&self, _: &Task<'_>) -> Result<String> {
            if self.fails {
                return Err(Error::failed("broken on purpose"));
            }
            self.order.lock().unwrap().push(self.id);
            self.made.store(true, Ordering::SeqCst);
            Ok("made".into())
        }
        fn undo(&self) -> Undo<'_> {
            Undo::Nothing("it creates nothing")
        }
    }

    fn run(steps: &[(&'static str, &[&'static str], bool)]) -> (Result<Vec<Outcome>>, Vec<&'static str>) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let boxed: Vec<(Box<dyn Step>, Vec<String>)> = steps
            .iter()
            .map(|(id, needs, fails)| {
                let order = order.clone();
                let fake = Fake { id, made: AtomicBool::new(false), fails: *fails, order };
                let needs = needs.iter().map(|need| (*need).to_owned()).collect();
                (Box::new(fake) as Box<dyn Step>, needs)
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "test").unwrap();
        let result = Plan::new(boxed).and_then(|plan| {
            with_task(&Script::default(), |task| {
                execute(&plan, &task.within(Duration::from_secs(20)), &journal, 4)
            })
            .0
        });
        let order = order.lock().unwrap().clone();
        (result, order)
    }

    #[test]
    fn steps_run_after_those_they_need() {
        let (result, order) = run(&[("c", &["a", "b"], false), ("b", &["a"], false), ("a", &[], false)]);
        assert_eq!(order, ["a", "b", "c"]);
        assert_eq!(result.unwrap().len(), 3);
    }

    #[test]
    fn steps_after_a_failure_do_not_run() {
        let (result, order) = run(&[("a", &[], true), ("b", &["a"], false)]);
        assert!(order.is_empty());
        assert_eq!(result.unwrap_err().what(), "broken on purpose");
    }

    #[test]
    fn a_cycle_is_reported() {
        let (result, _) = run(&[("a", &["b"], false), ("b", &["a"], false)]);
        assert_eq!(result.unwrap_err().what(), "these steps depend on each other: a, b");
    }
}
