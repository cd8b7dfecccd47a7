//! Why a command failed.

use super::{Cmd, Output};
use crate::error::{Error, Kind};

#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    #[error("cannot {purpose}: `{program}` was not found")]
    NotFound { purpose: String, program: String },
    #[error("cannot {purpose}: `{argv}` ended with status {status}")]
    Status { purpose: String, argv: String, status: i32, output: String },
    /// It could not be started, or was ended because it took too long.
    #[error("cannot {purpose}: `{argv}` {why}")]
    Other { purpose: String, argv: String, why: String, output: String },
    #[error("interrupted")]
    Stopped { reason: crate::cancel::Reason },
}

impl RunError {
    pub fn status(cmd: &Cmd, output: Output) -> Self {
        let (purpose, argv) = (cmd.purpose.clone(), cmd.argv());
        let text = if output.stderr.trim().is_empty() { output.text() } else { output.stderr };
        Self::Status { purpose, argv, status: output.status, output: text }
    }

    /// The end of the program's output; empty if it did not run.
    pub fn output(&self) -> &str {
        match self {
            Self::Status { output, .. } | Self::Other { output, .. } => output,
            _ => "",
        }
    }
}

const TAIL: usize = 12;

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        if let RunError::Stopped { reason } = error {
            return reason.error();
        }
        let lines: Vec<&str> = error.output().lines().filter(|l| !l.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        let kind = if matches!(error, RunError::NotFound { .. }) { Kind::HostNotReady } else { Kind::Failed };
        Error::new(kind, error.to_string()).because(tail)
    }
}
