//! Remedies as commands, which `doctor --fix` runs.

use crate::host::Facts;

/// Commands of a POSIX shell, in the order in which they have to be run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fix {
    pub commands: Vec<String>,
    /// Whether they change neither the system nor the user's settings, so that nobody has to be asked.
    pub safe: bool,
}

/// What only starts an engine of the user that is installed.
const STARTS: [&str; 5] =
    ["colima start", "orb start", "rdctl start", "open -a Docker", "systemctl --user start docker-desktop"];
/// Programs that a remedy begins with if a shell can run it and it is over then. Others are for people: settings
/// of the user's own shell (`unset`, `newgrp`), daemons that would outlive us, things to look at, sentences, and
/// what a comment makes conditional.
const RUNNABLE: [&str; 14] = [
    "sudo",
    "apt-get",
    "dnf",
    "zypper",
    "pacman",
    "apk",
    "brew",
    "systemctl",
    "rc-service",
    "usermod",
    "mkdir",
    "printf",
    "docker",
    "winget",
];

impl Fix {
    pub fn safe(commands: impl IntoIterator<Item = String>) -> Self {
        Self { commands: commands.into_iter().collect(), safe: true }
    }

    pub fn asking(commands: impl IntoIterator<Item = String>) -> Self {
        Self { safe: false, ..Self::safe(commands) }
    }

    /// The part of an engine's remedy that can be run for the user; `None` if there is none.
    pub fn of_engine(commands: &[String]) -> Option<Self> {
        // A new group is there for new sessions.
        let commands = commands.iter().map(|command| command.trim_end_matches(" && newgrp docker"));
        let commands: Vec<String> = commands.filter(|command| can_run(command)).map(str::to_owned).collect();
        let safe = commands.iter().all(|command| STARTS.contains(&command.as_str()));
        (!commands.is_empty()).then_some(Self { commands, safe })
    }

    /// Whether a command asks `sudo` for root's rights.
    pub fn wants_root(&self) -> bool {
        self.commands.iter().any(|command| command.split_whitespace().any(|word| word == "sudo"))
    }
}

fn can_run(command: &str) -> bool {
    const LOOKS: [&str; 2] = ["docker version", "docker context ls"];
    let depends = command.ends_with("&'") || command.contains("   #");
    let first = command.split_whitespace().next().unwrap_or_default();
    !depends && (STARTS.contains(&command) || (RUNNABLE.contains(&first) && !LOOKS.contains(&command)))
}

/// What precedes a command that needs root's rights.
pub(super) fn sudo(facts: &Facts) -> &'static str {
    if facts.root { "" } else { "sudo " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Fault, fix};
    use crate::host::recorded::{alpine, debian, linux, macos, windows};

    #[test]
    fn what_starts_the_users_engine_is_safe_and_what_changes_the_system_is_not() {
        let stopped = |detail: &str| Fault::NotRunning { detail: detail.to_owned() };
        let refused = Fault::NoPermission { detail: String::new() };
        let (start, join) = ("sudo systemctl enable --now docker", "sudo usermod -aG docker \"$USER\"");
        for (fault, facts, safe, commands) in [
            (stopped(""), debian(), false, &[start][..]),
            (stopped(""), macos(), true, &["open -a Docker"]),
            (stopped("unix:///Users/me/.colima/default/docker.sock"), macos(), true, &["colima start"]),
            (
                stopped("/run/user/1/podman/podman.sock"),
                debian(),
                false,
                &["systemctl --user enable --now podman.socket"],
            ),
            (refused.clone(), debian(), false, &[join]),
            (refused, macos(), false, &[]),
            (Fault::Unusable { detail: String::new() }, debian(), false, &[]),
            (
                Fault::Absent,
                alpine(),
                false,
                &["sudo apk add docker docker-cli-buildx", "sudo rc-service docker start", join],
            ),
            (Fault::Absent, linux("ID=unknown\n"), false, &[]),
            // Without an init system, the daemon would be a child of ours.
            (stopped(""), crate::host::recorded::micro_vm(), false, &[]),
            (Fault::Absent, windows(), false, &["winget install --exact --id Docker.DockerDesktop"]),
        ] {
            let found = Fix::of_engine(&fix(&fault, &facts).commands);
            let expected =
                Some(Fix { commands: commands.iter().map(|text| (*text).to_owned()).collect(), safe });
            assert_eq!(found, expected.filter(|fix| !fix.commands.is_empty()), "{fault:?}");
        }
        // Without one of its commands, a remedy would be half done.
        let files = ["sudo mkdir -p /d", "printf 'x' | sudo tee /d/f", "sudo systemctl daemon-reload"];
        let advice =
            ["todo-bootstrap up   # after you logged in again", "docker context use default   # or so"];
        let all: Vec<String> = files.iter().chain(&advice).map(|text| (*text).to_owned()).collect();
        assert_eq!(Fix::of_engine(&all).unwrap().commands, files);
        assert!(Fix::asking([join.to_owned()]).wants_root());
        assert!(!Fix::asking(["apk add sudoku".to_owned()]).wants_root());
    }
}
