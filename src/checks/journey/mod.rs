//! Kind `journey`: a sequence of requests, as a user of the application makes them.
//!
//! An evaluation is one pass over all steps, with new generated values. `[[finally]]` runs at the end of
//! every pass; after an interrupted pass, in [`Check::tidy`].

mod cookies;
mod file;
mod pass;
mod template;
mod values;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use reqwest::Method;

use self::file::{File, Step};
use self::pass::{Pass, Wrong, seconds};
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::quantity::show_time;

/// What the steps leave of the task's time to `[[finally]]`; also the most that this may take.
const AFTER: Duration = Duration::from_secs(8);

#[derive(Debug)]
struct Journey {
    file: File,
    /// How long the steps of a pass may take together.
    timeout: Duration,
    /// Passes that were cut off before their end.
    open: Mutex<Vec<Pass>>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of every kind
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let file = file::read(fields);
    Some(Box::new(Journey { file, timeout: Duration::ZERO, open: Mutex::default() }))
}

impl Check for Journey {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let host = self.file.host.as_deref().unwrap_or(&cx.host);
            let mut open = match Pass::new(&self.file.vars, host, cx.origin(host)) {
                Ok(pass) => Open { journey: self, pass: Some(pass) },
                Err(error) => return Verdict::Never(error),
            };
            let Some(pass) = &mut open.pass else { return Verdict::Never(String::new()) };
            let left = cx.task.remaining();
            let end = Instant::now() + self.timeout.min(left.saturating_sub(AFTER.min(left / 4)));
            let verdict = self.walk(cx, pass, end).await;
            self.finish(cx, pass, end).await;
            open.pass = None;
            verdict
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap logs   # shows the last log lines of the services"
    }

    fn within(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The steps keep their time themselves; this is only longer.
    fn look_timeout(&self) -> Duration {
        self.timeout + AFTER + Duration::from_secs(1)
    }

    fn tidy<'a>(&'a self, cx: &'a Context<'_>) -> Option<BoxFuture<'a, ()>> {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let finish = async move {
            for mut pass in open {
                self.finish(cx, &mut pass, Instant::now()).await;
            }
        };
        (!self.file.finally.is_empty()).then(|| finish.boxed())
    }
}

impl Journey {
    async fn walk(&self, cx: &Context<'_>, pass: &mut Pass, end: Instant) -> Verdict {
        let start = Instant::now();
        let mut done: Vec<(&str, Duration)> = Vec::new();
        for (index, step) in self.file.steps.iter().enumerate() {
            cx.task.say(format!("{} ({} of {})", step.name, index + 1, self.file.steps.len()));
            let begun = Instant::now();
            match take(cx, pass, step, &mut { end }, end).await {
                Ok(()) => done.push((&step.name, begun.elapsed())),
                Err(wrong) => {
                    let with_time = |(name, took): &(&str, Duration)| format!("{name} {}", seconds(*took));
                    let before: Vec<String> = done.iter().map(with_time).collect();
                    let before = if before.is_empty() { "none".to_owned() } else { before.join(", ") };
                    let place = format!("step {} of {}", index + 1, self.file.steps.len());
                    let detail = format!("{place}, {}; steps before it: {before}", wrong.message);
                    // Nothing has answered yet: the way there may still be in the making.
                    let early = index == 0 && wrong.status == Some(404);
                    return if wrong.may_pass || early {
                        Verdict::NotYet(detail)
                    } else {
                        Verdict::Never(detail)
                    };
                }
            }
        }
        let (count, all) = (done.len(), seconds(start.elapsed()));
        Verdict::Pass(match done.into_iter().max_by_key(|(_, took)| *took) {
            Some((name, took)) if count > 1 => {
                format!("{count} steps in {all}, the longest: {name} {}", seconds(took))
            }
            _ => format!("{count} step in {all}"),
        })
    }

    /// Takes the steps of `[[finally]]` that were not taken yet and have something to undo. What the application
    /// delays may take until `end`.
    async fn finish(&self, cx: &Context<'_>, pass: &mut Pass, end: Instant) {
        let mut deadline = Instant::now() + AFTER;
        while let Some(step) = self.file.finally.get(pass.finished) {
            if pass.is_needed(step)
                && let Err(wrong) = take(cx, pass, step, &mut deadline, end).await
                && !is_gone(step, &wrong)
            {
                cx.task.warn(format!("something may be left behind: {}", wrong.message));
            }
            pass.finished += 1;
        }
    }
}

/// Takes a step until `deadline`. If the application limits the rate of requests, waits as long as it requests, but
/// not beyond `end`; the deadline moves by that time.
async fn take(
    cx: &Context<'_>,
    pass: &mut Pass,
    step: &Step,
    deadline: &mut Instant,
    end: Instant,
) -> Result<(), Wrong> {
    loop {
        let taken = pass.take(cx, step, deadline.saturating_duration_since(Instant::now())).await;
        let Err(Wrong { retry_after: Some(wait), .. }) = &taken else { return taken };
        if Instant::now() + *wait >= end {
            return taken;
        }
        let time = show_time(*wait);
        cx.task.say(format!("{}: too many requests; the application asks to wait {time}", step.name));
        tokio::time::sleep(*wait).await;
        *deadline += *wait;
    }
}

/// Whether what was to be deleted is not there: a step of the journey may have deleted it.
fn is_gone(step: &Step, wrong: &Wrong) -> bool {
    step.method == Method::DELETE && matches!(wrong.status, Some(404 | 410))
}

/// Gives its pass back to the journey if it is dropped before the pass is over.
struct Open<'a> {
    journey: &'a Journey,
    pass: Option<Pass>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        self.journey.open.lock().unwrap_or_else(PoisonError::into_inner).push(pass);
    }
}
