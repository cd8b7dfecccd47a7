//! Inspects and sabotages the container engine.

use std::collections::BTreeSet;
use std::process::Command;

/// The engine's objects: ids of containers and volumes, names of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engine {
    pub containers: BTreeSet<String>,
    pub networks: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
}

impl Engine {
    /// What exists now; nothing if no engine runs.
    pub fn now() -> Self {
        let lines = |args: &[&str]| -> BTreeSet<String> {
            docker(args).unwrap_or_default().lines().map(str::to_owned).collect()
        };
        let mut networks = lines(&["network", "ls", "--format", "{{.Name}}"]);
        // The engine's own networks, which exist whenever it runs.
        for own in ["bridge", "host", "none"] {
            networks.remove(own);
        }
        Self {
            containers: lines(&["ps", "--all", "--quiet", "--no-trunc"]),
            networks,
            volumes: lines(&["volume", "ls", "--quiet"]),
        }
    }
}

/// Standard output of docker.
pub fn docker(args: &[&str]) -> Result<String, String> {
    println!("$ docker {}", args.join(" "));
    let mut command = Command::new("docker");
    command.args(args);
    output(command)
}

/// Standard output of a command that must succeed.
pub fn output(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
