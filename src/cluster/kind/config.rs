//! The configuration that kind makes a cluster from.

use serde_json::{Value, json};

use crate::cluster::Ports;

/// What stands in the configuration; everything else is kind's own default.
#[derive(Debug, Clone)]
pub struct Config<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub ports: Ports,
    /// CPUs and bytes of memory that the node's kubelet leaves alone.
    pub reserved: (u32, u64),
    /// Further patches for kubeadm, each one YAML document.
    pub patches: Vec<String>,
}

impl Config<'_> {
    /// YAML (as JSON, which is YAML) for `kind create cluster --config -`.
    pub fn render(&self) -> String {
        let mut patches = vec![self.kubelet()];
        patches.extend(self.patches.iter().cloned());
        let config = json!({
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
        format!("{config:#}\n")
    }

    fn kubelet(&self) -> String {
        let (cpus, memory) = self.reserved;
        format!("kind: KubeletConfiguration\nsystemReserved:\n  cpu: \"{cpus}\"\n  memory: \"{memory}\"\n")
    }
}

fn port(container: u16, host: u16) -> Value {
    json!({"containerPort": container, "hostPort": host, "listenAddress": "127.0.0.1", "protocol": "TCP"})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(reserved: (u32, u64)) -> Value {
        let config = Config {
            name: "c",
            image: "node:1",
            ports: Ports { http: 8080, https: 443 },
            reserved,
            patches: vec!["kind: ClusterConfiguration\n".to_owned()],
        };
        serde_json::from_str(&config.render()).unwrap()
    }

    #[test]
    fn ports_are_on_loopback_and_the_image_is_given() {
        let config = render((6, 12 << 30));
        let node = &config["nodes"][0];
        assert_eq!(node["image"], "node:1");
        assert_eq!(
            node["extraPortMappings"][0],
            json!({"containerPort": 80, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"})
        );
        assert_eq!(node["extraPortMappings"][1]["hostPort"], 443);
        assert_eq!(config["kubeadmConfigPatches"][1], "kind: ClusterConfiguration\n");
    }

    #[test]
    fn what_is_not_the_clusters_is_reserved() {
        let text = render((6, 12 << 30))["kubeadmConfigPatches"][0].as_str().unwrap().to_owned();
        let patch = serde_saphyr::from_str::<Value>(&text).unwrap();
        assert_eq!(patch["systemReserved"], json!({"cpu": "6", "memory": "12884901888"}));
    }
}
