//! A command as a value: what to run, why, with what input and how long.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Input {
    #[default]
    None,
    /// Given on standard input; the place for secrets, which never stand in argv.
    Bytes(Vec<u8>),
    File(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Cmd {
    pub program: PathBuf,
    pub args: Vec<String>,
    /// Completes "cannot …", for example `load the image into the node`.
    pub purpose: String,
    pub env: Vec<(String, Option<OsString>)>,
    pub cwd: Option<PathBuf>,
    pub input: Input,
    pub(super) limit: Option<Duration>,
    pub(super) silence: Option<Duration>,
    pub(super) any_status: bool,
}

impl Cmd {
    pub fn new(program: impl Into<PathBuf>, purpose: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            purpose: purpose.into(),
            env: Vec::new(),
            cwd: None,
            input: Input::None,
            limit: None,
            silence: None,
            any_status: false,
        }
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
        self.env.push((key.into(), Some(value.into())));
        self
    }

    #[must_use]
    pub fn env_remove(mut self, key: impl Into<String>) -> Self {
        self.env.push((key.into(), None));
        self
    }

    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    /// The longest that the command may take.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The longest that the command may go without a line on either stream.
    #[must_use]
    pub fn silent_for(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// A status other than 0 is a result, not an error.
    #[must_use]
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }

    /// Program (its file name) and arguments, quoted where a shell would need it.
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
    /// The exit status; signals count as 128 + signal, as shells do.
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
