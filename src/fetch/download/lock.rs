//! Locks a download, so that one process at a time works on a file.

use std::fs::File;
use std::time::{Duration, Instant};

use super::super::FetchError;
use super::files::{self, Names};
use crate::lock;
use crate::task::Task;

const SAY: Duration = Duration::from_secs(2);

/// Two runs that want the same file take turns; the second one finds it done.
pub(super) fn lock(task: &Task<'_>, names: &Names) -> Result<File, FetchError> {
    let file = files::open(&names.lock)?;
    let mut told: Option<Instant> = None;
    // On a file system without locks, two runs may damage each other's file: its checksum tells.
    lock::wait_for(task, &file, &names.lock, || {
        if told.is_none_or(|at| at.elapsed() >= SAY) {
            let arrived = std::fs::symlink_metadata(&names.partial).ok().map(|meta| meta.len());
            task.progress(arrived, None, "another run downloads the same file; waiting for it");
            told = Some(Instant::now());
        }
    })?;
    Ok(file)
}
