//! One flag that stops all work: Ctrl-C, a failed step, the end of `--timeout`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Why work was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Interrupted,
    /// Another step failed; this one need not go on.
    Abandoned,
    TimedOut,
}

#[derive(Debug, Default, Clone)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reason: AtomicU8,
    notify: Notify,
}

impl Cancel {
    /// Asks all work to stop; the first reason stands.
    pub fn cancel(&self, reason: Reason) {
        let code = match reason {
            Reason::Interrupted => 1,
            Reason::Abandoned => 2,
            Reason::TimedOut => 3,
        };
        if self.inner.reason.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.inner.notify.notify_waiters();
        }
    }

    pub fn reason(&self) -> Option<Reason> {
        match self.inner.reason.load(Ordering::SeqCst) {
            1 => Some(Reason::Interrupted),
            2 => Some(Reason::Abandoned),
            3 => Some(Reason::TimedOut),
            _ => None,
        }
    }

    /// Completes once work was asked to stop.
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
