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
    /// Docker Desktop is installed on Windows, but not made available to this WSL distribution.
    WslIntegration { detail: String },
    /// It runs without root on cgroup v1, where it cannot limit what a node uses.
    RootlessCgroupV1,
    /// It runs without root, and systemd did not delegate these controllers (`cpu, pids`) to it.
    NotDelegated { missing: String },
    /// Docker has the fault; Podman (name and version in `other`) works but was not selected.
    Beside { fault: Box<Fault>, other: String },
    /// Its response cannot be used.
    Unusable { detail: String },
}

impl Fault {
    /// Interprets the error output of a client.
    pub fn classify(output: &str) -> Self {
        let detail = output.trim().lines().last().unwrap_or_default().trim().to_owned();
        let low = output.to_ascii_lowercase();
        let any = |phrases: &[&str]| phrases.iter().any(|phrase| low.contains(phrase));
        if low.contains("could not be found in this wsl ") {
            // The first line is the cause, the last one an address.
            Self::WslIntegration {
                detail: output.trim().lines().next().unwrap_or_default().trim().to_owned(),
            }
        } else if any(&["permission denied", "access is denied"]) {
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

    /// What kind refuses a rootless engine for, found in its output.
    pub fn of_rootless(output: &str) -> Option<Self> {
        if output.contains("rootless provider requires cgroup v2") {
            Some(Self::RootlessCgroupV1)
        } else if output.contains("requires setting systemd property \"Delegate=yes\"") {
            Some(Self::NotDelegated { missing: "cpu, memory or pids".to_owned() })
        } else {
            None
        }
    }

    /// Whether installing or starting the engine can help.
    pub fn can_start(&self) -> bool {
        match self {
            Self::Absent | Self::NotRunning { .. } => true,
            Self::Beside { fault, .. } => fault.can_start(),
            _ => false,
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
            Self::WslIntegration { .. } => {
                ("engine-wsl-integration", "Docker Desktop is not integrated into this WSL distribution")
            }
            Self::RootlessCgroupV1 => {
                ("engine-rootless-cgroup", "a container engine without root needs cgroup v2 for a cluster")
            }
            Self::NotDelegated { .. } => (
                "engine-delegation",
                "the container engine runs without root and cannot limit what a cluster uses",
            ),
            Self::Beside { fault, .. } => fault.name(),
            Self::Unusable { .. } => {
                ("engine-unusable", "the container engine is not responding as expected")
            }
        }
    }

    /// The setting that selects the engine, and the client's output; empty if there is neither.
    pub fn detail(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::RootlessCgroupV1 => "this machine has cgroup v1".to_owned(),
            Self::NotDelegated { missing } => {
                format!("control group controllers not delegated to it: {missing}")
            }
            Self::Beside { fault, other } => {
                let detail = fault.detail();
                let separator = if detail.is_empty() { "" } else { "; " };
                format!("{detail}{separator}{other} works, but is not used unless it is selected")
            }
            Self::WslIntegration { detail } => detail.clone(),
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
            // docker/for-win#14517.
            (
                "\nThe command 'docker' could not be found in this WSL 2 distro.\n\
                 We recommend to activate the WSL integration in Docker Desktop settings.\n\n\
                 For details about using Docker Desktop with WSL 2, visit:\n\nhttps://docs.docker.com/go/wsl2/\n",
                "engine-wsl-integration",
            ),
        ] {
            assert_eq!(Fault::classify(output).code(), code, "{output}");
        }
    }

    #[test]
    fn every_code_is_documented() {
        let documented = include_str!("../../docs/TROUBLESHOOTING.md");
        let code = |word: &&str| {
            word.starts_with("engine-") && !word.contains(|c: char| c != '-' && !c.is_ascii_lowercase())
        };
        let codes: Vec<_> = include_str!("fault.rs").split('"').filter(code).collect();
        assert!(codes.len() > 9, "{codes:?}");
        for code in codes {
            assert!(code == "engine-" || documented.contains(&format!("`{code}`")), "{code}");
        }
    }

    /// The errors of kind 0.33 (`pkg/cluster/internal/create/create.go`).
    #[test]
    fn what_kind_says_of_a_rootless_engine_is_recognized() {
        let error = |why: &str| {
            format!(
                "ERROR: failed to create cluster: running kind with rootless provider requires {why}, see https://x"
            )
        };
        for (output, code) in [
            (error("cgroup v2"), Some("engine-rootless-cgroup")),
            (error("setting systemd property \"Delegate=yes\""), Some("engine-delegation")),
            ("ERROR: failed to create cluster".to_owned(), None),
        ] {
            assert_eq!(Fault::of_rootless(&output).map(|fault| fault.code()), code, "{output}");
        }
    }
}
