//! The debug log of commands that change something: a file, as a screen has no room for it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// Sends what our own code says of its doings (programs that it runs, with purpose and argv) to
/// `debug.log` in `dir`, anew for each command. What other crates say is left out: an HTTP client
/// may say more than a log should hold.
pub fn to_file(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("debug.log");
    let file = private(&path).map_err(|e| Error::io("open", &path, &e))?;
    let log = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(EnvFilter::new("todo_bootstrap=debug"))
        .with_writer(Mutex::new(file));
    // A second one in the same process would be a test's; the first one stays.
    let _ = log.try_init();
    Ok(path)
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
