//! Executes a plan: each step starts once the steps that it needs are done; independent steps run in parallel.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::plan::Planned;
use super::{Journal, Plan, Probe, Session};
use crate::cancel::{Cancel, Reason};
use crate::error::{Error, Result};
use crate::progress::{Event, State};
use crate::task::{Task, run_graph};

/// Runs all steps, at most `most` at a time, with the runner, reporter and deadline of `task`. The first
/// failure stops the other steps and is returned; the probes of the next run find what was completed.
/// Returns the number of steps that had work.
pub fn execute(
    plan: &Plan,
    session: &Session,
    task: &Task<'_>,
    journal: &Journal,
    most: usize,
) -> Result<usize> {
    // A separate flag, so that a failed step stops the other steps but not the caller.
    let (stop, changed) = (Cancel::default(), AtomicUsize::new(0));
    let steps = plan.steps();
    let index = |need: &String| steps.iter().position(|step| step.id == *need);
    let needs: Vec<Vec<usize>> =
        steps.iter().map(|step| step.needs.iter().filter_map(index).collect()).collect();
    let watch = || {
        if task.cancel.reason().is_none() && task.remaining().is_zero() {
            task.cancel.cancel(Reason::TimedOut);
        }
        task.cancel.reason().into_iter().for_each(|reason| stop.cancel(reason));
    };
    run_graph(&needs, most, &stop, watch, |index| {
        let had_work = one(&steps[index], session, &Task { cancel: &stop, ..task.clone() }, journal)?;
        changed.fetch_add(had_work.into(), Ordering::Relaxed);
        Ok(())
    })?;
    Ok(changed.into_inner())
}

/// Pauses before a step is verified again. A kubelet may report a pod that has just become ready as not ready once more.
const SETTLES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// What a step that ran still lacks.
fn unverified(planned: &Planned, session: &Session, task: &Task<'_>) -> Result<Option<String>> {
    let mut pauses = SETTLES.into_iter();
    loop {
        let Probe::Needed(why) = planned.step.verify(session, task)? else { return Ok(None) };
        let Some(pause) = pauses.next() else { return Ok(Some(why)) };
        tracing::debug!("{}: not as it should be yet: {why}", planned.id);
        task.wait("the pause before it is verified again", async {
            tokio::time::sleep(pause).await;
            Ok(())
        })?;
    }
}

/// Runs a step, if it has work.
fn one(planned: &Planned, session: &Session, whole: &Task<'_>, journal: &Journal) -> Result<bool> {
    let Planned { id, title, step, .. } = planned;
    let task = Task { step: id, ..whole.within(planned.limit) };
    let say = |state: State, message: String| task.reporter.report(&Event::new(id, state, message));
    let result: Result<bool> = (|| {
        let why = match step.probe(session, &task)? {
            Probe::Done(found) => {
                say(State::Unchanged, found);
                return Ok(false);
            }
            Probe::Needed(why) => why,
        };
        journal.step(id, "started", &why);
        say(State::Started, why);
        let did = step.run(session, &task)?;
        if let Some(why) = unverified(planned, session, &task)? {
            let error = Error::failed(format!("{title}: verification failed after the step ran"));
            return Err(error.because(why).help("todo-bootstrap doctor"));
        }
        journal.step(id, "done", &did);
        say(State::Done, did);
        Ok(true)
    })();
    result.inspect_err(|error| {
        journal.step(id, "failed", &error.one_line());
        say(State::Failed, error.one_line());
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::exec::Script;
    use crate::steps::Step;
    use crate::steps::plan::NO_CHANGE;
    use crate::steps::testing::session;
    use crate::task::testing::with_task;

    struct Fake {
        id: &'static str,
        made: AtomicBool,
        fails: bool,
        order: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Step for Fake {
        fn probe(&self, _: &Session, _: &Task<'_>) -> Result<Probe> {
            let made = self.made.load(Ordering::SeqCst);
            Ok(if made { Probe::Done("there".into()) } else { Probe::Needed("missing".into()) })
        }
        fn run(&self, _: &Session, _: &Task<'_>) -> Result<String> {
            if self.fails {
                return Err(Error::failed("broken on purpose"));
            }
            self.order.lock().unwrap().push(self.id);
            self.made.store(true, Ordering::SeqCst);
            Ok("made".into())
        }
    }

    fn run(steps: &[(&'static str, &[&'static str], bool)]) -> (Result<usize>, Vec<&'static str>) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let planned = |(id, needs, fails): &(&'static str, &[&str], bool)| {
            let fake = Fake { id, made: AtomicBool::new(false), fails: *fails, order: order.clone() };
            Planned::new(*id, id.to_uppercase(), 1, needs.iter().copied(), NO_CHANGE, fake)
        };
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "test").unwrap();
        let session = session(dir.path(), "kind");
        let result = Plan::new(steps.iter().map(planned).collect()).and_then(|plan| {
            with_task(&Script::default(), |task| {
                execute(&plan, &session, &task.within(Duration::from_secs(20)), &journal, 4)
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
        assert_eq!(result.unwrap(), 3);
    }

    #[test]
    fn steps_after_a_failure_do_not_run() {
        let (result, order) = run(&[("a", &[], true), ("b", &["a"], false)]);
        assert!(order.is_empty());
        assert_eq!(result.unwrap_err().what(), "broken on purpose");
    }

    /// Its result can be seen at look number `seen`, counted from its run.
    struct Late {
        looks: AtomicUsize,
        seen: usize,
    }

    impl Step for Late {
        fn probe(&self, _: &Session, _: &Task<'_>) -> Result<Probe> {
            Ok(Probe::Needed("missing".into()))
        }
        fn run(&self, _: &Session, _: &Task<'_>) -> Result<String> {
            Ok("made".into())
        }
        fn verify(&self, _: &Session, _: &Task<'_>) -> Result<Probe> {
            let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(if look >= self.seen { Probe::Done("there".into()) } else { Probe::Needed("not seen".into()) })
        }
    }

    #[test]
    fn a_result_that_is_seen_late_is_looked_at_again_and_then_missed() {
        let late = |seen: usize| {
            let dir = tempfile::tempdir().unwrap();
            let (journal, session) =
                (Journal::open(dir.path(), "test").unwrap(), session(dir.path(), "kind"));
            let step = Late { looks: AtomicUsize::new(0), seen };
            let none: [&str; 0] = [];
            let plan = Plan::new(vec![Planned::new("late", "Late", 1, none, NO_CHANGE, step)]).unwrap();
            with_task(&Script::default(), |task| execute(&plan, &session, task, &journal, 4)).0
        };
        assert_eq!(late(2).unwrap(), 1);
        let error = late(SETTLES.len() + 2).unwrap_err();
        assert_eq!(error.causes(), ["not seen"]);
    }

    #[test]
    fn a_cycle_is_reported() {
        let (result, _) = run(&[("a", &["b"], false), ("b", &["a"], false)]);
        assert_eq!(result.unwrap_err().what(), "these steps depend on each other: a, b");
    }
}
