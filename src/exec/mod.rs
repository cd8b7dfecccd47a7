//! The only place that starts processes: [`System`] does; [`Script`], for tests, returns recorded output.

#![allow(clippy::disallowed_methods)] // the only module that may start processes

mod cmd;
mod error;
mod inherit;
mod script;
mod system;

pub use cmd::{Cmd, Output};
pub use error::RunError;
pub use inherit::Inherit;
pub use script::Script;
pub use system::{System, signal_group};

use std::path::Path;

use crate::cancel::Cancel;

/// Records each started process, so that a later run can end the processes that a killed run left behind.
pub trait ProcessLog: Send + Sync {
    /// `pid` leads its own process group; `purpose` is the command's.
    fn started(&self, pid: u32, purpose: &str);
    fn ended(&self, pid: u32);
}

pub trait Runner: Send + Sync {
    /// Runs a program until it ends; each line of its output also goes to `on_line` as it arrives. An exit
    /// status other than 0 is an error, unless the command is [`Cmd::any_status`].
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError>;

    /// Starts a process that outlives this one, with both streams appended to `log`; returns its pid.
    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError>;
}
