//! The debug log of commands that change something: a file, as a screen has no room for it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// Sends what our own code says of its doings (programs that it runs, with purpose and argv) to
/// `debug.log` in `dir`, anew for each command. What other crates say is left out: an HTTP client
/// may say more than a log should hold.
pub fn to_file(dir: &Path) -> Result<PathBuf> {
    // The first command on a cluster finds no folder.
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    let path = dir.join("debug.log");
    let file = private(&path).map_err(|e| Error::io("open", &path, &e))?;
    // A second one in the same process would be a test's; the first one stays.
    let _ = tracing::subscriber::set_global_default(subscriber(file));
    Ok(path)
}

fn subscriber<W: Write + Send + 'static>(out: W) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(EnvFilter::new("todo_bootstrap=debug"))
        .with_writer(Mutex::new(out))
        .finish()
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_folder_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let log = to_file(&dir.path().join("clusters/new")).unwrap();
        assert!(log.is_file());
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A client may log the headers and bodies that it sends: tokens, and the Secrets themselves.
    #[test]
    fn only_our_own_words_are_kept() {
        let out = Shared::default();
        tracing::subscriber::with_default(subscriber(out.clone()), || {
            tracing::debug!("ours");
            tracing::error!(target: "kube_client::client", "theirs");
            tracing::error!(target: "hyper::proto", "theirs");
            tracing::error!(target: "tower_http", "theirs");
            tracing::trace!("too much");
        });
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("ours") && !text.contains("theirs") && !text.contains("too much"), "{text}");
    }
}
