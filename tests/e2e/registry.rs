//! Inspects and sabotages the local registry with its API, as any client would.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::bed::{Bed, docker, output};

/// The media types of manifests.
const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

/// The cache that the bed's program uses.
pub fn cache() -> PathBuf {
    let own = std::env::var_os("TODO_BOOTSTRAP_CACHE").map(PathBuf::from);
    own.unwrap_or_else(|| std::env::home_dir().expect("a home").join(".cache/todo-bootstrap"))
}

/// The content of `<cache>/registry.json`.
pub fn record() -> Value {
    let text = std::fs::read(cache().join("registry.json")).expect("the registry's record");
    serde_json::from_slice(&text).expect("JSON")
}

/// The name of container and volume.
pub fn name() -> String {
    let record = record();
    let instance = record["instance"].as_str().expect("an instance");
    format!("todo-bootstrap-registry-{}", &instance[..8])
}

fn curl(args: &[&str], path: &str) -> Result<String, String> {
    let url = format!("http://127.0.0.1:{}/v2/{path}", record()["port"]);
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--header", ACCEPT]);
    command.args(args).arg(url);
    output(command)
}

/// All tags of a repository.
pub fn tags(repository: &str) -> Vec<String> {
    let list = curl(&[], &format!("{repository}/tags/list")).expect("a list of tags");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let tags = list["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}

/// The digest of a tag.
pub fn digest(repository: &str, tag: &str) -> String {
    let headers = curl(&["--head"], &format!("{repository}/manifests/{tag}")).expect("the manifest's head");
    let line = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("docker-content-digest").then(|| value.trim().to_owned())
    });
    line.expect("a digest")
}

/// Deletes the manifests of the application's images, as a registry clean-up does.
pub fn forget(bed: &Bed) {
    for image in &bed.app.images {
        let repository = format!("{}/{image}", bed.app.name);
        let tags = tags(&repository);
        assert!(!tags.is_empty(), "the registry has {repository}");
        for tag in tags {
            // Several tags may refer to one manifest, which is deleted with the first one.
            if let Ok(headers) = curl(&["--head"], &format!("{repository}/manifests/{tag}")) {
                let digest = headers.lines().find_map(|line| line.split_once("sha256:")).expect("a digest").1;
                let manifest = format!("{repository}/manifests/sha256:{}", digest.trim());
                curl(&["--request", "DELETE"], &manifest).expect("the registry deletes it");
            }
        }
    }
}

/// The generation of each Deployment of the application, which increases with every change of its pods.
fn generations(bed: &Bed) -> Vec<i64> {
    let list = bed.kubectl_json(&["get", "deployments", "--namespace", &bed.app.namespace]);
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["metadata"]["generation"].as_i64().expect("a number")).collect()
}

/// A deleted registry container is recreated from its volume, and nothing is sent again.
pub fn deleted(bed: &Bed) {
    let before = generations(bed);
    docker(&["rm", "--force", &name()]).expect("docker rm");
    let up = bed.up();
    assert!(!up.said("pushing "), "the volume has the images:\n{}", up.tail(40));
    let again = docker(&["inspect", "--format", "{{.State.Running}}", &name()]).expect("docker inspect");
    assert_eq!(again.trim(), "true");
    assert_eq!(generations(bed), before, "no pod is replaced");
    bed.expect_page();
}

/// Another program uses the registry's port while the registry is stopped: it gets a different port, and
/// no pod is replaced, because image references contain no port.
pub fn port_taken(bed: &Bed) {
    let before = generations(bed);
    docker(&["stop", "--time", "5", &name()]).expect("docker stop");
    let port = u16::try_from(record()["port"].as_u64().expect("a port")).expect("a port");
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free now");
    bed.up();
    assert_ne!(record()["port"].as_u64(), Some(port.into()), "another port is used");
    assert_eq!(generations(bed), before, "no pod is replaced");
    let hosting =
        bed.kubectl_json(&["get", "configmap", "local-registry-hosting", "--namespace", "kube-public"]);
    let told = hosting["data"]["localRegistryHosting.v1"].as_str().expect("its text").to_owned();
    assert!(told.contains(&format!("localhost:{}", record()["port"])), "{told}");
    drop(taken);
    bed.expect_page();
}

/// A part of an image is missing in the registry, and the image is missing in the node: `up` builds and
/// pushes it again, and the running image is the one that was built.
pub fn part_lost(bed: &Bed) {
    let image = bed.app.images.first().expect("an image");
    let repository = format!("{}/{image}", bed.app.name);
    let tag = tags(&repository).into_iter().find(|tag| tag.starts_with("inputs-")).expect("a tag of inputs");
    let manifest = curl(&[], &format!("{repository}/manifests/{tag}")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let layers = manifest["layers"].as_array().expect("layers");
    let digest = layers.last().expect("a layer")["digest"].as_str().expect("a digest");
    let hex = digest.trim_start_matches("sha256:");
    let blob = format!("/var/lib/registry/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    // The registry's image has no shell, so its volume is accessed with the node's image.
    let (node, _) = bed.node_container();
    let shell = docker(&["inspect", "--format", "{{.Image}}", &node]).expect("the node's image");
    let volume = format!("{}:/var/lib/registry", name());
    docker(&["run", "--rm", "--volume", &volume, "--entrypoint", "rm", shell.trim(), &blob]).expect("rm");
    let plan = bed.call(&["plan"]).expect(0);
    assert!(plan.stdout.contains("the registry lost a part of"), "{}", plan.tail(40));
    bed.up();
    let parts = curl(&["--head"], &format!("{repository}/blobs/{digest}"));
    let rebuilt = tags(&repository).contains(&tag);
    assert!(parts.is_ok() || rebuilt, "the image is complete again");
    bed.expect_page();
}

/// The registry is not on the cluster's network, and the node does not know it: both are repaired.
pub fn cut_off(bed: &Bed) {
    let (node, _) = bed.node_container();
    let format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}\n{{end}}";
    let network = docker(&["inspect", "--format", format, &node]).expect("the node's network");
    docker(&["network", "disconnect", network.trim(), &name()]).expect("docker network disconnect");
    docker(&["exec", &node, "rm", "-r", "/etc/containerd/certs.d"]).expect("rm");
    let up = bed.up();
    assert!(up.steps("done").contains(&"cluster-registry"), "{:?}", up.steps("done"));
    let image = bed.app.images.first().expect("an image");
    let repository = format!("{}/{image}", bed.app.name);
    let tag = tags(&repository).into_iter().find(|tag| tag.starts_with("inputs-")).expect("a tag of inputs");
    let reference = format!("registry.todo-bootstrap.internal/{repository}@{}", digest(&repository, &tag));
    docker(&["exec", &node, "crictl", "rmi", &reference]).expect("crictl rmi");
    docker(&["exec", &node, "crictl", "pull", &reference]).expect("the node pulls from the registry");
    bed.up();
}
