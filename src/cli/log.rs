//! The debug log of commands that change something.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::error::{Error, Result};
use crate::files::create_private;

/// Writes the events of our own code, such as the programs that it runs, to `debug.log` in `dir`. Each command
/// overwrites the file. The events of other crates are left out, because an HTTP client may log secrets.
pub fn to_file(dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    let path = dir.join("debug.log");
    let file = create_private(&path).map_err(|e| Error::io("open", &path, &e))?;
    // Fails only in tests, where the process already has a subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber(file));
    Ok(path)
}

fn subscriber<W: Write + Send + 'static>(out: W) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(Mutex::new(out))
        .finish()
        .with(Targets::new().with_target("todo_bootstrap", LevelFilter::DEBUG))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_folder_is_created() {
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

    /// A client may log the headers and bodies that it sends, with tokens and Secrets.
    #[test]
    fn only_our_own_events_are_logged() {
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
