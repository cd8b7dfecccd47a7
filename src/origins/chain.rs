//! Tries origins one after the other and keeps what was said against each.

use super::{Origin, Refusal};
use crate::error::{Error, Kind, Result};
use crate::fetch::FetchError;
use crate::task::Task;

/// Why an attempt gave nothing.
#[derive(Debug)]
pub(super) enum Miss {
    /// This origin does not have it, and what would help; the next one may.
    Refused { reason: String, help: Option<String> },
    /// No other origin is to be tried.
    Fatal(Error),
}

impl Miss {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), help: None }
    }

    /// As the end of the matter; `new` makes an error of a refusal.
    pub(super) fn into_error(self, new: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Fatal(error) => error,
            Self::Refused { reason, help } => help.into_iter().fold(new(reason), Error::help),
        }
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

pub(super) type Attempt<T> = Result<T, Miss>;

pub(super) fn refused<T>(reason: impl Into<String>) -> Attempt<T> {
    Err(Miss::refused(reason))
}

/// What came of a walk.
#[derive(Debug)]
pub(super) struct Walked<T> {
    /// `None` where every origin refused.
    pub(super) found: Option<(Origin, T)>,
    pub(super) refusals: Vec<Refusal>,
}

/// The first success of `attempt` over `order`; each refusal is said as it comes.
pub(super) fn walk<T>(
    task: &Task<'_>,
    name: &str,
    order: &[Origin],
    mut attempt: impl FnMut(Origin) -> Attempt<T>,
) -> Result<Walked<T>> {
    let mut refusals = Vec::new();
    for &origin in order {
        task.check()?;
        match attempt(origin) {
            Ok(found) => return Ok(Walked { found: Some((origin, found)), refusals }),
            Err(Miss::Fatal(error)) if origin == Origin::Source => return Err(with(error, &refusals)),
            Err(Miss::Fatal(error)) => return Err(error),
            Err(Miss::Refused { reason, help }) => {
                task.say(format!("{name}: not from {origin}: {reason}"));
                refusals.push(Refusal { origin, reason, help });
            }
        }
    }
    Ok(Walked { found: None, refusals })
}

/// The last origin failed: what was said against the others belongs to the story.
fn with(error: Error, refusals: &[Refusal]) -> Error {
    if error.kind() == Kind::Interrupted {
        return error;
    }
    refusals.iter().fold(error, Error::because)
}

/// The error of an artifact that no origin has.
pub(super) fn nowhere(name: &str, refusals: &[Refusal]) -> Error {
    let error = Error::host(format!("{name} is not available on this machine"));
    let error = refusals.iter().fold(error, Error::because);
    let error = refusals.iter().filter_map(|refusal| refusal.help.as_ref()).fold(error, Error::help);
    error.help(
        "give this machine access to one of the origins above, set a mirror (--mirror URL|DIR), or use a \
         bundle that was created on another machine: todo-bootstrap bundle create PATH",
    )
}

/// What a failed transfer means for the chain: a fault of this machine ends it, all others are
/// refusals. A file that is not what was pinned is said aloud.
pub(super) fn fetch_miss(task: &Task<'_>, error: FetchError) -> Miss {
    if error.is_local() {
        return Miss::Fatal(error.into());
    }
    if error.is_mismatch() {
        task.warn(format!("{error}; it was not used"));
    }
    Miss::Refused { reason: error.to_string(), help: Some(error.help()) }
}

/// An error of one origin as a refusal, unless the work was asked to stop.
pub(super) fn miss(task: &Task<'_>, error: Error) -> Miss {
    if task.check().is_err() { Miss::Fatal(error) } else { Miss::refused(error.one_line()) }
}
