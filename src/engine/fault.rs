//! What can be wrong with an engine.

use super::Endpoint;
use super::fix::fix;
use crate::error::Error;
use crate::host::Facts;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No engine is installed; a client alone is not an engine.
    Absent,
    /// It is installed but does not respond.
    NotRunning { detail: String },
    /// The user selected another engine than the default one, and it does not respond. `other` is true if
    /// an engine responds at the default address.
    Endpoint { endpoint: Endpoint, other: bool, detail: String },
    /// The user selected an engine on another machine.
    Remote { endpoint: Endpoint },
    /// It runs, but this user may not use it.
    NoPermission { detail: String },
    /// Its response cannot be used.
    Unusable { detail: String },
}

impl Fault {
    /// Interprets the error output of a client.
    pub fn classify(output: &str) -> Self {
        let detail = output.trim().lines().last().unwrap_or_default().trim().to_owned();
        let low = output.to_ascii_lowercase();
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
            "context not found",
        ]) {
            Self::NotRunning { detail }
        } else {
            Self::Unusable { detail }
        }
    }

    /// The stable code of the finding.
    pub fn code(&self) -> &'static str {
        self.name().0
    }

    pub fn title(&self) -> &'static str {
        self.name().1
    }

    fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Absent => ("engine-absent", "no container engine is installed"),
            Self::NotRunning { .. } => ("engine-not-running", "the container engine is not running"),
            Self::Endpoint { .. } => ("engine-endpoint", "the selected container engine is not responding"),
            Self::Remote { .. } => ("engine-remote", "the container engine runs on another machine"),
            Self::NoPermission { .. } => {
                ("engine-no-permission", "this user has no permission to use the container engine")
            }
            Self::Unusable { .. } => {
                ("engine-unusable", "the container engine is not responding as expected")
            }
        }
    }

    /// The setting that selects the engine, and the client's output; empty if there is neither.
    pub fn detail(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Remote { endpoint } => endpoint.to_string(),
            Self::Endpoint { endpoint, detail, .. } => format!("{endpoint}: {detail}"),
            Self::NotRunning { detail } | Self::NoPermission { detail } | Self::Unusable { detail } => {
                detail.clone()
            }
        }
    }

    /// Exit code 3, with the commands that fix the fault as help.
    pub fn error(&self, facts: &Facts) -> Error {
        let fix = fix(self, facts);
        let error = Error::host(self.title()).because(self.detail()).because(fix.explanation);
        fix.commands.into_iter().fold(error, Error::help)
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn the_clients_output_is_classified() {
        for (output, code) in [
            (
                "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
                "engine-not-running",
            ),
            (
                "failed to connect to the docker API at npipe:////./pipe/dockerDesktopLinuxEngine; open //./pipe/x: \
                 The system cannot find the file specified.",
                "engine-not-running",
            ),
            (
                "Got permission denied while trying to connect to the Docker daemon socket",
                "engine-no-permission",
            ),
            ("Failed to initialize: context \"work\": context not found", "engine-not-running"),
            ("Error response from daemon: client version 1.54 is too new.", "engine-unusable"),
        ] {
            assert_eq!(Fault::classify(output).code(), code, "{output}");
        }
    }
}
