//! Tries origins one after the other and records why each was not used.

use super::{Origin, Refusal};
use crate::error::{Error, Result};
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

/// The result of [`walk`].
#[derive(Debug)]
pub(super) struct Walked<T> {
    /// `None` if no origin could be used.
    pub(super) found: Option<(Origin, T)>,
    pub(super) refusals: Vec<Refusal>,
}

/// The first success of `attempt` over `order`; skip reasons are reported as they occur.
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
            // The last origin failed: why the others were not used explains the attempt.
            Err(Miss::Fatal(error)) if origin == Origin::Source && task.cancel.reason().is_none() => {
                return Err(refusals.iter().fold(error, Error::because));
            }
            Err(Miss::Fatal(error)) => return Err(error),
            Err(Miss::Refused { reason, help }) => {
                task.say(format!("{name}: not from {origin}: {reason}"));
                refusals.push(Refusal { origin, reason, help });
            }
        }
    }
    Ok(Walked { found: None, refusals })
}

/// The error of an artifact that no origin has. `mirror` is the option that names another place for it.
pub(super) fn nowhere(name: &str, mirror: &str, refusals: &[Refusal]) -> Error {
    let error = Error::host(format!("{name} is not available on this machine"));
    let error = refusals.iter().fold(error, Error::because);
    let error = refusals.iter().filter_map(|refusal| refusal.help.as_ref()).fold(error, Error::help);
    error.help(format!(
        "give this machine access to one of the origins above, set a mirror ({mirror}), or use a bundle that \
         was created on another machine: todo-bootstrap bundle create PATH"
    ))
}

/// A failed transfer: a fault of this machine ends the chain, all else is a reason to go on.
pub(super) fn fetch_miss(task: &Task<'_>, error: FetchError) -> Miss {
    if error.is_local() {
        return Miss::Fatal(error.into());
    }
    if error.is_mismatch() {
        task.warn(format!("{error}; it was not used"));
    }
    Miss::Refused { reason: error.to_string(), help: Some(error.help()) }
}

/// An error of one origin as a refusal with its help, unless the work was asked to stop.
pub(super) fn miss(task: &Task<'_>, error: Error) -> Miss {
    if task.check().is_err() {
        return Miss::Fatal(error);
    }
    Miss::Refused { reason: error.one_line(), help: error.hints().first().cloned() }
}
