//! One download of a file at a time, among all processes of this machine.

use std::fs::File;
use std::time::{Duration, Instant};

use super::super::FetchError;
use super::files::{self, Names};
use crate::lock::{Lock, try_lock};
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
        match try_lock(&file).map_err(|error| files::failed("lock", &names.lock, &error))? {
            // Without locks two runs may spoil each other's file; its checksum tells, and it is fetched again.
            Lock::Taken | Lock::Unsupported(_) => return Ok(file),
            Lock::Held => {
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
