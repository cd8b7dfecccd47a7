//! Stages of a run: a header before each, its time after it, and a table of all at the end.

use std::fs::File;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::output::{self, say};
use crate::shell::{Result, target};
use crate::tally::Tally;

/// The time limit of a complete run on a cold machine.
const BUDGET: Duration = Duration::from_secs(85 * 60);
/// When `.ci/run` started, in seconds since 1970: compiling xtask is part of the run.
const STARTED: &str = "CI_STARTED";

pub(crate) struct Stages {
    started: Instant,
    done: Vec<Done>,
}

struct Done {
    name: String,
    time: Duration,
    outcome: Outcome,
    tests: Tally,
    /// Its last output lines.
    last: Vec<String>,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Stages that run one after the other, in parallel with those that use the screen.
pub(crate) struct Beside {
    log: PathBuf,
    thread: JoinHandle<Vec<Done>>,
}

type Stage = Box<dyn FnOnce() -> Result + Send>;

impl Stages {
    pub(crate) fn new() -> Self {
        let mut stages = Self { started: Instant::now(), done: Vec::new() };
        if let Some(time) = since(std::env::var(STARTED).ok().as_deref(), SystemTime::now()) {
            stages.started = stages.started.checked_sub(time).unwrap_or(stages.started);
            stages.note("compiling xtask", time, Outcome::Passed);
        }
        stages
    }

    /// Runs one stage. After a failed stage, the others still run, so that one run shows all problems.
    pub(crate) fn run(&mut self, name: &str, stage: impl FnOnce() -> Result) -> bool {
        println!("\n=== {name}");
        let done = Done::of(name, stage);
        let passed = done.passed();
        self.done.push(done);
        passed
    }

    /// Records a skipped stage and the reason.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}: skipped {why}");
        self.note(name, Duration::ZERO, Outcome::Skipped(why.to_owned()));
    }

    fn note(&mut self, name: &str, time: Duration, outcome: Outcome) {
        self.done.push(Done { name: name.to_owned(), time, outcome, tests: Tally::NONE, last: Vec::new() });
    }

    /// Starts stages in parallel with those that follow; their output goes to a file until `join`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn beside(what: &str, stages: Vec<(&'static str, Stage)>) -> Result<Beside> {
        let log = target().join("xtask").join(format!("{what}.log"));
        let fail = |error: std::io::Error| format!("cannot write {}: {error}", log.display());
        std::fs::create_dir_all(log.parent().unwrap_or(&log)).map_err(fail)?;
        let file = File::create(&log).map_err(fail)?;
        let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
        println!("\n=== running in parallel: {} (log: {})", names.join(", "), log.display());
        let thread = std::thread::spawn(move || {
            output::into_file(file);
            stages
                .into_iter()
                .map(|(name, stage)| {
                    say(&format!("\n=== {name}"));
                    Done::of(name, stage)
                })
                .collect()
        });
        Ok(Beside { log, thread })
    }

    /// Waits for the parallel stages and prints their output; returns whether all of them passed.
    pub(crate) fn join(&mut self, beside: Beside) -> bool {
        let done = beside.thread.join();
        print!("{}", std::fs::read_to_string(&beside.log).unwrap_or_else(|error| error.to_string()));
        let Ok(done) = done else {
            let why = format!("its thread panicked, see {}", beside.log.display());
            self.note("the parallel stages", Duration::ZERO, Outcome::Failed(why));
            return false;
        };
        let passed = done.iter().all(Done::passed);
        self.done.extend(done);
        passed
    }

    /// Prints the table; fails if a stage failed or the time limit is exceeded.
    pub(crate) fn finish(self) -> Result {
        let total = self.started.elapsed();
        // If a log is truncated in the middle, its end still shows what failed.
        for done in self.done.iter().filter(|done| !done.passed() && !done.last.is_empty()) {
            println!("\n=== last lines of {}\n{}", done.name, done.last.join("\n"));
        }
        println!("\n=== stages");
        for done in &self.done {
            println!("{}", done.line());
        }
        let tests = self.done.iter().fold(Tally::NONE, |sum, done| sum + done.tests);
        println!("{:>8}  {:<32} tests: {tests}", show(total), "all");
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|done| matches!(done.outcome, Outcome::Failed(_)))
            .map(|done| done.name.as_str())
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

impl Done {
    fn of(name: &str, stage: impl FnOnce() -> Result) -> Self {
        let started = Instant::now();
        output::last_lines();
        let outcome = match stage() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                say(&format!("--- {name} failed: {error}"));
                Outcome::Failed(error)
            }
        };
        let (time, tests, last) = (started.elapsed(), output::tallied(), output::last_lines());
        Self { name: name.to_owned(), time, outcome, tests, last }
    }

    fn passed(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed(_))
    }

    fn line(&self) -> String {
        let said = match &self.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(error) => format!("FAILED: {error}"),
            Outcome::Skipped(why) => format!("skipped {why}"),
        };
        let tests =
            if self.tests == Tally::NONE { String::new() } else { format!("; tests: {}", self.tests) };
        format!("{:>8}  {:<32} {said}{tests}", show(self.time), self.name)
    }
}

/// The time since a timestamp in seconds.
fn since(text: Option<&str>, now: SystemTime) -> Option<Duration> {
    let then = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(text?.parse().ok()?))?;
    now.duration_since(then).ok()
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
        let mut stages = Stages { started: Instant::now(), done: Vec::new() };
        assert!(!stages.run("first", || Err("broken".to_owned())));
        assert!(stages.run("second", || Ok(())));
        assert_eq!(stages.finish(), Err("failed: first".to_owned()));
    }

    #[test]
    fn stages_beside_others_count_as_well() {
        let mut stages = Stages { started: Instant::now(), done: Vec::new() };
        let fine: Stage = Box::new(|| {
            say("said by it");
            Ok(())
        });
        let what = format!("test-{}", std::process::id());
        let wrong: Stage = Box::new(|| Err("broken".to_owned()));
        let beside = Stages::beside(&what, vec![("third", fine), ("fourth", wrong)]).unwrap();
        let log = beside.log.clone();
        assert!(!stages.join(beside));
        let said = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(log).unwrap();
        assert!(
            said.contains("=== third\nsaid by it\n") && said.contains("--- fourth failed: broken"),
            "{said}"
        );
        assert_eq!(stages.finish(), Err("failed: fourth".to_owned()));
    }

    #[test]
    fn the_time_before_xtask_counts() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(since(Some("940"), now), Some(Duration::from_secs(60)));
        assert_eq!((since(Some("1001"), now), since(Some("now"), now), since(None, now)), (None, None, None));
    }

    #[test]
    fn times_read_well() {
        assert_eq!(show(Duration::from_millis(3440)), "3.4s");
        assert_eq!(show(Duration::from_secs(62)), "1m02s");
    }
}
