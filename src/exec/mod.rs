//! The only place that starts processes.
//!
//! A [`Cmd`] says what to run and for what purpose; a [`Runner`] runs it. [`System`] runs it for
//! real, [`Script`] answers from a script and can fail at will.

#![allow(clippy::disallowed_methods)] // this is the room where processes are started

mod cmd;
mod error;
mod script;
mod system;

pub use cmd::{Cmd, Input, Output};
pub use error::RunError;
pub use script::Script;
pub use system::{System, signal_group};

use std::path::Path;

use crate::cancel::Cancel;

/// Told of each process that is started, so that a later run can end what a killed one left.
pub trait ProcessLog: Send + Sync {
    /// `pid` leads its own process group; `purpose` is the command's.
    fn started(&self, pid: u32, purpose: &str);
    fn ended(&self, pid: u32);
}

pub trait Runner: Send + Sync {
    /// Runs a program to its end. Lines of both streams go to `on_line` as they come, without
    /// their line ends; both are captured as well. Any status but 0 is an error, unless the
    /// command said [`Cmd::any_status`].
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError>;

    /// Runs `from | to`: the first one's standard output is the second one's input.
    fn pipe(&self, from: &Cmd, to: &Cmd, cancel: &Cancel) -> Result<Output, RunError>;

    /// Starts a process that outlives this one, in its own session-like process group, with both
    /// streams appended to `log`. Returns its pid.
    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError>;
}
