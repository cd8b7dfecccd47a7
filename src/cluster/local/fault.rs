//! What it means when a node cannot be made, told from what was said meanwhile.

use crate::cluster::Ports;
use crate::error::Error;

/// The error with the one line of `said` before it that tells the cause, and its remedy; unchanged
/// where none does.
pub(in crate::cluster) fn known(error: Error, said: &str, ports: Ports) -> Result<Error, Error> {
    for (code, mark, what, help) in FAULTS {
        if said.contains(mark) {
            return Ok(error
                .context(format!("cannot create the cluster: {what} ({code})"))
                .help((*help).to_owned()));
        }
    }
    let taken = ["port is already allocated", "address already in use", "Ports are not available"];
    if taken.iter().any(|mark| said.contains(mark)) {
        let Ports { http, https } = ports;
        return Ok(error
            .context(format!("cannot create the cluster: port {http} or {https} is taken (port-taken)"))
            .help("set `http-port` and `https-port` in [cluster] of the profile, or stop what uses them"));
    }
    Err(error)
}

/// The error for the user, of what the program and the node said.
pub(in crate::cluster) fn explain(
    provider: &str,
    error: Error,
    said: &str,
    node: &str,
    ports: Ports,
) -> Error {
    known(error, &format!("{said}\n{node}"), ports).unwrap_or_else(|error| {
        let error = error.context(format!("cannot create the cluster ({provider}-failed)"));
        with_tail(error, node).help("todo-bootstrap doctor   # checks what this machine lacks")
    })
}

/// The error with the end of the node's log.
pub(in crate::cluster) fn with_tail(error: Error, node: &str) -> Error {
    let last: Vec<&str> = node.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = last[last.len().saturating_sub(6)..].join("\n");
    if tail.is_empty() { error } else { error.because(format!("the node's last log lines are\n{tail}")) }
}

/// Code, what gives it away, what it means, what to do.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    (
        "engine-capabilities",
        "unable to apply caps",
        "this machine cannot give a container all capabilities",
        "todo-bootstrap doctor   # shows what this machine lacks",
    ),
    (
        "engine-gone",
        "Cannot connect to the Docker daemon",
        "the container engine stopped in the meantime",
        "todo-bootstrap up   # starts it and continues",
    ),
    (
        "disk-full",
        "no space left on device",
        "the engine's disk is full",
        "docker system df   # shows its disk usage; docker system prune frees unused space",
    ),
    (
        "network-pool",
        "all predefined address pools have been fully subnetted",
        "the engine has no address range left for a network",
        "docker network prune   # removes unused networks",
    ),
    (
        "cgroup-missing",
        "missing required cgroups",
        "the machine does not have the control groups that Kubernetes needs",
        "todo-bootstrap doctor   # lists them",
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
        "the kubelet does not run with swap enabled",
        "swapoff --all",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { http: 80, https: 443 };

    #[test]
    fn the_cause_is_found_in_either_log() {
        let error = || Error::failed("cannot create the cluster: `kind …` ended with status 1");
        let port =
            explain("kind", error(), "Bind for 127.0.0.1:80 failed: port is already allocated", "", PORTS);
        assert!(port.what().ends_with("port 80 or 443 is taken (port-taken)"), "{port}");
        let caps = explain("kind", error(), "", "unable to apply caps: operation not permitted", PORTS);
        assert!(caps.what().contains("(engine-capabilities)"), "{caps}");
        let other = explain("kind", error(), "boom", "one\n\nkubelet: failed to run\n", PORTS);
        assert!(other.to_string().contains("kubelet: failed to run"), "{other}");
        assert_eq!(other.hints().len(), 1);
    }
}
