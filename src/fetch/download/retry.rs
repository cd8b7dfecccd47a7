//! When to try again, and how long to wait before: exponentially longer, with full jitter.

use std::fmt::Display;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::super::{FetchError, Timeouts};
use crate::quantity::show_time;
use crate::task::Task;

/// Attempts without a new byte in between.
pub(super) const TRIES: u32 = 5;
/// The longest pause of our own choice.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest pause that a server may request.
pub(super) const ASKED: Duration = Duration::from_secs(60);
const BYTES_PER_SECOND: f64 = 1024.0;

#[derive(Debug)]
pub enum Halt<E = FetchError> {
    /// The same request may succeed later, not before `after`.
    Again {
        error: E,
        after: Option<Duration>,
    },
    /// The bytes that are there cannot be used; `ranges` tells whether to request ranges again.
    Restart {
        error: E,
        ranges: bool,
    },
    Final(E),
}

impl<E> Halt<E> {
    pub fn again(error: E) -> Self {
        Self::Again { error, after: None }
    }

    pub fn into_error(self) -> E {
        let (Self::Again { error, .. } | Self::Restart { error, .. } | Self::Final(error)) = self;
        error
    }
}

impl<E> From<E> for Halt<E> {
    fn from(error: E) -> Self {
        Self::Final(error)
    }
}

/// Tries until it succeeds, nothing can help, or that has failed [`TRIES`] times.
pub async fn again<T, E: Display>(
    task: &Task<'_>,
    timeouts: Timeouts,
    mut attempt: impl AsyncFnMut() -> Result<T, Halt<E>>,
) -> Result<T, E> {
    let mut failed = 1;
    loop {
        let (error, after) = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Halt::Again { error, after }) => (error, after),
            Err(halt) => return Err(halt.into_error()),
        };
        let pause = pause(timeouts.pause, failed - 1).max(after.unwrap_or_default());
        if failed >= TRIES || pause >= task.remaining() {
            return Err(error);
        }
        failed += 1;
        task.say(format!("{error}; trying again in {} ({failed} of {TRIES})", show_time(pause)));
        tokio::time::sleep(pause).await;
    }
}

/// Whether such an error is often temporary.
pub(super) fn is_passing(status: StatusCode) -> bool {
    let lasting =
        [StatusCode::NOT_IMPLEMENTED, StatusCode::HTTP_VERSION_NOT_SUPPORTED, StatusCode::LOOP_DETECTED];
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    (status.is_server_error() && !lasting.contains(&status)) || passing.contains(&status)
}

/// The pause that `Retry-After` requests (in seconds, or as a time of day).
pub(super) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    };
    Some(wait)
}

/// A random time up to `first` × 2^`failures`, so that many clients do not come back at once.
pub(super) fn pause(first: Duration, failures: u32) -> Duration {
    let most = first.saturating_mul(1 << failures.min(16)).min(LONGEST);
    // Without random numbers, the full pause is used.
    let share = getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX));
    most.mul_f64(share)
}

/// The bytes that one connection, with all its attempts, receives in a window of time.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    bytes: u64,
}

impl Pace {
    /// Counts bytes; returns how many arrived in which time if that is too slow.
    pub(super) fn add(&mut self, bytes: u64, window: Duration, now: Instant) -> Option<(u64, Duration)> {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        let took = now.duration_since(since);
        if took < window {
            return None;
        }
        let got = std::mem::take(&mut self.bytes);
        self.since = Some(now);
        #[allow(clippy::cast_precision_loss)] // a rate need not be exact
        let slow = (got as f64) < BYTES_PER_SECOND * took.as_secs_f64();
        slow.then_some((got, took))
    }

    /// A pause that the server requested does not count.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        asked(&headers, "2026-01-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_server_may_ask_for_a_pause() {
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Thu, 01 Jan 2026 12:00:09 GMT"), Some(Duration::from_secs(9)));
        assert_eq!(after("Thu, 01 Jan 2026 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("86400"), Some(Duration::from_secs(24 * 3600)));
        assert!(after("Thu, 01 Jan 2099 11:00:00 GMT").is_some_and(|wait| wait > ASKED));
        assert_eq!((after("soon"), after("-3")), (None, None));
    }

    #[test]
    fn pauses_grow_and_differ_and_end() {
        let first = Duration::from_millis(500);
        let many: Vec<Duration> = (0..64).map(|_| pause(first, 2)).collect();
        assert!(many.iter().all(|pause| *pause <= first * 4) && many.iter().any(|pause| *pause > first));
        assert!(many.iter().any(|pause| *pause != many[0]));
        assert!(pause(first, 40) <= LONGEST);
    }

    #[test]
    fn a_trickle_is_too_slow_and_a_late_start_is_not() {
        let (start, window) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.add(1, window, at(50)), None);
        assert_eq!(pace.add(1, window, at(59)), None);
        assert_eq!(pace.add(1, window, at(60)), Some((3, window)));
        assert_eq!(pace.add(5_000, window, at(65)), None);
        assert_eq!(pace.add(6_000, window, at(70)), None);
    }

    #[test]
    fn what_passes_and_what_lasts() {
        let passing = |code| is_passing(StatusCode::from_u16(code).unwrap());
        assert!([408, 425, 429, 500, 502, 503, 504].into_iter().all(passing));
        assert!(![400, 401, 403, 404, 410, 416, 451, 501, 505].into_iter().any(passing));
    }
}
