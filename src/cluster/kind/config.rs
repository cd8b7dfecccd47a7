//! The configuration from which kind creates a cluster.

use serde_json::{Value, json};

use crate::cluster::Ports;

/// The configured values; all others are kind's defaults.
#[derive(Debug, Clone)]
pub struct Config<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub ports: Ports,
    /// CPUs and bytes of memory that the kubelet reserves for the system.
    pub reserved: (u32, u64),
    /// Whether the engine's containers use cgroup v1.
    pub cgroup_v1: bool,
    /// Additional kubeadm patches, each a YAML document.
    pub patches: Vec<String>,
    /// Patches of the nodes' containerd configuration, in TOML.
    pub containerd: Vec<String>,
}

/// Where containerd looks for registries. kind's node images do not set it, and the default of containerd 2.2
/// and newer is a list of two directories, which its transfer service does not split (kind#3918,
/// containerd#12808). kind's own file has version 2.
pub const REGISTRIES: &str =
    "[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n";

impl Config<'_> {
    /// YAML (as JSON, which is YAML) for `kind create cluster --config -`.
    pub fn render(&self) -> String {
        let mut patches = vec![self.kubelet()];
        patches.extend(self.patches.iter().cloned());
        let mut config = json!({
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "name": self.name,
            "networking": {"apiServerAddress": "127.0.0.1"},
            "nodes": [{
                "role": "control-plane",
                "image": self.image,
                "extraPortMappings": [port(80, self.ports.http), port(443, self.ports.https)],
            }],
            "kubeadmConfigPatches": patches,
        });
        // Any patch makes kind restart containerd, so there is none without need.
        if !self.containerd.is_empty() {
            config["containerdConfigPatches"] = json!(self.containerd);
        }
        format!("{config:#}\n")
    }

    fn kubelet(&self) -> String {
        let (cpus, memory) = self.reserved;
        // Since Kubernetes 1.35, the kubelet refuses cgroup v1 by default.
        let cgroup = if self.cgroup_v1 { "failCgroupV1: false\n" } else { "" };
        format!(
            "kind: KubeletConfiguration\n{cgroup}systemReserved:\n  cpu: \"{cpus}\"\n  memory: \"{memory}\"\n"
        )
    }
}

fn port(container: u16, host: u16) -> Value {
    json!({"containerPort": container, "hostPort": host, "listenAddress": "127.0.0.1", "protocol": "TCP"})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(reserved: (u32, u64), cgroup_v1: bool) -> Value {
        let config = Config {
            name: "c",
            image: "node:1",
            ports: Ports { http: 8080, https: 443 },
            reserved,
            cgroup_v1,
            patches: vec!["kind: ClusterConfiguration\n".to_owned()],
            containerd: if cgroup_v1 { Vec::new() } else { vec![REGISTRIES.to_owned()] },
        };
        serde_json::from_str(&config.render()).unwrap()
    }

    #[test]
    fn ports_are_on_loopback_and_the_image_is_given() {
        let config = render((6, 12 << 30), false);
        let node = &config["nodes"][0];
        assert_eq!(node["image"], "node:1");
        assert_eq!(
            node["extraPortMappings"][0],
            json!({"containerPort": 80, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"})
        );
        assert_eq!(node["extraPortMappings"][1]["hostPort"], 443);
        assert_eq!(config["kubeadmConfigPatches"][1], "kind: ClusterConfiguration\n");
    }

    fn kubelet(cgroup_v1: bool) -> Value {
        let config = render((6, 12 << 30), cgroup_v1);
        let text = config["kubeadmConfigPatches"][0].as_str().unwrap();
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn containerd_is_patched_where_its_image_does_not_know_the_folder() {
        let patch = render((6, 12 << 30), false)["containerdConfigPatches"][0].as_str().unwrap().to_owned();
        let patch: toml::Table = patch.parse().unwrap();
        let registry = &patch["plugins"]["io.containerd.grpc.v1.cri"]["registry"];
        assert_eq!(registry["config_path"].as_str(), Some("/etc/containerd/certs.d"));
        assert!(render((6, 12 << 30), true).get("containerdConfigPatches").is_none());
    }

    #[test]
    fn what_is_not_the_clusters_is_reserved() {
        assert_eq!(kubelet(false)["systemReserved"], json!({"cpu": "6", "memory": "12884901888"}));
    }

    #[test]
    fn only_on_cgroup_v1_is_the_kubelet_told_to_take_it() {
        assert_eq!(kubelet(true)["failCgroupV1"], json!(false));
        assert_eq!(kubelet(false).get("failCgroupV1"), None);
    }
}
