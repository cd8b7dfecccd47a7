//! Ctrl-C: the first one asks all work to stop, the second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cancel::{Cancel, Reason};
use crate::error::Exit;

/// Turns the signals that mean "stop" into a cancelled `cancel`.
pub fn watch(cancel: &Cancel) {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the exit is armed by the signal before.
        let armed = flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, asked.clone());
        if let Err(error) = armed.and_then(|_| flag::register(signal, asked.clone())) {
            tracing::warn!(%error, signal, "the signal cannot be caught");
        }
    }
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        while !asked.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
        cancel.cancel(Reason::Interrupted);
    });
}
