//! Which errors of requests are temporary, so that they are sent again.

use super::RegistryError;
use crate::fetch::Halt;
pub(super) use crate::fetch::again;

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
