//! Exclusive file locks between the processes of this machine.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::task::Task;

/// The interval between attempts to take a lock that another process holds.
const INTERVAL: Duration = Duration::from_millis(50);

/// Opens the lock file `path`, creating it if needed, and waits for the lock, which is held until the file is
/// closed. Calls `waiting` if it has to wait.
pub fn wait(task: &Task<'_>, path: &Path, waiting: impl FnOnce()) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| Error::io("open", path, &e))?;
    let mut waiting = Some(waiting);
    wait_for(task, &file, path, || waiting.take().into_iter().for_each(|waiting| waiting()))?;
    Ok(file)
}

/// Like [`wait`], for an open file; calls `waiting` before each attempt after the first. Returns at once if the file system has no locks.
pub fn wait_for(task: &Task<'_>, file: &File, path: &Path, mut waiting: impl FnMut()) -> Result<()> {
    while let Lock::Held = try_lock(file).map_err(|e| Error::io("lock", path, &e))? {
        waiting();
        task.check().map_err(|error| error.because(format!("{} is in use", path.display())))?;
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// The result of an attempt to take a lock.
#[derive(Debug)]
pub enum Lock {
    /// The lock is ours until the file is closed or the process ends.
    Taken,
    /// Another process holds the lock.
    Held,
    /// The file system has no locks (9p, vboxsf, NFS without lockd), so other processes are not excluded.
    Unsupported(io::Error),
}

/// Tries to lock `file` without waiting.
pub fn try_lock(file: &File) -> io::Result<Lock> {
    outcome(file.try_lock())
}

fn outcome(result: Result<(), TryLockError>) -> io::Result<Lock> {
    match result {
        Ok(()) => Ok(Lock::Taken),
        Err(TryLockError::WouldBlock) => Ok(Lock::Held),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => {
            tracing::warn!(%error, "the file system has no locks");
            Ok(Lock::Unsupported(error))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let known = [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK, Errno::NOSYS];
        if known.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
            return true;
        }
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let open = || File::create(dir.path().join("lock")).unwrap();
        let (first, second) = (open(), open());
        assert!(matches!(try_lock(&first).unwrap(), Lock::Taken));
        assert!(matches!(try_lock(&second).unwrap(), Lock::Held));
        drop(first);
        assert!(matches!(try_lock(&second).unwrap(), Lock::Taken));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_system_without_locks_is_not_a_held_lock() {
        use rustix::io::Errno;
        let outcome_of = |errno: Errno| outcome(Err(TryLockError::Error(errno.into())));
        for errno in [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK, Errno::NOSYS] {
            assert!(matches!(outcome_of(errno).unwrap(), Lock::Unsupported(_)), "{errno}");
        }
        assert_eq!(outcome_of(Errno::IO).unwrap_err().raw_os_error(), Some(Errno::IO.raw_os_error()));
        assert!(matches!(outcome(Err(TryLockError::WouldBlock)).unwrap(), Lock::Held));
    }
}
