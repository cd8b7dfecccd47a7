//! Cancellation of all work: by Ctrl-C, a failed step, or the end of `--timeout`.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::error::{Error, Kind};

/// Why work was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Interrupted,
    /// Another step failed.
    Abandoned,
    TimedOut,
}

impl Reason {
    /// The error of work that was cancelled.
    pub fn error(self) -> Error {
        match self {
            Self::Interrupted => Error::interrupted(),
            Self::Abandoned => Error::new(Kind::Abandoned, "stopped because another step failed"),
            Self::TimedOut => Error::failed("the command did not finish within its time limit (--timeout)")
                .help("Run the command again with a longer --timeout: it continues where it stopped."),
        }
    }
}

#[derive(Debug, Default, Clone)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reason: OnceLock<Reason>,
    notify: Notify,
}

impl Cancel {
    /// Cancels all work. Only the first reason is kept.
    pub fn cancel(&self, reason: Reason) {
        if self.inner.reason.set(reason).is_ok() {
            self.inner.notify.notify_waiters();
        }
    }

    pub fn reason(&self) -> Option<Reason> {
        self.inner.reason.get().copied()
    }

    /// Completes when work is cancelled.
    pub async fn cancelled(&self) -> Reason {
        loop {
            let notified = self.inner.notify.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            notified.await;
        }
    }
}
