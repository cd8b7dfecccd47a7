//! The registry as the nodes of a cluster see it: its names there, their images, and pulls.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use serde::Deserialize;

use super::{HOST, LocalRegistry, Stored};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::task::Task;

/// The names of the registry for nodes: ours, and that of the engine, which other tools use (KEP-1755).
pub(super) fn names(registry: &LocalRegistry) -> [String; 2] {
    let port = registry.authority().rsplit(':').next().unwrap_or_default();
    [HOST.to_owned(), format!("localhost:{port}")]
}

/// `repository@digest` of all images in `node` that came from the registry. Runs one process for all of them.
pub fn node_images(task: &Task<'_>, engine: &Engine, node: &str) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Answer {
        images: Option<Vec<Image>>,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "repoDigests")]
        digests: Option<Vec<String>>,
    }
    let cmd = engine.exec(node, format!("list the images in {node}"));
    let output = task.run(&cmd.args(["crictl", "images", "-o", "json"]))?;
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| {
        Error::failed(format!("cannot read the list of images in {node}"))
            .because(error)
            .help("todo-bootstrap up")
    })?;
    let all =
        answer.images.unwrap_or_default().into_iter().flat_map(|image| image.digests.unwrap_or_default());
    let prefix = format!("{HOST}/");
    Ok(all.filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned)).collect())
}

/// `kube-public/local-registry-hosting`: describes the registry for other tools such as Tilt and Skaffold
/// (<https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry>).
pub fn hosting(registry: &LocalRegistry) -> Result<DynamicObject> {
    let [_, host] = names(registry);
    let value = serde_json::json!({
        "host": host,
        "hostFromClusterNetwork": HOST,
        "hostFromContainerRuntime": HOST,
        "help": "https://kind.sigs.k8s.io/docs/user/local-registry/",
    });
    // The KEP requires YAML, and JSON is YAML.
    let map = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "local-registry-hosting", "namespace": "kube-public" },
        "data": { "localRegistryHosting.v1": value.to_string() },
    });
    serde_json::from_value(map)
        .map_err(|error| Error::failed("cannot describe the local registry").because(error))
}

impl Stored {
    /// In the format of [`node_images`].
    pub fn in_node(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

pub fn pull(task: &Task<'_>, engine: &Engine, node: &str, image: &Stored) -> Result<()> {
    task.say(format!("{node} pulls {}:{}", image.repository, image.tag));
    let cmd = engine
        .exec(node, format!("pull {}:{} into {node}", image.repository, image.tag))
        .args(["crictl", "pull"])
        .arg(format!("{HOST}/{}", image.in_node()));
    task.run(&cmd).map(drop).map_err(|error| explain(error, node))
}

/// Turns the error of the node's runtime into one with a code.
fn explain(error: Error, node: &str) -> Error {
    let text = error.to_string().to_ascii_lowercase();
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if any(&["no space left on device"]) {
        return error.context(format!("the disk of {node} is full (disk-full)")).help("docker system df");
    }
    if any(&[
        "no such host",
        "connection refused",
        "no route to host",
        "i/o timeout",
        "network is unreachable",
    ]) {
        return error
            .context(format!("{node} cannot reach the local registry (registry-unreachable)"))
            .help("todo-bootstrap up");
    }
    if any(&["not found", "manifest unknown", "blob unknown"]) {
        return error
            .context("the local registry no longer has the image (registry-incomplete)")
            .help("todo-bootstrap up");
    }
    error.help("todo-bootstrap up")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;

    const ASK: &str = "docker exec --interactive node crictl images";

    fn image() -> Stored {
        let digest = format!("sha256:{}", "1".repeat(64));
        Stored { repository: "app/web".to_owned(), tag: "v1".to_owned(), digest }
    }

    #[test]
    fn only_what_came_from_the_registry_counts_and_by_its_digest() {
        let digest = "1".repeat(64);
        let said = format!(
            r#"{{"images":[{{"id":"sha256:3","repoDigests":["{HOST}/app/web@sha256:{digest}","docker.io/x@sha256:{digest}"]}},{{"id":"sha256:2","repoDigests":null}},{{"id":"a"}}]}}"#
        );
        let stopped = "Error response from daemon: Container 1 is not running";
        let script = Script::default().on(ASK, 0, &said).on(ASK, 0, "no JSON").fails(ASK, stopped);
        let list = |task: &Task<'_>| node_images(task, &engine(), "node");
        let [one, broken, stopped] = with_task(&script, |task| [(); 3].map(|()| list(task))).0;
        assert_eq!(one.unwrap(), BTreeSet::from([image().in_node()]));
        assert!(broken.is_err() && stopped.unwrap_err().to_string().contains("not running"));
    }

    #[test]
    fn a_pull_is_by_digest_and_its_faults_have_names() {
        for (said, code) in [
            ("dial tcp: lookup todo-bootstrap-registry-1: no such host", "(registry-unreachable)"),
            ("dial tcp 172.18.255.254:5000: connect: connection refused", "(registry-unreachable)"),
            ("content at http://… not found: not found", "(registry-incomplete)"),
            ("write /var/lib/containerd: no space left on device", "(disk-full)"),
        ] {
            let script = Script::default().on_err("docker exec", 1, "", said);
            let (pulled, _) = with_task(&script, |task| pull(task, &engine(), "node", &image()));
            let text = pulled.unwrap_err().to_string();
            assert!(text.contains(code) && text.contains(said) && text.contains("help:"), "{text}");
            let argv = script.ran().pop().unwrap();
            assert!(
                argv.ends_with(&format!("crictl pull {HOST}/app/web@sha256:{}", "1".repeat(64))),
                "{argv}"
            );
        }
    }
}
