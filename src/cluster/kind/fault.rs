//! What kind says while it works, and what it means when it fails.

use super::Ports;
use crate::error::Error;

/// A line of kind as progress, or `None` for what is no news.
pub(super) fn progress(line: &str) -> Option<String> {
    let step = line.trim_matches(|c: char| c.is_whitespace() || !c.is_ascii()).trim_end_matches("...");
    let known = ["Creating", "Ensuring", "Preparing", "Writing", "Starting", "Installing", "Joining"];
    let text = step.trim();
    // `✓` ends a step whose beginning was said already.
    (known.iter().any(|word| text.starts_with(word)) && !line.contains('✓')).then(|| {
        let plain: String = text.chars().filter(char::is_ascii).collect();
        plain.trim().to_owned()
    })
}

/// The error for the user: of what kind and the node said, the one line that tells the cause.
pub(super) fn explain(error: Error, said: &str, node: &str, ports: Ports) -> Error {
    let all = format!("{said}\n{node}");
    for (code, mark, what, help) in FAULTS {
        if all.contains(mark) {
            return error
                .context(format!("the cluster cannot be made: {what} ({code})"))
                .help((*help).to_owned());
        }
    }
    if ["port is already allocated", "address already in use", "Ports are not available"]
        .iter()
        .any(|mark| all.contains(mark))
    {
        let Ports { http, https } = ports;
        return error
            .context(format!("the cluster cannot be made: port {http} or {https} is taken (port-taken)"))
            .help("set `http-port` and `https-port` in [cluster] of the profile, or end what holds them");
    }
    let last: Vec<&str> = node.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = last[last.len().saturating_sub(6)..].join("\n");
    let error = error.context("the cluster cannot be made (kind-failed)");
    let error =
        if tail.is_empty() { error } else { error.because(format!("the node's last lines are\n{tail}")) };
    error.help("todo-bootstrap doctor   looks for what this machine lacks")
}

/// Code, what gives it away, what it means, what to do.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    (
        "engine-capabilities",
        "unable to apply caps",
        "this machine cannot give a container all capabilities",
        "todo-bootstrap doctor --fix   gives the engine a runtime that asks only for what there is",
    ),
    (
        "engine-gone",
        "Cannot connect to the Docker daemon",
        "the container engine went away meanwhile",
        "todo-bootstrap up   starts it and goes on",
    ),
    (
        "disk-full",
        "no space left on device",
        "the engine's disk is full",
        "docker system df   shows what it holds; docker system prune   frees what nothing uses",
    ),
    (
        "network-pool",
        "all predefined address pools have been fully subnetted",
        "the engine has no address range left for a network",
        "docker network prune   removes networks that nothing uses",
    ),
    (
        "cgroup-missing",
        "missing required cgroups",
        "the machine does not have the control groups that Kubernetes needs",
        "todo-bootstrap doctor   names them",
    ),
    (
        "cgroup-v1",
        "cgroup v1 is not supported",
        "this version of Kubernetes needs cgroup v2",
        "use a host with cgroup v2, or the Kubernetes version of versions.toml",
    ),
    (
        "inotify-limit",
        "too many open files",
        "the machine's limit of watched files is too low",
        "sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288",
    ),
    (
        "swap",
        "running with swap on is not supported",
        "the kubelet refuses to run with swap",
        "swapoff --all",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { http: 80, https: 443 };

    #[test]
    fn steps_become_progress_once() {
        assert_eq!(progress(" • Starting control-plane 🕹️  ...").as_deref(), Some("Starting control-plane"));
        assert_eq!(progress("Creating cluster \"c\" ...").as_deref(), Some("Creating cluster \"c\""));
        assert_eq!(progress(" ✓ Starting control-plane 🕹️"), None);
        assert_eq!(progress("Set kubectl context to \"kind-c\""), None);
    }

    #[test]
    fn the_cause_is_found_in_either_log() {
        let error = || Error::failed("cannot create the cluster: `kind …` ended with status 1");
        let port = explain(error(), "Bind for 127.0.0.1:80 failed: port is already allocated", "", PORTS);
        assert!(port.what().ends_with("port 80 or 443 is taken (port-taken)"), "{port}");
        let caps = explain(error(), "", "unable to apply caps: operation not permitted", PORTS);
        assert!(caps.what().contains("(engine-capabilities)"), "{caps}");
        let other = explain(error(), "boom", "one\n\nkubelet: failed to run\n", PORTS);
        assert!(other.to_string().contains("kubelet: failed to run"), "{other}");
        assert_eq!(other.hints().len(), 1);
    }
}
