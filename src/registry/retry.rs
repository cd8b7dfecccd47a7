//! Retries after temporary errors.

use super::{RegistryError, Result};
use crate::fetch::{Halt, TRIES, Timeouts, pause};
use crate::task::Task;

/// Why an attempt failed.
pub(super) type Fault = Halt<RegistryError>;

/// A request of `what` that got no answer.
pub(super) fn unanswered(halt: Halt, host: &str, what: &str) -> Fault {
    let told = |error| RegistryError::of(error, host, what);
    match halt {
        Halt::Again { error, after } => Halt::Again { error: told(error), after },
        halt => Halt::Final(told(halt.into_error())),
    }
}

/// Tries until it succeeds, nothing can help, or that has failed [`TRIES`] times.
pub(super) async fn again<T>(
    task: &Task<'_>,
    timeouts: Timeouts,
    mut attempt: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T> {
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
        task.say(format!("{error}; trying again in {:.1} s ({failed} of {TRIES})", pause.as_secs_f32()));
        tokio::time::sleep(pause).await;
    }
}
