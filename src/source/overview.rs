//! What a step says while it builds artifacts: which ones are built now, how far they are, and what waits
//! for what.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Event, Reporter, State};
use crate::quantity::show_time;
use crate::task::Task;

/// What a compiler says changes many times a second; a line is worth reading once a second.
const EVERY: Duration = Duration::from_secs(1);

/// The artifacts that are built now, by the step of this process that builds them.
#[derive(Debug, Default)]
pub struct Builders {
    now: Mutex<BTreeMap<String, (String, Instant)>>,
}

impl Builders {
    fn set(&self, artifact: &str, step: &str, since: Instant) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.insert(artifact.to_owned(), (step.to_owned(), since));
    }

    fn remove(&self, artifact: &str) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).remove(artifact);
    }

    fn of(&self, artifact: &str) -> Option<(String, Instant)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).get(artifact).cloned()
    }
}

/// An artifact of a step's build.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    /// As the recipe has it.
    pub minutes: Option<u64>,
    /// The artifacts that it is made of.
    pub uses: Vec<String>,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Until the artifacts that it is made of are there.
    Waits,
    /// Until another step or another process has built it.
    Elsewhere,
    /// Until this ends.
    After(&'static str),
    Now {
        since: Instant,
        /// By the program that builds it.
        said: String,
    },
    Done,
}

impl Row {
    pub fn new(name: &str, minutes: Option<u64>, uses: Vec<String>) -> Self {
        Self { name: name.to_owned(), minutes, uses, phase: Phase::Waits }
    }
}

/// The artifacts that one step builds.
pub struct Overview<'a> {
    task: &'a Task<'a>,
    builders: &'a Builders,
    state: Mutex<Told>,
}

struct Told {
    rows: Vec<Row>,
    /// Whether a row is in another phase than when the line was last shown.
    changed: bool,
    at: Option<Instant>,
    line: String,
}

impl<'a> Overview<'a> {
    pub fn new(task: &'a Task<'a>, builders: &'a Builders, rows: Vec<Row>) -> Self {
        let told = Told { rows, changed: true, at: None, line: String::new() };
        Self { task, builders, state: Mutex::new(told) }
    }

    fn set(&self, name: &str, phase: Phase) {
        let mut told = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = told.rows.iter_mut().find(|row| row.name == name) else { return };
        row.phase = phase;
        told.changed = true;
    }

    pub fn elsewhere(&self, name: &str) {
        self.set(name, Phase::Elsewhere);
    }

    pub fn after(&self, name: &str, what: &'static str) {
        self.set(name, Phase::After(what));
    }

    /// The build begins; it ends when the result is dropped.
    pub fn begin<'b>(&'b self, name: &'b str) -> Begun<'b> {
        let since = Instant::now();
        self.builders.set(name, self.task.step, since);
        self.set(name, Phase::Now { since, said: String::new() });
        Begun { overview: self, name }
    }

    pub fn done(&self, name: &str) {
        self.set(name, Phase::Done);
        self.show(Instant::now());
    }

    /// Reports the line, if it changed and it is time for it; to be called again and again.
    pub fn show(&self, now: Instant) {
        let mut told = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.changed && told.at.is_some_and(|at| now.duration_since(at) < EVERY) {
            return;
        }
        let new = line(&told.rows, now, &|name| self.builders.of(name));
        (told.changed, told.at) = (false, Some(now));
        if new.is_empty() || new == told.line {
            return;
        }
        let done = told.rows.iter().filter(|row| row.phase == Phase::Done).count() as u64;
        // One artifact that is not done yet is no figure.
        let figures = (told.rows.len() > 1).then_some((done, told.rows.len() as u64));
        self.task.progress(figures.map(|of| of.0), figures.map(|of| of.1), new.clone());
        told.line = new;
    }
}

/// A build in progress. Its messages become part of the line.
pub struct Begun<'a> {
    overview: &'a Overview<'a>,
    name: &'a str,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.overview.builders.remove(self.name);
    }
}

impl Reporter for Begun<'_> {
    fn report(&self, event: &Event) {
        let name = self.name;
        if event.state != State::Progress || event.download {
            let message = format!("{name}: {}", event.message);
            return self.overview.task.reporter.report(&Event { message, ..event.clone() });
        }
        let mut told = self.overview.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Row { phase: Phase::Now { said, .. }, .. }) =
            told.rows.iter_mut().find(|row| row.name == name)
        {
            said.clone_from(&event.message);
        }
    }
}

/// `1 of 4 built; kubernetes (4 of about 9 min): package 812, k8s.io/api; image-node waits for kubernetes`.
fn line(rows: &[Row], now: Instant, builder: &dyn Fn(&str) -> Option<(String, Instant)>) -> String {
    let done = |name: &String| rows.iter().all(|row| row.name != *name || row.phase == Phase::Done);
    let mut parts = Vec::new();
    if rows.len() > 1 {
        let count = rows.iter().filter(|row| row.phase == Phase::Done).count();
        parts.push(format!("{count} of {} built", rows.len()));
    }
    // What is built now comes first: a narrow terminal shows only the beginning.
    let (mut active, mut held, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let name = &row.name;
        match &row.phase {
            Phase::Done => {}
            Phase::Now { since, said } => {
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                active.push(format!("{name} ({}){said}", progress(*since, row.minutes, now)));
            }
            Phase::After(what) => held.push(format!("{name} waits for {what}")),
            Phase::Elsewhere => held.push(match builder(name) {
                Some((step, since)) => {
                    let time = progress(since, row.minutes, now);
                    format!("waiting for {name}, which step {step} builds ({time})")
                }
                None => format!("waiting for {name}, which another process builds"),
            }),
            Phase::Waits => {
                let uses: Vec<&str> =
                    row.uses.iter().filter(|name| !done(name)).map(String::as_str).collect();
                // What can begin, begins within moments.
                if !uses.is_empty() {
                    waiting.push(format!("{name} waits for {}", uses.join(", ")));
                }
            }
        }
    }
    parts.extend(active.into_iter().chain(held).chain(waiting));
    parts.join("; ")
}

/// `35 s of about 9 min`, `4 of about 9 min`, `12 min instead of about 9`, `35 s`.
fn progress(since: Instant, minutes: Option<u64>, now: Instant) -> String {
    let seconds = now.saturating_duration_since(since).as_secs();
    let passed = show_time(Duration::from_secs(if seconds < 60 { seconds } else { seconds / 60 * 60 }));
    match minutes {
        None => passed,
        Some(minutes) if seconds / 60 > minutes => format!("{passed} instead of about {minutes}"),
        Some(minutes) if seconds < 60 => format!("{passed} of about {minutes} min"),
        Some(minutes) => format!("{} of about {minutes} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(now: Instant) -> Vec<Row> {
        let uses = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let mut rows = vec![
            Row::new("rootfs", Some(3), Vec::new()),
            Row::new("image-debian", None, uses(&["rootfs"])),
            Row::new("kubernetes", Some(9), Vec::new()),
            Row::new("traefik", Some(13), Vec::new()),
            Row::new("etcd", None, Vec::new()),
            Row::new("image-node", None, uses(&["image-debian", "kubernetes", "etcd"])),
        ];
        let since = now.checked_sub(Duration::from_secs(250)).unwrap();
        rows[0].phase = Phase::Done;
        rows[1].phase = Phase::Now { since: now, said: "save debian:13".to_owned() };
        rows[2].phase = Phase::Now { since, said: "package 812, k8s.io/api/apps/v1".to_owned() };
        rows[3].phase = Phase::After("another Go build");
        rows[4].phase = Phase::Elsewhere;
        rows
    }

    #[test]
    fn says_what_is_built_and_what_waits_for_what() {
        let now = Instant::now() + Duration::from_secs(1000);
        let since = now.checked_sub(Duration::from_secs(35)).unwrap();
        let builders = Builders::default();
        builders.set("etcd", "image-etcd", since);
        assert_eq!(
            line(&rows(now), now, &|name| builders.of(name)),
            "1 of 6 built; image-debian (0 s): save debian:13; \
             kubernetes (4 of about 9 min): package 812, k8s.io/api/apps/v1; \
             traefik waits for another Go build; waiting for etcd, which step image-etcd builds (35 s); \
             image-node waits for image-debian, kubernetes, etcd"
        );
        builders.remove("etcd");
        let one = Row { phase: Phase::Elsewhere, ..Row::new("etcd", None, Vec::new()) };
        let line = line(&[one], now, &|name| builders.of(name));
        assert_eq!(line, "waiting for etcd, which another process builds");
    }

    #[test]
    fn time_is_compared_with_what_the_recipe_expects() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, minutes, text) in [
            (35, Some(9), "35 s of about 9 min"),
            (250, Some(9), "4 of about 9 min"),
            (599, Some(9), "9 of about 9 min"),
            (725, Some(9), "12 min instead of about 9"),
            (250, None, "4 min"),
        ] {
            assert_eq!(progress(start, minutes, at(seconds)), text);
        }
    }
}
