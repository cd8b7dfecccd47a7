//! The configuration from which kind creates a cluster.

use serde_json::{Value, json};

use crate::cluster::Provider;

/// Where containerd looks for registries. kind's node images do not set it, and the default of containerd 2.2
/// and newer is a list of two directories, which its transfer service does not split (kind#3918,
/// containerd#12808). kind's own file has version 2.
const REGISTRIES: &str =
    "[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n";

/// YAML (as JSON, which is YAML) for `kind create cluster --config -`; all other values are kind's defaults.
/// `patch` is the kubeadm patch (YAML) that a node image of ours needs.
pub fn render(cluster: &Provider, patch: Option<String>) -> String {
    // Any patch makes kind restart containerd, so there is none without need.
    let containerd = if patch.is_none() { vec![REGISTRIES] } else { Vec::new() };
    let patches: Vec<String> =
        [kubelet(cluster)].into_iter().chain(patch).chain([encryption(cluster)]).collect();
    let nodes: Vec<Value> = (0..cluster.sizes.nodes.max(1)).map(|index| node(cluster, index)).collect();
    let config = json!({
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": cluster.name(),
        "networking": {"apiServerAddress": "127.0.0.1"},
        "nodes": nodes,
        "kubeadmConfigPatches": patches,
        "containerdConfigPatches": containerd,
    });
    format!("{config:#}\n")
}

/// The first node has the control plane and the published ports. Each of several nodes is a zone of its own: a
/// topology spread constraint ignores nodes without its label.
fn node(cluster: &Provider, index: u32) -> Value {
    let role = if index == 0 { "control-plane" } else { "worker" };
    let mut node = json!({"role": role, "image": cluster.image});
    if index == 0 {
        let ports = [(80, cluster.ports.http), (443, cluster.ports.https)];
        node["extraPortMappings"] = ports.map(|(container, host)| port(container, host)).into();
    }
    if cluster.sizes.nodes > 1 {
        node["labels"] = json!({"topology.kubernetes.io/zone": format!("zone-{}", index + 1)});
    }
    node
}

fn kubelet(cluster: &Provider) -> String {
    let (cpus, memory) = cluster.reserved();
    // Since Kubernetes 1.35, the kubelet refuses cgroup v1 by default.
    let cgroup = if cluster.engine.cgroup_version == 1 { "failCgroupV1: false\n" } else { "" };
    format!(
        "kind: KubeletConfiguration\n{cgroup}systemReserved:\n  cpu: \"{cpus}\"\n  memory: \"{memory}\"\n"
    )
}

/// kind's configuration has the format v1beta3 of kubeadm up to Kubernetes 1.35, in which arguments are a map.
fn encryption(cluster: &Provider) -> String {
    let args = cluster.key_options().map(|(option, value)| format!("    {option}: \"{value}\"\n"));
    format!("kind: ClusterConfiguration\napiServer:\n  extraArgs:\n{}", args.concat())
}

fn port(container: u16, host: u16) -> Value {
    json!({"containerPort": container, "hostPort": host, "listenAddress": "127.0.0.1", "protocol": "TCP"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::local::testing::provider;
    use crate::cluster::{Ports, Sizes};
    use crate::config::ProviderKind;

    /// The configuration, and its kubelet patch.
    fn rendered(nodes: u32, cgroup_version: u8, patch: Option<String>) -> (Value, Value) {
        let mut cluster = provider(std::path::Path::new("/s"), ProviderKind::Kind);
        (cluster.ports, cluster.sizes) =
            (Ports { http: 8080, https: 443 }, Sizes { nodes, cpus: 2, memory: 4 << 30 });
        (cluster.engine.cpus, cluster.engine.memory) = (8, 16 << 30);
        cluster.engine.cgroup_version = cgroup_version;
        let config: Value = serde_json::from_str(&render(&cluster, patch)).unwrap();
        let kubelet = serde_saphyr::from_str(config["kubeadmConfigPatches"][0].as_str().unwrap()).unwrap();
        (config, kubelet)
    }

    #[test]
    fn an_image_of_ours_is_patched_and_ports_are_on_loopback() {
        let (config, kubelet) = rendered(1, 1, Some("kind: ClusterConfiguration\n".to_owned()));
        let node = &config["nodes"][0];
        assert_eq!(node["image"], "localhost/node:1");
        assert_eq!(
            node["extraPortMappings"][0],
            json!({"containerPort": 80, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"})
        );
        assert_eq!(node["extraPortMappings"][1]["hostPort"], 443);
        assert_eq!(config["kubeadmConfigPatches"][1], "kind: ClusterConfiguration\n");
        assert_eq!(config["containerdConfigPatches"], json!([]));
        let patch: Value =
            serde_saphyr::from_str(config["kubeadmConfigPatches"][2].as_str().unwrap()).unwrap();
        assert_eq!(
            patch["apiServer"]["extraArgs"],
            json!({"encryption-provider-config": "/etc/kubernetes/pki/todo-bootstrap-encryption.json",
                "encryption-provider-config-automatic-reload": "true"})
        );
        // What is not the cluster's is reserved.
        assert_eq!(kubelet["systemReserved"], json!({"cpu": "6", "memory": "12884901888"}));
        assert_eq!(kubelet["failCgroupV1"], json!(false));
        assert_eq!((config["nodes"].as_array().unwrap().len(), node.get("labels")), (1, None));
    }

    #[test]
    fn the_first_of_several_nodes_publishes_the_ports_and_each_is_a_zone() {
        let (config, kubelet) = rendered(3, 2, None);
        let nodes = config["nodes"].as_array().unwrap();
        let roles: Vec<&Value> = nodes.iter().map(|node| &node["role"]).collect();
        assert_eq!(roles, ["control-plane", "worker", "worker"]);
        assert!(nodes.iter().all(|node| node["image"] == "localhost/node:1"));
        let published = nodes.iter().map(|node| node.get("extraPortMappings").is_some());
        assert_eq!(published.collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(nodes[2]["labels"], json!({"topology.kubernetes.io/zone": "zone-3"}));
        assert_eq!(kubelet["systemReserved"]["memory"], "12884901888", "of each node");
    }

    #[test]
    fn containerd_is_patched_where_its_image_does_not_know_the_folder() {
        let (config, kubelet) = rendered(1, 2, None);
        let patch: toml::Table = config["containerdConfigPatches"][0].as_str().unwrap().parse().unwrap();
        let registry = &patch["plugins"]["io.containerd.grpc.v1.cri"]["registry"];
        assert_eq!(registry["config_path"].as_str(), Some("/etc/containerd/certs.d"));
        assert_eq!(
            (config["kubeadmConfigPatches"].as_array().unwrap().len(), kubelet.get("failCgroupV1")),
            (2, None)
        );
    }
}
