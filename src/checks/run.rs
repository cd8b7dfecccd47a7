//! Runs checks concurrently, each until it passes, cannot pass any more, or its timeout expires.

use std::borrow::Borrow;
use std::time::{Duration, Instant};

use futures::stream::StreamExt as _;

use super::{Context, Outcome, Spec, Verdict};
use crate::quantity::show_time;

/// Enough to overlap the waits of most checks, few enough for a small API server.
const AT_ONCE: usize = 8;
/// Pauses between two evaluations without a watch: doubled from the first to the last.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// An evaluation although the watch reported no change, in case it has stopped working.
const FALLBACK: Duration = Duration::from_secs(5);
/// The part of the task's time that is reserved for reporting a check that timed out.
const RESERVED: Duration = Duration::from_millis(200);
/// The time limit for cleaning up after interrupted evaluations; it begins after the task's time.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs all checks, each until it passes or its timeout expires, and returns their outcomes in the order of
/// `specs`. A check that was stopped together with the task has failed.
pub fn run_all(cx: &Context<'_>, specs: &[impl Borrow<Spec>]) -> Vec<Outcome> {
    run_each(cx, specs, |spec| spec.timeout)
}

/// As [`run_all`], but evaluates each check only once.
pub fn run_once(cx: &Context<'_>, specs: &[impl Borrow<Spec>]) -> Vec<Outcome> {
    run_each(cx, specs, |_| Duration::ZERO)
}

fn run_each(
    cx: &Context<'_>,
    specs: &[impl Borrow<Spec>],
    patience: impl Fn(&Spec) -> Duration,
) -> Vec<Outcome> {
    let specs: Vec<&Spec> = specs.iter().map(Borrow::borrow).collect();
    let start = Instant::now();
    let mut done: Vec<Option<Outcome>> = specs.iter().map(|_| None).collect();
    let stopped = cx.task.wait("the checks", async {
        let runs = specs.iter().copied().enumerate().map(|(index, spec)| {
            let patience = patience(spec);
            async move { (index, run(cx, spec, patience).await) }
        });
        let mut runs = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
        let mut count = 0;
        while let Some((index, outcome)) = runs.next().await {
            count += 1;
            let passed = if outcome.passed { "" } else { "failed: " };
            let message = format!("{passed}{}", outcome.title);
            cx.task.progress(Some(count), Some(specs.len() as u64), message);
            done[index] = Some(outcome);
        }
        Ok(())
    });
    tidy(cx, &specs);
    let why = stopped.err().map(|error| error.one_line()).unwrap_or_default();
    let unfinished =
        |spec: &Spec| outcome(spec, Verdict::NotYet(format!("not finished: {why}")), start.elapsed());
    done.into_iter().zip(&specs).map(|(done, spec)| done.unwrap_or_else(|| unfinished(spec))).collect()
}

/// Runs also after a cancellation or the deadline; otherwise something would be left behind.
fn tidy(cx: &Context<'_>, specs: &[&Spec]) {
    let open: Vec<_> = specs.iter().filter_map(|spec| spec.check.tidy(cx)).collect();
    if open.is_empty() {
        return;
    }
    let all = async { tokio::time::timeout(CLEANUP_TIMEOUT, futures::future::join_all(open)).await };
    if cx.task.runtime.block_on(all).is_err() {
        cx.task
            .warn(format!("what the checks created was not removed within {}", show_time(CLEANUP_TIMEOUT)));
    }
}

async fn run(cx: &Context<'_>, spec: &Spec, patience: Duration) -> Outcome {
    let start = Instant::now();
    let deadline = start + patience.min(cx.task.remaining().saturating_sub(RESERVED));
    let verdict = evaluate(cx, spec, deadline).await;
    let verdict = match verdict {
        Verdict::NotYet(detail) if !patience.is_zero() => Verdict::NotYet(format!(
            "{detail} (after {})",
            show_time(Duration::from_secs(start.elapsed().as_secs()))
        )),
        verdict => verdict,
    };
    outcome(spec, verdict, start.elapsed())
}

fn outcome(spec: &Spec, verdict: Verdict, took: Duration) -> Outcome {
    let (passed, detail) = match verdict {
        Verdict::Pass(detail) => (true, detail),
        Verdict::Never(detail) | Verdict::NotYet(detail) => (false, detail),
    };
    let help = if passed { "" } else { spec.help.as_deref().unwrap_or(spec.check.help()) };
    Outcome {
        id: spec.id.clone(),
        title: spec.title.clone(),
        code: spec.code.clone(),
        passed,
        detail,
        help: help.to_owned(),
        millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Evaluates until the verdict is final or `deadline` passes, at least once.
async fn evaluate(cx: &Context<'_>, spec: &Spec, deadline: Instant) -> Verdict {
    let longest = spec.check.look_timeout();
    let mut last = look(cx, spec, longest).await;
    let mut pause = MIN_PAUSE;
    let mut changes = None;
    while matches!(last, Verdict::NotYet(_)) {
        let left = deadline.saturating_duration_since(Instant::now());
        match changes.get_or_insert_with(|| spec.check.changes(cx)) {
            None => tokio::time::sleep(pause.min(left)).await,
            Some(stream) => {
                if let Ok(None) = tokio::time::timeout(FALLBACK.min(left), stream.next()).await {
                    changes = Some(None);
                }
            }
        }
        pause = (pause * 2).min(MAX_PAUSE);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match look(cx, spec, longest.min(left)).await {
            // The last complete evaluation tells more than one that the deadline cut short.
            Verdict::NotYet(_) if Instant::now() >= deadline => break,
            verdict => last = verdict,
        }
    }
    last
}

async fn look(cx: &Context<'_>, spec: &Spec, limit: Duration) -> Verdict {
    match tokio::time::timeout(limit, spec.check.look(cx)).await {
        Ok(verdict) => verdict,
        Err(_) => {
            Verdict::NotYet(format!("no answer within {}", show_time(limit.max(Duration::from_secs(1)))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::{BoxFuture, FutureExt as _};

    use super::super::Check;
    use super::super::testing;
    use super::*;
    use crate::cancel::Reason;

    /// Passes from the given look on.
    #[derive(Debug)]
    struct After(u32, AtomicU32);

    impl Check for After {
        fn look<'a>(&'a self, _cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
            async {
                let looks = self.1.fetch_add(1, Ordering::SeqCst) + 1;
                match self.0 {
                    0 => Verdict::Never("broken".to_owned()),
                    wanted if looks >= wanted => Verdict::Pass(format!("look {looks}")),
                    _ => Verdict::NotYet(format!("look {looks}")),
                }
            }
            .boxed()
        }

        fn help(&self) -> &'static str {
            "todo-bootstrap up"
        }
    }

    fn spec(id: &str, looks: u32, timeout: Duration) -> Spec {
        Spec {
            id: id.to_owned(),
            title: id.to_owned(),
            code: id.to_owned(),
            help: None,
            timeout,
            kind: "after",
            check: Box::new(After(looks, AtomicU32::new(0))),
        }
    }

    #[test]
    fn outcomes_keep_the_order_and_failures_have_help() {
        let specs = [
            spec("slow", 3, Duration::from_secs(20)),
            // A final verdict ends the wait.
            spec("broken", 0, Duration::from_secs(3600)),
            spec("never", u32::MAX, Duration::from_millis(300)),
        ];
        let outcomes = testing::with_context(|cx| run_all(cx, &specs));
        let short: Vec<_> = outcomes.iter().map(|o| (o.id.as_str(), o.passed)).collect();
        assert_eq!(short, [("slow", true), ("broken", false), ("never", false)]);
        assert_eq!(outcomes[0].detail, "look 3");
        assert_eq!([&outcomes[0].help, &outcomes[1].help], ["", "todo-bootstrap up"]);
    }

    #[test]
    fn a_stopped_task_leaves_no_check_without_an_outcome() {
        let specs = [spec("a", 1, Duration::from_secs(20)), spec("b", u32::MAX, Duration::from_secs(20))];
        let outcomes = testing::with_context(|cx| {
            let cancel = cx.task.cancel.clone();
            let stop = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(150));
                cancel.cancel(Reason::Interrupted);
            });
            let outcomes = run_all(cx, &specs);
            stop.join().unwrap();
            outcomes
        });
        assert!(outcomes[0].passed && !outcomes[1].passed);
        assert_eq!(outcomes[1].detail, "not finished: interrupted");
    }

    #[test]
    fn no_patience_asks_once() {
        let specs = [spec("a", 2, Duration::from_secs(20))];
        let outcomes = testing::with_context(|cx| run_once(cx, &specs));
        assert_eq!((outcomes[0].passed, outcomes[0].detail.as_str()), (false, "look 1"));
    }
}
