//! The lock by which client-go, and so kubectl, keeps writers of one kubeconfig apart: a file
//! `<kubeconfig>.lock` that only one of them can create.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::files::beside;
use crate::task::Task;

/// Other programs hold the lock while they write the file.
const MAX_WAIT: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });
const PAUSE: Duration = Duration::from_millis(50);

/// Removed when the value is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
}

impl FileLock {
    /// Waits until `file` is free, at most for [`MAX_WAIT`]. Its directory must exist.
    pub fn take(task: &Task<'_>, file: &Path) -> Result<Self> {
        let path = beside(file, ".lock");
        let until = Instant::now() + MAX_WAIT;
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create the lock", &path, &error)),
            }
            task.check()?;
            if Instant::now() >= until {
                return Err(held(file, &path));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the lock could not be removed");
        }
    }
}

fn held(file: &Path, lock: &Path) -> Error {
    Error::failed(format!("{} is locked by another program; nothing was changed", file.display()))
        .because(format!("{} existed for {} seconds", lock.display(), MAX_WAIT.as_secs()))
        .help(format!(
            "rm {}   # if no kubectl, kind or minikube is running: one of them left it behind",
            lock.display()
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    #[test]
    fn only_one_holds_it_and_it_goes_with_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        with_task(&Script::default(), |task| {
            let lock = FileLock::take(task, &file).unwrap();
            assert!(dir.path().join("config.lock").exists(), "the name that client-go uses");
            let error = FileLock::take(task, &file).unwrap_err();
            assert!(error.to_string().contains(&format!("rm {}.lock", file.display())), "{error}");
            drop(lock);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        });
    }

    #[test]
    fn who_waits_gets_it_once_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let lock = beside(&file, ".lock");
        std::fs::write(&lock, "").unwrap();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(120));
            std::fs::remove_file(lock).unwrap();
        });
        with_task(&Script::default(), |task| FileLock::take(task, &file).unwrap());
        other.join().unwrap();
    }

    #[test]
    fn ctrl_c_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(beside(&file, ".lock"), "").unwrap();
        with_task(&Script::default(), |task| {
            task.cancel.cancel(crate::cancel::Reason::Interrupted);
            let error = FileLock::take(task, &file).unwrap_err();
            assert_eq!(error.exit(), crate::error::Exit::Interrupted);
        });
    }
}
