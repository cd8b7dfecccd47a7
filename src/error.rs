//! The error type that reaches the user, its kinds, and their exit codes.
//!
//! An error states what failed, where and why (its causes), and ends with `help:` lines. Code that handles
//! errors decides by their [`Kind`]; exit codes are for `main` only. A module whose callers need more
//! detail has an error enum of its own and converts it.

use std::fmt;

/// How the process ends. The numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    Failed = 1,
    Usage = 2,
    HostNotReady = 3,
    CheckFailed = 4,
    Refused = 5,
    Interrupted = 130,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Failed,
    /// The command line, or a file of the user, is not valid.
    Usage,
    /// This machine, or its container engine, lacks something.
    HostNotReady,
    /// The engine cannot publish a port.
    PortUnavailable,
    CheckFailed,
    /// Going on would harm something that is not ours, or that the user did not agree to.
    Refused,
    /// The user asked for the work to stop.
    Interrupted,
    /// The work was stopped because other work failed.
    Abandoned,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed | Kind::Abandoned | Kind::PortUnavailable => Self::Failed,
            Kind::Usage => Self::Usage,
            Kind::HostNotReady => Self::HostNotReady,
            Kind::CheckFailed => Self::CheckFailed,
            Kind::Refused => Self::Refused,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// A failure as it is shown to the user.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    what: String,
    causes: Vec<String>,
    help: Vec<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A new error; `what` is a phrase that names what failed and where.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), causes: Vec::new(), help: Vec::new() }
    }

    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused, what)
    }

    pub fn host(what: impl Into<String>) -> Self {
        Self::new(Kind::HostNotReady, what)
    }

    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// An I/O error with the verb and the path that it belongs to.
    pub fn io(verb: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot {verb} {}", path.display())).because(error)
    }

    /// Adds a cause. Causes are shown in the order in which they were added.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        let cause = cause.to_string();
        if !cause.trim().is_empty() {
            self.causes.push(cause.trim_end().to_owned());
        }
        self
    }

    /// Adds a `help:` line: an exact command, or the one thing to change.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Replaces `up` with `command` in the help of work that both commands do, except in
    /// `up --yes`, which only `up` can do.
    #[must_use]
    pub fn again_by(mut self, command: &str) -> Self {
        for help in self.help.iter_mut().filter(|help| !help.contains("todo-bootstrap up --yes")) {
            *help = help.replace("todo-bootstrap up", &format!("todo-bootstrap {command}"));
        }
        self
    }

    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Makes `what` the headline, and the previous headline the first cause.
    #[must_use]
    pub fn context(mut self, what: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.what, what.into());
        self.causes.insert(0, inner);
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn exit(&self) -> Exit {
        self.kind.into()
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    pub fn hints(&self) -> &[String] {
        &self.help
    }

    /// One line for a journal or an event: headline and causes, no help.
    pub fn one_line(&self) -> String {
        let mut line = self.what.clone();
        for cause in &self.causes {
            line.push_str(": ");
            line.push_str(cause.lines().next().unwrap_or_default());
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for cause in &self.causes {
            let mut lines = cause.lines();
            write!(f, "\n  because {}", lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n          {line}")?;
            }
        }
        for help in &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The causes of an error, innermost last.
pub fn sources(error: &dyn std::error::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::{Error, Exit};

    #[test]
    fn reads_as_headline_causes_help() {
        let error = Error::host("no container engine was found")
            .because("`docker` is not on PATH")
            .help("todo-bootstrap up --yes");
        assert_eq!(
            error.to_string(),
            "no container engine was found\n  because `docker` is not on PATH\n  help: todo-bootstrap up --yes"
        );
        assert_eq!(error.exit(), Exit::HostNotReady);
        let error = error.help("todo-bootstrap up --mirror URL").again_by("tools install kind");
        assert_eq!(
            error.hints(),
            ["todo-bootstrap up --yes", "todo-bootstrap tools install kind --mirror URL"]
        );
    }
}
