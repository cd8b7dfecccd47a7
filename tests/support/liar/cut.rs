//! Where the flow of bytes is cut or paused, over all connections together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens when the bytes before the mark were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The connection that reaches the mark is closed; the next mark counts from there.
    One,
    /// All connections, including new ones, are closed until the gate is opened.
    Down,
    /// Nothing more is sent and no connection is closed until the gate is opened.
    Hold,
}

/// The instruction for a writer.
#[derive(Debug, PartialEq, Eq)]
pub enum Pass {
    /// Send this many bytes.
    Send(usize),
    /// Close the connection.
    Close,
}

#[derive(Default)]
struct Inner {
    passed: u64,
    /// Ascending, by the total number of bytes.
    marks: Vec<(u64, Cut)>,
    down: bool,
    held: bool,
    cuts: u32,
}

/// Counts the bytes of all bodies.
#[derive(Default)]
pub struct Gate {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets the counter, with these marks.
    pub fn set(&self, mut marks: Vec<(u64, Cut)>) {
        marks.sort_by_key(|(at, _)| *at);
        *self.lock() = Inner { marks, ..Inner::default() };
        self.changed.notify_all();
    }

    /// Removes all marks.
    pub fn open(&self) {
        let mut inner = self.lock();
        inner.marks.clear();
        inner.down = false;
        inner.held = false;
        self.changed.notify_all();
    }

    /// How many marks were reached.
    pub fn cuts(&self) -> u32 {
        self.lock().cuts
    }

    /// How much of `wanted` may be sent now; waits while the gate is closed.
    pub fn pass(&self, wanted: usize) -> Pass {
        let mut inner = self.lock();
        while inner.held {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.down {
            return Pass::Close;
        }
        let mut count = wanted as u64;
        if let Some(&(at, cut)) = inner.marks.first() {
            let left = at.saturating_sub(inner.passed);
            if left == 0 {
                inner.marks.remove(0);
                inner.cuts += 1;
                inner.down = cut == Cut::Down;
                inner.held = cut == Cut::Hold;
                self.changed.notify_all();
                drop(inner);
                return if cut == Cut::Hold { self.pass(wanted) } else { Pass::Close };
            }
            count = count.min(left);
        }
        inner.passed += count;
        self.changed.notify_all();
        Pass::Send(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Waits until `bytes` have passed or a mark stops the flow; returns whether this happened
    /// before `deadline`.
    pub fn wait_for(&self, bytes: u64, deadline: Duration) -> bool {
        let reached = |inner: &mut Inner| inner.passed < bytes && !inner.held && !inner.down;
        let waited = self.changed.wait_timeout_while(self.lock(), deadline, reached);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
