//! The rate and the remaining time of downloads, as text that does not flicker.

use std::time::{Duration, Instant};

use crate::quantity::{show_bytes, show_estimate, show_time};

/// The figures change at most this often.
const EVERY: Duration = Duration::from_millis(500);
/// A measurement of this age has a weight of about a third.
const MEMORY: Duration = Duration::from_secs(3);
/// From when on a silence is worth a word.
const SILENCE: Duration = Duration::from_secs(3);
/// Seconds; no estimate is longer.
const LONGEST: f64 = 1e9;

#[derive(Debug)]
pub struct Meter {
    at: Instant,
    got: u64,
    /// Bytes per second; `None` until there was time to measure.
    rate: Option<f64>,
    heard: Instant,
    text: String,
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // figures for people
impl Meter {
    pub fn new(got: u64, now: Instant) -> Self {
        Self { at: now, got, rate: None, heard: now, text: String::new() }
    }

    fn set(&mut self, got: u64, now: Instant) {
        (self.at, self.got) = (now, got);
    }

    /// `, 12 MiB/s, 4 s left`, or nothing as long as nothing is known.
    pub fn text(&mut self, got: u64, total: Option<u64>, now: Instant) -> &str {
        if got < self.got {
            // What had arrived was discarded.
            self.set(got, now);
        }
        let passed = now.duration_since(self.at);
        if passed >= EVERY {
            let came = got.saturating_sub(self.got);
            if came > 0 {
                self.heard = now;
            }
            self.set(got, now);
            let rate = came as f64 / passed.as_secs_f64();
            let weight = 1.0 - (-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
            let rate = self.rate.map_or(rate, |before| before + (rate - before) * weight);
            self.rate = Some(rate);
            self.text = self.words(rate, total.map(|total| total.saturating_sub(got)), now);
        }
        &self.text
    }

    fn words(&self, rate: f64, left: Option<u64>, now: Instant) -> String {
        let silence = now.duration_since(self.heard);
        if silence >= SILENCE {
            return format!(", nothing came for {}", show_time(Duration::from_secs(silence.as_secs())));
        }
        let speed = format!(", {}/s", show_bytes(rate as u64));
        match left {
            Some(left) if left > 0 && rate >= 1.0 => {
                let seconds = (left as f64 / rate).min(LONGEST);
                format!("{speed}, {} left", show_estimate(Duration::from_secs_f64(seconds)))
            }
            _ => speed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_rate_and_the_rest_and_a_silence() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut meter = Meter::new(0, start);
        let total = Some(100 << 20);
        assert_eq!(meter.text(1, total, at(100)), "");
        assert_eq!(meter.text(10 << 20, total, at(1000)), ", 10 MiB/s, 9 s left");
        // Within half a second, the figures stay.
        assert_eq!(meter.text(30 << 20, total, at(1200)), ", 10 MiB/s, 9 s left");
        assert_eq!(meter.text(20 << 20, None, at(2000)), ", 10 MiB/s");
        assert_eq!(meter.text(20 << 20, total, at(6000)), ", nothing came for 4 s");
    }
}
