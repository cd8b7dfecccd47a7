//! Retries after temporary errors.

use std::time::Duration;

use super::{RegistryError, Result};
use crate::fetch::{Halt, TRIES, Timeouts, Tries};
use crate::task::Task;

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The same may do better, not before `after`.
    Passing {
        error: RegistryError,
        after: Option<Duration>,
    },
    Final(RegistryError),
}

impl Fault {
    pub(super) fn passing(error: RegistryError) -> Self {
        Self::Passing { error, after: None }
    }

    /// A request of `what` that got no answer.
    pub(super) fn of(halt: Halt, host: &str, what: &str) -> Self {
        let told = |error| RegistryError::of(error, host, what);
        match halt {
            Halt::Again { error, after } => Self::Passing { error: told(error), after },
            halt => Self::Final(told(halt.into_error())),
        }
    }

    pub(super) fn error(self) -> RegistryError {
        match self {
            Self::Passing { error, .. } | Self::Final(error) => error,
        }
    }
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

/// Tries until it succeeds, nothing can help, or that has failed [`TRIES`] times.
pub(super) async fn again<T>(
    task: &Task<'_>,
    timeouts: Timeouts,
    mut attempt: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T> {
    let mut tries = Tries::default();
    loop {
        let (error, after) = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Fault::Final(error)) => return Err(error),
            Err(Fault::Passing { error, after }) => (error, after),
        };
        let pause = tries.pause(timeouts.pause, after).filter(|pause| *pause < task.remaining());
        let Some(pause) = pause else { return Err(error) };
        let next = tries.failed + 1;
        task.say(format!("{error}; trying again in {:.1} s ({next} of {TRIES})", pause.as_secs_f32()));
        tokio::time::sleep(pause).await;
    }
}
