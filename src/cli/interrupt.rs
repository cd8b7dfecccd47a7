//! Termination signals: the first one cancels all work, and a second Ctrl-C ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cancel::{Cancel, Reason};
use crate::error::Exit;

/// Cancels `cancel` on a signal. To be called once per process.
pub fn watch(cancel: &Cancel) {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the first signal must only enable the exit of the second.
        let exit = flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, asked.clone());
        warn_on_error(signal, exit.and_then(|_| flag::register(signal, asked.clone())));
    }
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGHUP;
        // The kernel and the shell may both send it: the second one must not end the clean-up.
        if !is_ignored(SIGHUP) {
            warn_on_error(SIGHUP, flag::register(SIGHUP, asked.clone()));
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

fn warn_on_error(signal: i32, registered: std::io::Result<signal_hook::SigId>) {
    if let Err(error) = registered {
        tracing::warn!(%error, signal, "the signal cannot be caught");
    }
}

/// Whether the process was started with the signal ignored, as by `nohup`. Without unsafe code only Linux can
/// tell; elsewhere it counts as ignored, which is correct for `nohup`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
