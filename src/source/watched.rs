//! The log of one artifact's build.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::exec::{Cmd, Output, RunError, Runner};
use crate::files::create_private;

/// Runs as another runner does, and writes each command and its lines to a file.
pub struct Logged<'a> {
    runner: &'a dyn Runner,
    log: Mutex<File>,
}

impl<'a> Logged<'a> {
    /// Starts a new log at `path`.
    pub fn new(runner: &'a dyn Runner, path: &Path) -> Result<Self> {
        let log = create_private(path).map_err(|e| Error::io("write", path, &e))?;
        Ok(Self { runner, log: Mutex::new(log) })
    }

    /// A log that cannot be written (a full disk) is no reason to fail: the build says why itself.
    pub fn write(&self, line: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(log, "{line}");
    }
}

impl Runner for Logged<'_> {
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        self.write(&format!("$ {}", cmd.argv()));
        self.runner.run(cmd, cancel, &mut |line| {
            self.write(line);
            on_line(line);
        })
    }

    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError> {
        self.runner.detach(cmd, log)
    }
}
