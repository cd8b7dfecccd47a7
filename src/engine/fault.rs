//! What can be wrong with an engine.

use super::remedy::remedy;
use crate::error::Error;
use crate::host::Facts;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No engine is installed (a client alone is none).
    Absent,
    /// Installed, and nothing answers.
    NotRunning { detail: String },
    /// It runs, and this user may not use it.
    NoPermission { detail: String },
    /// It answers with something that we cannot work with.
    Unusable { detail: String },
}

impl Fault {
    /// Reads what a client said in place of an answer.
    pub fn classify(said: &str) -> Self {
        let detail = said.trim().lines().last().unwrap_or_default().trim().to_owned();
        let low = said.to_ascii_lowercase();
        let any = |phrases: &[&str]| phrases.iter().any(|phrase| low.contains(phrase));
        if any(&["permission denied", "access is denied"]) {
            Self::NoPermission { detail }
        } else if any(&[
            "cannot connect to",
            "is the docker daemon running",
            "failed to connect to the docker api",
            "connection refused",
            "no such file or directory",
            "the system cannot find the file specified",
            "unable to connect to podman",
        ]) {
            Self::NotRunning { detail }
        } else {
            Self::Unusable { detail }
        }
    }

    /// The stable code of the finding.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent => "engine-absent",
            Self::NotRunning { .. } => "engine-not-running",
            Self::NoPermission { .. } => "engine-no-permission",
            Self::Unusable { .. } => "engine-unusable",
        }
    }

    pub fn title(&self) -> &'static str {
        match self {
            Self::Absent => "no container engine is installed",
            Self::NotRunning { .. } => "the container engine is not running",
            Self::NoPermission { .. } => "this user has no permission to use the container engine",
            Self::Unusable { .. } => "the container engine is not responding as expected",
        }
    }

    /// What the client said; empty where there is none.
    pub fn detail(&self) -> &str {
        match self {
            Self::Absent => "",
            Self::NotRunning { detail } | Self::NoPermission { detail } | Self::Unusable { detail } => detail,
        }
    }

    /// The error for the user: exit code 3, the remedy as help.
    pub fn error(&self, facts: &Facts) -> Error {
        let remedy = remedy(self, facts);
        let error = Error::host(self.title()).because(self.detail());
        remedy.commands.into_iter().fold(error.because(remedy.explain), Error::help)
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;
    use crate::error::Exit;
    use crate::host::recorded::debian;

    #[test]
    fn tells_the_faults_apart() {
        let code = |said: &str| Fault::classify(said).code();
        assert_eq!(
            code("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"),
            "engine-not-running"
        );
        assert_eq!(
            code(
                "failed to connect to the docker API at npipe:////./pipe/dockerDesktopLinuxEngine; open //./pipe/x: The system cannot find the file specified."
            ),
            "engine-not-running"
        );
        assert_eq!(
            code("Got permission denied while trying to connect to the Docker daemon socket"),
            "engine-no-permission"
        );
        assert_eq!(
            code(
                "Error response from daemon: client version 1.54 is too new. Maximum supported API version is 1.41"
            ),
            "engine-unusable"
        );
    }

    #[test]
    fn becomes_an_error_with_cause_and_command() {
        let fault = Fault::NotRunning { detail: "Cannot connect".to_owned() };
        let error = fault.error(&debian());
        assert_eq!(error.exit(), Exit::HostNotReady);
        assert_eq!(error.causes()[0], "Cannot connect");
        assert_eq!(error.hints(), ["sudo systemctl enable --now docker"]);
    }
}
