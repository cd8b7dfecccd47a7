//! Why a node cannot be created or started, according to the engine and the node.

use super::Provider;
use crate::engine::{self, Engine, Fault};
use crate::error::{Error, Kind};
use crate::host;
use crate::task::Task;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum Action {
    Create,
    Start,
}

impl Action {
    /// Completes "cannot …".
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Create => "create the cluster",
            Self::Start => "start the cluster",
        }
    }
}

/// The error for the user after a command of the provider or the engine failed. A message in its `output` or in the
/// node's log that names the cause comes first. `help` is for a failure whose cause is not known; empty for the default.
pub(in crate::cluster) fn explain(
    task: &Task<'_>,
    cluster: &Provider,
    action: Action,
    error: Error,
    output: &str,
    node_log: &str,
    help: &str,
) -> Error {
    let (engine, headline) = (&cluster.engine, format!("cannot {}", action.purpose()));
    if Engine::is_full(output) || Engine::is_full(node_log) {
        let error = error.context(format!("{headline}: the engine's disk is full (disk-full)"));
        return engine.free_disk().into_iter().fold(error, Error::help);
    }
    if let Some(fault) = Fault::of_rootless(output) {
        let error = error.context(format!("{headline}: {} ({})", fault.title(), fault.code()));
        return engine::fix(&fault, &cluster.facts).commands.into_iter().fold(error, Error::help);
    }
    if let Some((code, _, what, help)) =
        FAULTS.iter().find(|(_, text, ..)| output.contains(text) || node_log.contains(text))
    {
        return error.context(format!("{headline}: {what} ({code})")).help(*help);
    }
    if engine::cannot_publish(output) {
        let port = engine::port_of(output);
        let container = port.and_then(|port| publisher(task, engine, port));
        let holder = port.and_then(host::holder);
        let low = output.to_ascii_lowercase();
        let denied = ["privileged port", "permission denied"].iter().any(|text| low.contains(text));
        let unheld = container.is_none() && holder.is_none();
        let error = if low.contains("forbidden by its access permissions") && unheld {
            error
                .context(format!("{headline}: Windows has reserved one of its ports (port-reserved)"))
                .help("netsh.exe interface ipv4 show excludedportrange protocol=tcp   # lists the reserved ports")
                .help("set `http-port` and `https-port` in [cluster] of the profile")
        } else if denied && unheld {
            error
                .context(format!("{headline}: the engine may not publish ports below 1024 (port-privileged)"))
                .help("set http-port = 8080 and https-port = 8443 in [cluster] of the profile")
        } else {
            port_taken(error, action, port, &engine.name, container, holder)
        };
        return error.of_kind(Kind::PortUnavailable);
    }
    let help =
        if help.is_empty() { "todo-bootstrap doctor   # checks the engine and this machine" } else { help };
    let last: Vec<&str> = node_log.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = last[last.len().saturating_sub(6)..].join("\n");
    let error = error.context(headline).help(help);
    if tail.is_empty() { error } else { error.because(format!("the node's last log lines are\n{tail}")) }
}

/// The running container that publishes `port`. If the engine does not answer, none.
fn publisher(task: &Task<'_>, engine: &Engine, port: u16) -> Option<String> {
    let cmd = engine.cmd("list published ports").args(["ps", "--format", "{{.Names}}\t{{.Ports}}"]);
    publisher_in(&task.run(&cmd).ok()?.text(), port)
}

/// In lines such as `web<TAB>127.0.0.1:80->80/tcp, 0.0.0.0:8000-8002->8000-8002/tcp`.
fn publisher_in(list: &str, port: u16) -> Option<String> {
    let publishes = |mapping: &str| {
        let host = mapping.split_once("->").map_or("", |(host, _)| host);
        let range = host.rsplit_once(':').map_or(host, |(_, range)| range);
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<u16>().is_ok_and(|first| first <= port)
            && last.parse::<u16>().is_ok_and(|last| port <= last)
    };
    list.lines().find_map(|line| {
        let (name, ports) = line.split_once('\t')?;
        ports.split(", ").any(publishes).then(|| name.to_owned())
    })
}

fn port_taken(
    error: Error,
    action: Action,
    port: Option<u16>,
    engine: &str,
    container: Option<String>,
    process: Option<String>,
) -> Error {
    let headline = format!("cannot {}", action.purpose());
    let Some(port) = port else {
        return error
            .context(format!("{headline}: one of its ports is in use (port-taken)"))
            .help("sudo ss --listening --tcp --processes   # shows which process uses it");
    };
    let error = error.context(format!("{headline}: port {port} is in use (port-taken)"));
    let error = match (container, process) {
        (Some(name), _) => error
            .because(format!("the container {name} publishes this port"))
            .help(format!("{engine} stop {name}   # frees the port")),
        (None, Some(process)) => error
            .because(format!("{process} listens on this port"))
            .help("stop that process, then run the command again; the data in the cluster is kept"),
        (None, None) => error.help(format!(
            "sudo ss --listening --tcp --processes 'sport = {port}'   # shows which process uses it"
        )),
    };
    match action {
        Action::Create => error.help("set `http-port` and `https-port` in [cluster] of the profile"),
        // The ports of an existing container cannot be changed.
        Action::Start => {
            error.help("todo-bootstrap up   # continues once the port is free; the data is kept")
        }
    }
}

/// Code, text that identifies the fault, what it means, and the fix.
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
    use std::path::Path;

    use super::super::testing::provider;
    use super::*;
    use crate::config::ProviderKind;
    use crate::engine::testing::with_task;
    use crate::exec::Script;
    use crate::host::recorded::debian;

    const ALLOCATED: &str = "Error response from daemon: driver failed programming external connectivity on endpoint c \
         (4711): Bind for 127.0.0.1:80 failed: port is already allocated";

    fn explained(action: Action, output: &str, node_log: &str, script: &Script) -> Error {
        let mut cluster = provider(Path::new("/s"), ProviderKind::Kind);
        cluster.facts = debian();
        let error = Error::failed("cannot start the container c: it ended with status 1");
        with_task(script, |task| explain(task, &cluster, action, error, output, node_log, "")).0
    }

    #[test]
    fn the_cause_is_found_in_either_log() {
        let none = Script::default();
        let caps = explained(Action::Create, "", "unable to apply caps: operation not permitted", &none);
        assert!(caps.what().contains("(engine-capabilities)"), "{caps}");
        let full = explained(Action::Create, "mkdir /var/lib/docker/x: no space left on device", "", &none);
        assert!(
            full.what().contains("(disk-full)") && full.hints()[0].starts_with("docker system df"),
            "{full}"
        );
        let rootless =
            "running kind with rootless provider requires setting systemd property \"Delegate=yes\"";
        let rootless = explained(Action::Create, rootless, "", &none);
        assert!(rootless.what().contains("(engine-delegation)"), "{rootless}");
        assert!(rootless.hints()[1].contains("Delegate=cpu cpuset io memory pids"), "{rootless}");
        let other = explained(Action::Create, "boom", "one\n\nkubelet: failed to run\n", &none);
        assert!(other.to_string().contains("kubelet: failed to run"), "{other}");
        assert_eq!(other.hints().len(), 1);
    }

    #[test]
    fn a_taken_port_is_named_with_the_container_that_holds_it() {
        let script =
            Script::default().on("docker ps", 0, "db\t5432/tcp\nweb\t127.0.0.1:80->8080/tcp, 9000/tcp\n");
        let error = explained(Action::Start, ALLOCATED, "", &script);
        assert_eq!(error.what(), "cannot start the cluster: port 80 is in use (port-taken)");
        assert!(error.causes().contains(&"the container web publishes this port".to_owned()), "{error}");
        assert_eq!(error.hints()[0], "docker stop web   # frees the port");
        assert!(error.hints()[1].contains("todo-bootstrap up") && error.hints()[1].contains("data is kept"));
        let create = explained(Action::Create, ALLOCATED, "", &script);
        assert!(create.hints()[1].contains("`http-port`"), "{create}");
    }

    #[test]
    fn a_taken_port_is_named_with_the_process_that_holds_it() {
        let error = || Error::failed("x");
        let taken = |process| port_taken(error(), Action::Start, Some(80), "docker", None, process);
        let named = taken(Some("nginx (pid 7)".to_owned())).to_string();
        assert!(named.contains("port 80") && named.contains("nginx (pid 7) listens on this port"), "{named}");
        assert!(taken(None).hints()[0].contains("'sport = 80'"));
        assert!(
            port_taken(error(), Action::Start, None, "docker", None, None).what().contains("(port-taken)")
        );
    }

    #[test]
    fn a_port_that_the_engine_may_not_publish_is_not_called_taken() {
        let none = Script::default().on("docker ps", 0, "");
        let message =
            "Error: cannot expose privileged port 1, you can add 'net.ipv4.ip_unprivileged_port_start=1'";
        let error = explained(Action::Create, message, "", &none);
        assert!(error.what().contains("(port-privileged)"), "{error}");
        let reserved = "ports are not available: exposing port TCP 127.0.0.1:1 -> 127.0.0.1:0: listen tcp 127.0.0.1:1: \
                        bind: An attempt was made to access a socket in a way forbidden by its access permissions.";
        let reserved = explained(Action::Create, reserved, "", &none);
        assert!(reserved.what().contains("(port-reserved)"), "{reserved}");
        assert_eq!(reserved.kind(), Kind::PortUnavailable);
        assert_eq!(error.kind(), Kind::PortUnavailable);
        assert_eq!(explained(Action::Create, ALLOCATED, "", &none).kind(), Kind::PortUnavailable);
    }

    #[test]
    fn a_range_of_published_ports_is_understood() {
        let list = "a\t80/tcp\nb\t0.0.0.0:8000-8002->8000-8002/tcp, [::]:8000-8002->8000-8002/tcp\nc\t:::81->81/tcp\n";
        assert_eq!(publisher_in(list, 8001).as_deref(), Some("b"));
        assert_eq!(publisher_in(list, 81).as_deref(), Some("c"));
        assert_eq!(publisher_in(list, 80), None);
    }
}
