//! The lock of a cluster: only one command at a time changes it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lock::{Lock, try_lock};

/// The number of attempts to lock a file that its previous holder may have removed.
const TRIES: usize = 100;

/// Held while a command changes a cluster, and taken before it reads the cluster's state. The system
/// releases it when the process ends.
#[derive(Debug)]
pub struct ClusterLock {
    _file: File,
    path: PathBuf,
    /// The reason why other commands are not excluded, if the file system has no locks.
    pub warning: Option<String>,
}

impl ClusterLock {
    /// Takes the lock at `path`. The file must be outside the directory that `down` deletes: otherwise the
    /// next command would create and lock a new file while the old one is still locked.
    pub fn take(path: &Path) -> Result<Self> {
        let (mut file, warning) = acquire(path)?;
        // The pid is only for the error message, so a failure to write it is ignored.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = write!(file, "{}", std::process::id());
        Ok(Self { _file: file, path: path.to_owned(), warning })
    }
}

impl Drop for ClusterLock {
    /// Removes the file while it is locked: who opened it before detects that it is no longer at its path.
    fn drop(&mut self) {
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
            // This fails if another cluster is locked.
            let _ = self.path.parent().map(fs::remove_dir);
        }
    }
}

fn acquire(path: &Path) -> Result<(File, Option<String>)> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut tries = 0;
    loop {
        tries += 1;
        fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
        let mut file = match OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
        {
            Ok(file) => file,
            // Another command removed the directory together with its lock.
            Err(error) if error.kind() == ErrorKind::NotFound && tries < TRIES => continue,
            Err(error) => return Err(Error::io("open", path, &error)),
        };
        match try_lock(&file).map_err(|e| Error::io("lock", path, &e))? {
            Lock::Held => return Err(held(&mut file, path)),
            Lock::Taken if is_at(&file, path) || tries == TRIES => return Ok((file, None)),
            Lock::Taken => {}
            Lock::Unsupported(error) => {
                let warning = format!(
                    "cannot lock {} ({error}): do not run another todo-bootstrap command on this cluster now",
                    path.display()
                );
                return Ok((file, Some(warning)));
            }
        }
    }
}

/// Whether `path` still refers to the file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |data: &fs::Metadata| (data.dev(), data.ino());
    matches!((&file.metadata(), &fs::metadata(path)), (Ok(one), Ok(other)) if id(one) == id(other))
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

fn held(file: &mut File, path: &Path) -> Error {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    Error::refused("another todo-bootstrap process is working on this cluster")
        .because(format!("process {} holds the lock {}; wait until it ends", holder.trim(), path.display()))
        .help(format!("ps -fp {}", holder.trim()))
}

#[cfg(test)]
mod tests {
    use super::ClusterLock;

    #[test]
    fn a_lock_is_taken_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/c");
        let first = ClusterLock::take(&path).unwrap();
        assert_eq!(first.warning, None);
        let error = ClusterLock::take(&path).unwrap_err();
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        drop(first);
        assert!(!dir.path().join("locks").exists(), "the directory is removed");
        ClusterLock::take(&path).unwrap();
    }

    /// A process that opened the file before it was removed must not lock the removed file.
    #[cfg(unix)]
    #[test]
    fn a_lock_whose_file_was_removed_is_not_held_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/c");
        let first = ClusterLock::take(&path).unwrap();
        let opened = std::fs::File::open(&path).unwrap();
        drop(first);
        let _second = ClusterLock::take(&path).unwrap();
        assert!(!super::is_at(&opened, &path));
        let taken = std::sync::atomic::AtomicUsize::new(0);
        let path = dir.path().join("locks/d");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(_lock) = ClusterLock::take(&path) else { continue };
                        assert_eq!(taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        taken.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
