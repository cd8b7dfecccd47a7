//! The signals that mean "stop": the first one asks all work to stop, a second Ctrl-C ends the process
//! at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cancel::{Cancel, Reason};
use crate::error::Exit;

/// Turns the signals into a cancelled `cancel`; called once in a process.
pub fn watch(cancel: &Cancel) {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the exit is armed by the signal before.
        let armed = flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, asked.clone());
        warn(signal, armed.and_then(|_| flag::register(signal, asked.clone())));
    }
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGHUP;
        // A terminal that is closed may send it twice, by the kernel and by the shell: the second one
        // must not cut the clean-up short.
        if !is_ignored(SIGHUP) {
            warn(SIGHUP, flag::register(SIGHUP, asked.clone()));
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

fn warn(signal: i32, registered: std::io::Result<signal_hook::SigId>) {
    if let Err(error) = registered {
        tracing::warn!(%error, signal, "the signal cannot be caught");
    }
}

/// Whether the process was started with the signal ignored, as `nohup` does. Only Linux tells it
/// without unsafe code; elsewhere the signal is left as it is, which is right for `nohup`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
