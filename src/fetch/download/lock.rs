//! One download of a file at a time, among all processes of this machine.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use super::super::FetchError;
use super::files::{self, Names};
use crate::task::Task;

const LOOK: Duration = Duration::from_millis(50);
/// How often a wait says how it goes on.
const SAY: Duration = Duration::from_secs(2);

/// Two runs that want the same file take turns; the second one finds it done. The lock ends with
/// the process that holds it, however that ends.
pub(super) fn lock(task: &Task<'_>, names: &Names) -> Result<File, FetchError> {
    let file = files::open(&names.lock)?;
    let mut said: Option<Instant> = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(files::failed("lock", &names.lock, &error)),
            Err(TryLockError::WouldBlock) => {
                if said.is_none_or(|at| at.elapsed() >= SAY) {
                    let arrived = std::fs::symlink_metadata(&names.partial).ok().map(|meta| meta.len());
                    task.progress(arrived, None, "another run downloads the same file; waiting for it");
                    said = Some(Instant::now());
                }
                task.check()?;
                std::thread::sleep(LOOK);
            }
        }
    }
}
