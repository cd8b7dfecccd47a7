//! The environment of the process as one value: variables, directories, terminal, clock.
//!
//! No other module reads `std::env` or checks whether a stream is a terminal, so a test can run any command
//! in an environment of its own.

#![allow(clippy::disallowed_methods)] // the only module that may read the environment

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use jiff::Timestamp;

#[derive(Debug, Clone)]
pub struct ProcessEnv {
    pub env: BTreeMap<String, OsString>,
    pub cwd: PathBuf,
    /// The user's home directory; `None` if `HOME` is unset and the system does not know it.
    pub home: Option<PathBuf>,
    /// This program's own file, for messages and shell completion.
    pub exe: PathBuf,
    /// The system's hosts file; `TODO_BOOTSTRAP_HOSTS` names another one, for tests.
    pub hosts_file: PathBuf,
    pub stdin_is_terminal: bool,
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
    pub now: fn() -> Timestamp,
}

impl ProcessEnv {
    /// The environment of this process.
    pub fn real() -> Self {
        Self {
            env: std::env::vars_os()
                .filter_map(|(key, value)| Some((key.into_string().ok()?, value)))
                .collect(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            exe: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("todo-bootstrap")),
            hosts_file: hosts_file(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            now: Timestamp::now,
        }
    }

    /// A variable's value, if it is set, not empty, and text.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.env.get(key)?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether progress may be drawn with control sequences on standard error.
    pub fn animate(&self) -> bool {
        self.stderr_is_terminal && self.var("TERM") != Some("dumb") && self.var("CI").is_none()
    }

    /// Whether colour is wanted, `--no-color` aside (see <https://no-color.org>).
    pub fn colour(&self) -> bool {
        self.stderr_is_terminal && self.var("NO_COLOR").is_none() && self.var("TERM") != Some("dumb")
    }

    /// Whether a question can be asked and answered.
    pub fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }
}

fn hosts_file() -> PathBuf {
    if let Some(path) = std::env::var_os("TODO_BOOTSTRAP_HOSTS").filter(|path| !path.is_empty()) {
        return PathBuf::from(path);
    }
    if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        return PathBuf::from(root).join(r"System32\drivers\etc\hosts");
    }
    PathBuf::from("/etc/hosts")
}
