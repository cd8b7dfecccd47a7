//! One command at a time works on a cluster.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Held while a command changes a cluster; the system frees it when the process goes.
#[derive(Debug)]
pub struct ClusterLock {
    _file: File,
}

impl ClusterLock {
    pub fn take(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
        let path = dir.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = file.map_err(|e| Error::io("open", &path, &e))?;
        if file.try_lock().is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::refused("another todo-bootstrap is working on this cluster")
                .because(format!("process {} holds {}", holder.trim(), path.display()))
                .help("wait until it ends, or stop it with Ctrl-C, and call the command again"));
        }
        // Who holds it is only a courtesy to the reader of the message above.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = write!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterLock;

    #[test]
    fn is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = ClusterLock::take(dir.path()).unwrap();
        let error = ClusterLock::take(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        drop(first);
        ClusterLock::take(dir.path()).unwrap();
    }
}
