//! Stages of a run: a header before each, its time after it, a table of all at the end.

use std::time::{Duration, Instant};

use crate::shell::Result;

/// The longest that a whole run may take on a cold machine.
const BUDGET: Duration = Duration::from_mins(75);

pub(crate) struct Stages {
    started: Instant,
    done: Vec<(String, Duration, Outcome)>,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Stages {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one stage. A failed stage does not stop the next: one run names all that is wrong.
    pub(crate) fn run(&mut self, name: &str, stage: impl FnOnce() -> Result) -> bool {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = match stage() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                println!("--- {name} failed: {error}");
                Outcome::Failed(error)
            }
        };
        let passed = matches!(outcome, Outcome::Passed);
        self.done.push((name.to_owned(), started.elapsed(), outcome));
        passed
    }

    /// Notes a stage that was left out, and why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}: left out, {why}");
        self.done.push((name.to_owned(), Duration::ZERO, Outcome::Skipped(why.to_owned())));
    }

    /// Prints the table; fails if a stage failed or the budget is spent.
    pub(crate) fn finish(self) -> Result {
        let total = self.started.elapsed();
        println!("\n=== stages");
        for (name, time, outcome) in &self.done {
            let said = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed(error) => format!("FAILED: {error}"),
                Outcome::Skipped(why) => format!("left out: {why}"),
            };
            println!("{:>8}  {name:<28} {said}", show(*time));
        }
        println!("{:>8}  all", show(total));
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, _, outcome)| matches!(outcome, Outcome::Failed(_)))
            .map(|(name, _, _)| name.as_str())
            .collect();
        if !failed.is_empty() {
            return Err(format!("failed: {}", failed.join(", ")));
        }
        if total > BUDGET {
            return Err(format!("took {}, more than the budget of {}", show(total), show(BUDGET)));
        }
        println!("all stages passed");
        Ok(())
    }
}

/// `1m02s`, `3.4s`.
pub(crate) fn show(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1}s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_stage_fails_the_run_and_the_rest_still_runs() {
        let mut stages = Stages::new();
        assert!(!stages.run("first", || Err("broken".to_owned())));
        assert!(stages.run("second", || Ok(())));
        assert_eq!(stages.finish(), Err("failed: first".to_owned()));
    }

    #[test]
    fn times_read_well() {
        assert_eq!(show(Duration::from_millis(3440)), "3.4s");
        assert_eq!(show(Duration::from_secs(62)), "1m02s");
    }
}
