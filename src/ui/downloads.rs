//! Downloads: how much arrived, how fast, and how long the rest takes, for each step and for all together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::meter::Meter;
use crate::progress::{Event, Reporter, State};
use crate::quantity::{show_bytes, show_time};

/// The step of the events about all downloads.
pub(super) const STEP: &str = "downloads";
const EVERY: Duration = Duration::from_secs(1);

/// Passes on all events. Those of downloads get the figures, and if several steps download, events of the
/// step `downloads` sum them up.
pub struct Downloads {
    inner: Arc<dyn Reporter>,
    all: Mutex<All>,
}

struct All {
    /// The bytes that a step is expected to download, until it knows better; `None` if unknown.
    expected: BTreeMap<String, Option<u64>>,
    steps: BTreeMap<String, Step>,
    /// When the first download began, and the rate since then.
    meter: Option<(Instant, Meter)>,
    /// When the last event was added; before the first one, when the first download began.
    shown: Option<Instant>,
    /// Whether an event was added.
    said: bool,
    /// Whether the final event was added: there is only one.
    ended: bool,
}

struct Step {
    /// Bytes of transfers before the current one.
    before: u64,
    got: u64,
    total: Option<u64>,
    ended: bool,
    meter: Meter,
}

impl Downloads {
    pub fn new(inner: Arc<dyn Reporter>, expected: BTreeMap<String, Option<u64>>) -> Self {
        let all =
            All { expected, steps: BTreeMap::new(), meter: None, shown: None, said: false, ended: false };
        Self { inner, all: Mutex::new(all) }
    }
}

impl Reporter for Downloads {
    fn report(&self, event: &Event) {
        let Ok(mut all) = self.all.lock() else { return self.inner.report(event) };
        let now = Instant::now();
        let (own, added) = all.hear(event, now);
        // Under the lock, so that nothing follows the final event.
        self.inner.report(own.as_ref().unwrap_or(event));
        if let Some(added) = added {
            self.inner.report(&added);
        }
    }
}

impl All {
    /// What takes the place of the event, and what is added to it.
    fn hear(&mut self, event: &Event, now: Instant) -> (Option<Event>, Option<Event>) {
        (self.with_figures(event, now), self.note(event, now))
    }

    /// The event of a download with its figures in the message; `None` for other events.
    fn with_figures(&mut self, event: &Event, now: Instant) -> Option<Event> {
        if event.state != State::Progress || !event.download {
            return None;
        }
        let got = event.current.unwrap_or_default();
        let step = self.steps.entry(event.step.clone()).or_insert_with(|| Step::new(got, now));
        let figures = step.note(event, now);
        Some(Event { message: format!("{}  {figures}", event.message), ..event.clone() })
    }

    /// Takes an event into account; returns the event about all downloads, if it is time for one.
    fn note(&mut self, event: &Event, now: Instant) -> Option<Event> {
        match event.state {
            State::Progress if event.download => {}
            State::Done | State::Unchanged | State::Failed => {
                let expected = self.expected.remove(&event.step).is_some();
                // What was there already may be the last one that was waited for.
                let counts = expected && !self.steps.is_empty();
                match self.steps.get_mut(&event.step) {
                    Some(step) => step.ended = true,
                    None if counts => {}
                    None => return None,
                }
            }
            _ => return None,
        }
        if self.ended {
            return None;
        }
        let got = self.steps.values().map(|step| step.before + step.got).sum();
        let (begun, meter) = self.meter.get_or_insert_with(|| (now, Meter::new(got, now)));
        if self.expected.is_empty() && self.steps.values().all(|step| step.ended) {
            self.ended = true;
            let text = format!("{} in {}", show_bytes(got), show_time(now.duration_since(*begun)));
            return self.said.then(|| Event::new(STEP, State::Done, text));
        }
        let shown = self.shown.get_or_insert(now);
        let waiting = self.expected.keys().filter(|step| !self.steps.contains_key(*step)).count();
        // Some can begin only after other steps; a rate and a time left would not be true until then.
        let paused = self.steps.values().all(|step| step.ended);
        // A single step says it all by itself.
        let several = self.steps.len() + waiting > 1;
        let due = now.duration_since(*shown) >= EVERY || (paused && self.said);
        if !several || !due {
            return None;
        }
        (*shown, self.said) = (now, true);
        let total = total(&self.steps, &self.expected);
        if paused {
            *meter = Meter::new(got, now);
        }
        let rate = if paused { "; the others wait for their steps" } else { meter.text(got, total, now) };
        let mut added = Event::new(STEP, State::Progress, figures(got, total, rate));
        (added.current, added.total, added.download) = (Some(got), total, true);
        Some(added)
    }
}

/// The bytes of all downloads; `None` if those of one are unknown.
fn total(steps: &BTreeMap<String, Step>, expected: &BTreeMap<String, Option<u64>>) -> Option<u64> {
    let known = steps.values().map(Step::total).sum::<Option<u64>>()?;
    let waiting = expected.iter().filter(|(step, _)| !steps.contains_key(*step));
    Some(known + waiting.map(|(_, size)| *size).sum::<Option<u64>>()?)
}

/// `12 MiB of 55 MiB, 11 MiB/s, 4 s left`.
fn figures(got: u64, total: Option<u64>, rate: &str) -> String {
    match total {
        Some(total) if got >= total => show_bytes(got),
        Some(total) => format!("{} of {}{rate}", show_bytes(got), show_bytes(total)),
        None => format!("{}{rate}", show_bytes(got)),
    }
}

impl Step {
    fn new(got: u64, now: Instant) -> Self {
        Self { before: 0, got: 0, total: None, ended: false, meter: Meter::new(got, now) }
    }

    /// Returns the figures of the current transfer.
    fn note(&mut self, event: &Event, now: Instant) -> String {
        let got = event.current.unwrap_or_default();
        // A step can download one file after the other.
        if self.total.is_some() && self.total != event.total {
            self.before += self.got;
            self.meter = Meter::new(got, now);
        }
        (self.got, self.total, self.ended) = (got, event.total, false);
        figures(got, self.total, self.meter.text(got, self.total, now))
    }

    fn total(&self) -> Option<u64> {
        let rest = if self.ended { self.got } else { self.total? };
        Some(self.before + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Recorder;

    fn download(step: &str, current: u64, total: Option<u64>) -> Event {
        let event = Event::new(step, State::Progress, "x");
        Event { current: Some(current), total, download: true, ..event }
    }

    fn all(expected: &[(&str, Option<u64>)]) -> (All, Instant) {
        let expected = expected.iter().map(|(step, size)| ((*step).to_owned(), *size)).collect();
        let inner = Arc::new(Recorder::default());
        (Downloads::new(inner, expected).all.into_inner().unwrap(), Instant::now())
    }

    #[test]
    fn what_is_expected_counts_until_the_step_knows_better() {
        let (mut all, start) = all(&[("a", Some(30 << 20)), ("b", Some(60 << 20)), ("c", Some(5 << 20))]);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(all.hear(&download("a", 0, Some(40 << 20)), at(0)).1.is_none());
        let (own, event) = all.hear(&download("a", 10 << 20, Some(40 << 20)), at(2));
        assert_eq!(own.unwrap().message, "x  10 MiB of 40 MiB, 5.0 MiB/s, 6 s left");
        let event = event.unwrap();
        assert_eq!((event.current, event.total), (Some(10 << 20), Some(105 << 20)));
        assert_eq!(event.message, "10 MiB of 105 MiB, 5.0 MiB/s, 19 s left");
        // It was in the cache.
        assert!(all.hear(&Event::new("c", State::Unchanged, ""), at(2)).1.is_none());
        all.hear(&download("b", 0, Some(60 << 20)), at(2));
        all.hear(&Event::new("a", State::Done, ""), at(3));
        let (own, event) = all.hear(&download("b", 60 << 20, Some(60 << 20)), at(4));
        assert_eq!(own.unwrap().message, "x  60 MiB");
        let event = event.unwrap();
        assert_eq!((event.current, event.total), (Some(70 << 20), Some(70 << 20)));
        let end = all.hear(&Event::new("b", State::Done, ""), at(5)).1.unwrap();
        assert_eq!((end.state, end.message.as_str()), (State::Done, "70 MiB in 5 s"));
        // There is one end.
        all.hear(&download("d", 0, Some(9)), at(6));
        assert!(all.hear(&download("d", 9, Some(9)), at(9)).1.is_none());
        assert!(all.hear(&Event::new("d", State::Done, ""), at(9)).1.is_none());
    }

    #[test]
    fn there_is_no_rate_while_nothing_is_downloaded() {
        let (mut all, start) = all(&[("a", Some(10 << 20)), ("b", Some(20 << 20))]);
        let at = |seconds| start + Duration::from_secs(seconds);
        all.hear(&download("a", 0, Some(10 << 20)), at(0));
        let (_, event) = all.hear(&download("a", 10 << 20, Some(10 << 20)), at(2));
        assert_eq!(event.unwrap().message, "10 MiB of 30 MiB, 5.0 MiB/s, 4 s left");
        let (_, event) = all.hear(&Event::new("a", State::Done, ""), at(2));
        assert_eq!(event.unwrap().message, "10 MiB of 30 MiB; the others wait for their steps");
        all.hear(&download("b", 0, Some(20 << 20)), at(60));
        let (_, event) = all.hear(&download("b", 4 << 20, Some(20 << 20)), at(62));
        assert!(event.unwrap().message.starts_with("14 MiB of 30 MiB, "));
    }

    #[test]
    fn what_was_there_already_can_be_the_last_one() {
        let (mut all, start) = all(&[("a", Some(10)), ("b", Some(20))]);
        all.hear(&download("a", 0, Some(10)), start);
        all.hear(&download("a", 10, Some(10)), start + Duration::from_secs(2));
        all.hear(&Event::new("a", State::Done, ""), start + Duration::from_secs(2));
        let (_, end) = all.hear(&Event::new("b", State::Unchanged, ""), start + Duration::from_secs(3));
        assert_eq!(end.unwrap().message, "10 B in 3 s");
    }

    #[test]
    fn without_a_size_there_is_no_total() {
        let (mut all, start) = all(&[("a", None)]);
        all.hear(&download("b", 0, Some(10)), start);
        let later = start + Duration::from_secs(2);
        assert_eq!(all.hear(&download("b", 5, Some(10)), later).1.unwrap().total, None);
        let (own, _) = all.hear(&download("c", 5 << 10, None), later);
        assert_eq!(own.unwrap().message, "x  5.0 KiB");
    }

    #[test]
    fn the_files_of_a_step_are_added_up() {
        let (mut all, start) = all(&[("b", Some(9))]);
        let at = |seconds| start + Duration::from_secs(seconds);
        all.hear(&download("a", 7, Some(7)), at(0));
        let event = all.hear(&download("a", 50, Some(100)), at(2)).1.unwrap();
        assert_eq!((event.current, event.total), (Some(57), Some(116)));
    }

    #[test]
    fn a_single_download_needs_no_sum_and_short_ones_none_either() {
        let at = |start: Instant, seconds| start + Duration::from_secs(seconds);
        let (mut one, start) = all(&[("a", Some(10))]);
        one.hear(&download("a", 0, Some(10)), start);
        assert!(one.hear(&download("a", 5, Some(10)), at(start, 60)).1.is_none());
        assert!(one.hear(&Event::new("a", State::Done, ""), at(start, 90)).1.is_none());
        let (mut short, start) = all(&[("a", Some(10)), ("b", Some(10))]);
        for step in ["a", "b"] {
            short.hear(&download(step, 10, Some(10)), start);
        }
        short.hear(&Event::new("a", State::Done, ""), start);
        assert!(short.hear(&Event::new("b", State::Done, ""), start).1.is_none());
    }

    #[test]
    fn steps_without_downloads_add_nothing() {
        let (mut all, start) = all(&[]);
        let (own, added) = all.hear(&Event::new("a", State::Done, ""), start);
        assert!(own.is_none() && added.is_none());
    }
}
