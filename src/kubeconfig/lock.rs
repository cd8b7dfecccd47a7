//! The lock by which client-go, and so kubectl, keeps writers of one kubeconfig apart: a file
//! `<kubeconfig>.lock` that only one of them can create.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::task::Task;

/// Other programs hold the lock while they write the file.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(50);

/// Removed when the value is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
}

impl FileLock {
    /// Waits until `file` is free, at most for `max_wait`. Its directory must exist.
    pub fn take(task: &Task<'_>, file: &Path, max_wait: Duration) -> Result<Self> {
        let path = lock_of(file);
        let until = Instant::now() + max_wait;
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create the lock", &path, &error)),
            }
            task.check()?;
            if Instant::now() >= until {
                return Err(held(file, &path, max_wait));
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

fn lock_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn held(file: &Path, lock: &Path, max_wait: Duration) -> Error {
    Error::failed(format!("{} is locked by another program; nothing was changed", file.display()))
        .because(format!("{} existed for {} seconds", lock.display(), max_wait.as_secs_f32()))
        .help(format!(
            "rm {}   # if no kubectl, kind or minikube is running: one of them left it behind",
            lock.display()
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::with_task;
    use crate::exec::Script;

    #[test]
    fn only_one_holds_it_and_it_goes_with_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        with_task(&Script::default(), |task| {
            let lock = FileLock::take(task, &file, Duration::ZERO).unwrap();
            assert!(dir.path().join("config.lock").exists(), "the name that client-go uses");
            let error = FileLock::take(task, &file, Duration::from_millis(80)).unwrap_err();
            assert!(error.to_string().contains(&format!("rm {}.lock", file.display())), "{error}");
            drop(lock);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        });
    }

    #[test]
    fn who_waits_gets_it_once_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(lock_of(&file), "").unwrap();
        let lock = lock_of(&file);
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(120));
            std::fs::remove_file(lock).unwrap();
        });
        with_task(&Script::default(), |task| FileLock::take(task, &file, MAX_WAIT).unwrap());
        other.join().unwrap();
    }

    #[test]
    fn ctrl_c_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(lock_of(&file), "").unwrap();
        with_task(&Script::default(), |task| {
            task.cancel.cancel(crate::cancel::Reason::Interrupted);
            let error = FileLock::take(task, &file, MAX_WAIT).unwrap_err();
            assert_eq!(error.exit(), crate::error::Exit::Interrupted);
        });
    }
}
