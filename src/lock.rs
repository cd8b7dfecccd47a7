//! Exclusive locks on files, among the processes of this machine.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::task::Task;

/// How often a lock that another process holds is tried.
const TICK: Duration = Duration::from_millis(50);

/// Opens the lock file `path`, creating it if needed, and waits until the lock is ours. It ends when the file is
/// closed. `waiting` is called again and again while another process holds it.
pub fn wait(task: &Task<'_>, path: &Path, waiting: impl FnMut()) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| Error::io("open", path, &e))?;
    wait_for(task, &file, path, waiting)?;
    Ok(file)
}

/// As [`wait`], for an open file. A file system without locks protects nothing, and is no reason to stop.
pub fn wait_for(task: &Task<'_>, file: &File, path: &Path, mut waiting: impl FnMut()) -> Result<()> {
    while let Lock::Held = try_lock(file).map_err(|e| Error::io("lock", path, &e))? {
        waiting();
        task.check().map_err(|error| error.because(format!("{} is in use", path.display())))?;
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// The result of an attempt.
#[derive(Debug)]
pub enum Lock {
    /// Ours, until the file is closed or the process ends.
    Taken,
    /// Another process has it.
    Held,
    /// The file system knows no locks (9p, vboxsf, NFS without lockd). Nothing keeps others away, and
    /// nothing says that there are any.
    Unsupported(io::Error),
}

/// Asks for the lock of `file`, without waiting.
pub fn try_lock(file: &File) -> io::Result<Lock> {
    judge(file.try_lock())
}

fn judge(answer: Result<(), TryLockError>) -> io::Result<Lock> {
    match answer {
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
    fn one_has_it_at_a_time() {
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
    fn a_file_system_without_locks_is_told_from_a_lock_that_is_held() {
        use rustix::io::Errno;
        let judged = |errno: Errno| judge(Err(TryLockError::Error(errno.into())));
        for errno in [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK, Errno::NOSYS] {
            assert!(matches!(judged(errno).unwrap(), Lock::Unsupported(_)), "{errno}");
        }
        assert_eq!(judged(Errno::IO).unwrap_err().raw_os_error(), Some(Errno::IO.raw_os_error()));
        assert!(matches!(judge(Err(TryLockError::WouldBlock)).unwrap(), Lock::Held));
    }
}
