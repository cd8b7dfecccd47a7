//! How the ingress of a minikube cluster is reached from this machine.

use super::driver::{Driver, Host};
use super::gear::Gear;
use crate::cluster::Ports;
use crate::engine::EngineHost;
use crate::host::Os;

/// The way to the node's ports 80 and 443.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The engine publishes them on this machine's loopback address; settled when the node is made.
    Published,
    /// The address that `minikube ip` prints leads to them.
    NodeAddress,
    /// `kubectl port-forward`, for as long as a command of ours runs.
    Forward,
}

/// A way, and what has to be known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub way: Way,
    /// The lowest port that can be published: 1024 where the engine has no right to those below.
    pub lowest_port: u16,
    reason: &'static str,
}

impl Access {
    /// Why it is this way: a sentence for the user, without a full stop.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// What `minikube start` has to be told when the node is made; empty but for
    /// [`Way::Published`].
    pub fn start_flags(&self, ports: Ports) -> Vec<String> {
        match self.way {
            Way::Published => [(ports.http, 80), (ports.https, 443)]
                .map(|(ours, node)| format!("--ports=127.0.0.1:{ours}:{node}"))
                .to_vec(),
            Way::NodeAddress | Way::Forward => Vec::new(),
        }
    }
}

/// Decides by the recorded facts alone.
///
/// `minikube tunnel` is never chosen: it asks for root's password, changes routes and serves only
/// Services of type `LoadBalancer`. Nor is `minikube service --url`: its port is another each time.
pub fn choose(driver: Driver, host: &Host<'_>) -> Access {
    let (way, lowest_port, reason) = match driver {
        Driver::Docker | Driver::Podman => container(host),
        Driver::Hyperv => forward(
            "Hyper-V's default switch gives the node another address after each restart of Windows, so a \
             port is forwarded by kubectl",
        ),
        _ if host.facts.wsl => forward(
            "the browser is in Windows, and the node's address may be known inside WSL only; Windows reaches \
             a port that kubectl forwards",
        ),
        Driver::Kvm2 => address("libvirt's network routes from this machine to the node's address"),
        Driver::Vfkit => address("macOS routes to the node's address through the bridge of vfkit's network"),
        Driver::None => address("the node is this machine, and its address is the node's"),
    };
    Access { way, lowest_port, reason }
}

type Chosen = (Way, u16, &'static str);

fn address(reason: &'static str) -> Chosen {
    (Way::NodeAddress, 1, reason)
}

fn forward(reason: &'static str) -> Chosen {
    (Way::Forward, 1, reason)
}

fn container(host: &Host<'_>) -> Chosen {
    if host.has(Gear::RemoteEngine) {
        return forward(
            "the engine is on another machine and publishes ports on that one's loopback address, so a port \
             is forwarded by kubectl",
        );
    }
    let home = host.engine.map_or(EngineHost::Unknown, |engine| engine.host);
    // Below 1024, a rootless engine and Podman's proxy for its machine bind as the user.
    let lowest = match (home, host.has(Gear::RootlessEngine)) {
        (EngineHost::PodmanMachine, _) | (_, true) => 1024,
        _ => 1,
    };
    let reason = match (home, host.facts.os) {
        (EngineHost::DockerDesktop, _) if host.facts.wsl => {
            "Docker Desktop publishes the node's ports on the loopback addresses of Windows and of WSL"
        }
        (EngineHost::DockerDesktop, _) => {
            "Docker Desktop publishes the node's ports on this machine's loopback address"
        }
        (EngineHost::Colima, _) => {
            "Colima forwards ports published in its machine to the loopback address of macOS"
        }
        (EngineHost::PodmanMachine, _) => {
            "Podman's machine publishes the node's ports on this machine's loopback address, from 1024 on"
        }
        (EngineHost::Unknown, Os::Linux) if host.facts.wsl => {
            "the engine publishes the node's ports on WSL's loopback address, which Windows forwards to"
        }
        (EngineHost::Unknown, _) if lowest > 1 => {
            "the engine publishes the node's ports on the loopback address, without root from 1024 on"
        }
        (EngineHost::Unknown, _) => "the engine publishes the node's ports on the loopback address",
    };
    (Way::Published, lowest, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::engine;
    use crate::host::Facts;
    use crate::host::recorded::{debian, macos, windows, wsl};

    fn way(driver: Driver, facts: &Facts, gear: &[Gear]) -> Access {
        let engine = engine();
        choose(driver, &Host { facts, engine: Some(&engine), gear, memory: None })
    }

    #[test]
    fn each_system_and_driver_has_its_way() {
        use Driver::{Docker, Hyperv, Kvm2, None, Podman, Vfkit};
        use Way::{Forward, NodeAddress, Published};
        let table: [(Facts, &[(Driver, Way)]); 4] = [
            (debian(), &[(Docker, Published), (Podman, Published), (Kvm2, NodeAddress), (None, NodeAddress)]),
            (wsl(), &[(Docker, Published), (Podman, Published), (Kvm2, Forward), (None, Forward)]),
            (macos(), &[(Docker, Published), (Podman, Published), (Vfkit, NodeAddress)]),
            (windows(), &[(Docker, Published), (Podman, Published), (Hyperv, Forward)]),
        ];
        for (facts, row) in &table {
            for (driver, expected) in *row {
                let access = way(*driver, facts, &[]);
                assert_eq!(access.way, *expected, "{driver:?} on {:?}", facts.os);
                assert!(!access.reason().is_empty() && !access.reason().ends_with('.'));
                // An engine elsewhere publishes elsewhere, whatever this machine is.
                let elsewhere = way(*driver, facts, &[Gear::RemoteEngine]).way;
                assert_eq!(elsewhere, if driver.is_container() { Forward } else { *expected });
            }
        }
    }

    #[test]
    fn ports_are_published_when_the_node_is_made() {
        let ports = Ports { http: 8080, https: 8443 };
        let access = way(Driver::Docker, &debian(), &[Gear::RootlessEngine]);
        assert_eq!(access.start_flags(ports), ["--ports=127.0.0.1:8080:80", "--ports=127.0.0.1:8443:443"]);
        assert_eq!(access.lowest_port, 1024);
        assert_eq!(way(Driver::Docker, &debian(), &[]).lowest_port, 1);
        assert!(way(Driver::Kvm2, &debian(), &[]).start_flags(ports).is_empty());
    }
}
