//! What the engine tells of a cluster, judged: how it stands, where it listens.

use serde_json::Value;

use super::{Ports, State};
use crate::engine::Container;
use crate::error::{Error, Result};

/// `known`: there is a kubeconfig; `whole`: the program was done with the node.
pub(super) fn state(containers: &[Container], node: &str, known: bool, whole: bool) -> State {
    if containers.is_empty() {
        return State::Absent;
    }
    let Some(node) = containers.iter().find(|container| container.name == node) else {
        return State::Partial { why: "its control plane no longer exists".to_owned() };
    };
    if !whole {
        return State::Partial { why: "its creation was interrupted".to_owned() };
    }
    if !node.running || node.paused || !known {
        return State::Stopped;
    }
    State::Running
}

/// The host's ports from the engine's `PortBindings`.
pub(super) fn ports(bindings: &str) -> Result<Ports> {
    let bindings: Value = serde_json::from_str(bindings)
        .map_err(|e| Error::failed("cannot read the ports of the cluster's node").because(e))?;
    let port = |container: &str| {
        bindings[container][0]["HostPort"].as_str().and_then(|port| port.parse().ok()).ok_or_else(|| {
            Error::failed(format!("the cluster's node has no port on the host for its port {container}"))
                .help("todo-bootstrap down && todo-bootstrap up   # recreates the cluster; its data is lost")
        })
    };
    Ok(Ports { http: port("80/tcp")?, https: port("443/tcp")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(running: bool, network: &str) -> Container {
        Container {
            id: "4711".to_owned(),
            name: "c-control-plane".to_owned(),
            running,
            networks: vec![network.to_owned()],
            ..Container::default()
        }
    }

    #[test]
    fn states_follow_from_what_there_is() {
        let node = "c-control-plane";
        let running = [container(true, "c-kind")];
        let stopped = [container(false, "c-kind")];
        assert_eq!(state(&[], node, true, true), State::Absent);
        assert_eq!(state(&running, node, true, true), State::Running);
        assert_eq!(state(&stopped, node, true, true), State::Stopped);
        assert_eq!(state(&running, node, false, true), State::Stopped);
        assert!(matches!(state(&running, node, false, false), State::Partial { .. }));
        assert!(matches!(state(&stopped, node, false, false), State::Partial { .. }));
        assert!(matches!(state(&running, "other", true, true), State::Partial { .. }));
    }

    #[test]
    fn reads_the_ports_of_a_stopped_node_too() {
        let text = r#"{"443/tcp":[{"HostIp":"127.0.0.1","HostPort":"8443"}],
            "6443/tcp":[{"HostIp":"127.0.0.1","HostPort":"39083"}],"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"80"}]}"#;
        assert_eq!(ports(text).unwrap(), Ports { http: 80, https: 8443 });
        assert!(ports("{}").is_err() && ports("null").is_err());
    }
}
