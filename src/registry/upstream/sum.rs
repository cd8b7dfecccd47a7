//! Shows the progress of one blob as that of all blobs.

use crate::progress::{Event, Reporter, State};

pub(in super::super) struct Sum<'a> {
    pub(in super::super) inner: &'a dyn Reporter,
    /// Bytes that were fetched before this blob, and of all.
    pub(in super::super) before: u64,
    pub(in super::super) total: u64,
    /// The name in the transfer's messages, and its replacement.
    pub(in super::super) digest: &'a str,
    pub(in super::super) label: &'a str,
}

impl Reporter for Sum<'_> {
    fn report(&self, event: &Event) {
        let mut event = event.clone();
        if event.state == State::Progress {
            event.message = event.message.replace(self.digest, self.label);
            if let Some(current) = event.current {
                event.current = Some((self.before + current).min(self.total));
                event.total = Some(self.total);
            }
        }
        self.inner.report(&event);
    }
}
