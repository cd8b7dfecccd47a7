//! A runner for tests that returns recorded output.

use std::path::Path;
use std::sync::Mutex;

use super::{Cmd, Output, RunError, Runner};
use crate::cancel::Cancel;

/// Each answer applies to the commands whose argv starts with its prefix: the first unused one, at last the last one
/// again. A command without an answer fails as "not found", so a test notices commands that it did not expect.
#[derive(Debug, Default)]
pub struct Script {
    answers: Mutex<Vec<Answer>>,
    ran: Mutex<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Answer {
    prefix: String,
    output: Output,
    used: bool,
}

impl Script {
    /// Adds an answer for commands that start with `prefix`, in the form of [`Cmd::argv`].
    #[must_use]
    pub fn on(self, prefix: &str, status: i32, stdout: &str) -> Self {
        self.on_err(prefix, status, stdout, "")
    }

    /// Adds the answer of a command that fails with status 1 and `stderr`.
    #[must_use]
    pub fn fails(self, prefix: &str, stderr: &str) -> Self {
        self.on_err(prefix, 1, "", stderr)
    }

    #[must_use]
    pub fn on_err(self, prefix: &str, status: i32, stdout: &str, stderr: &str) -> Self {
        let output = Output { status, stdout: stdout.as_bytes().to_vec(), stderr: stderr.to_owned() };
        if let Ok(mut answers) = self.answers.lock() {
            answers.push(Answer { prefix: prefix.to_owned(), output, used: false });
        }
        self
    }

    /// The argv of each command that was run, in order.
    pub fn ran(&self) -> Vec<String> {
        self.ran.lock().map(|ran| ran.clone()).unwrap_or_default()
    }

    fn answer(&self, cmd: &Cmd) -> Option<Output> {
        let argv = cmd.argv();
        self.ran.lock().ok()?.push(argv.clone());
        let mut answers = self.answers.lock().ok()?;
        let matching = |answer: &&mut Answer| argv.starts_with(&answer.prefix);
        if let Some(answer) = answers.iter_mut().filter(|a| !a.used).find(matching) {
            answer.used = true;
            return Some(answer.output.clone());
        }
        answers.iter_mut().rev().find(matching).map(|answer| answer.output.clone())
    }
}

impl Runner for Script {
    fn run(&self, cmd: &Cmd, _cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        let Some(output) = self.answer(cmd) else {
            return Err(RunError::NotFound { purpose: cmd.purpose.clone(), program: cmd.argv() });
        };
        String::from_utf8_lossy(&output.stdout).lines().chain(output.stderr.lines()).for_each(on_line);
        if output.ok() || cmd.any_status { Ok(output) } else { Err(RunError::status(cmd, output)) }
    }

    fn detach(&self, cmd: &Cmd, _log: &Path) -> Result<u32, RunError> {
        self.run(cmd, &Cancel::default(), &mut |_| {}).map(|_| 4_194_303)
    }
}
