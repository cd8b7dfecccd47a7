//! A command as a value: program, arguments, purpose, environment, input and time limits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Inherit;

#[derive(Debug, Clone, Default)]
pub struct Cmd {
    pub program: PathBuf,
    pub args: Vec<String>,
    /// Completes "cannot …", for example `load the image into the node`.
    pub purpose: String,
    /// Variables that the command sets, in addition to those that it inherits.
    pub env: Vec<(String, OsString)>,
    pub inherit: Inherit,
    pub cwd: Option<PathBuf>,
    /// Standard input: the place for secrets, which must not appear in an argument list.
    pub input: Vec<u8>,
    pub(super) limit: Option<Duration>,
    pub(super) silence: Option<Duration>,
    pub(super) any_status: bool,
}

impl Cmd {
    pub fn new(program: impl Into<PathBuf>, purpose: impl Into<String>) -> Self {
        Self { program: program.into(), purpose: purpose.into(), ..Self::default() }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn path(self, path: &Path) -> Self {
        self.arg(path.to_string_lossy())
    }

    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Lets the command inherit the variables of a group, in addition to the base list.
    #[must_use]
    pub fn inherit(mut self, inherit: Inherit) -> Self {
        self.inherit = inherit;
        self
    }

    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Limits the time that may pass without a line of output.
    #[must_use]
    pub fn silent_for(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Makes an exit status other than 0 a result instead of an error.
    #[must_use]
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }

    /// The program's file name and the arguments, quoted for a shell.
    pub fn argv(&self) -> String {
        let program = self.program.file_name().unwrap_or(self.program.as_os_str());
        let mut line = program.to_string_lossy().into_owned();
        for arg in &self.args {
            line.push(' ');
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%{}".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                line.push_str(arg);
            } else {
                line.push('\'');
                line.push_str(&arg.replace('\'', r"'\''"));
                line.push('\'');
            }
        }
        line
    }
}

#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The exit status; 128 + signal if a signal ended the program, as in shells.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn ok(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text without trailing white space.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}
