//! A local registry for command line tests: a server in this process, and the container that the stub
//! engine reports.

use std::fs;

use serde_json::{Value, json};

use super::Machine;

#[path = "../../src/registry/testing/mod.rs"]
pub mod server;

use server::TestRegistry;

const INSTANCE: &str = "01234567-89ab";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Starts a registry and writes its record into the machine's cache; returns the output of `docker ps` for
/// its container.
pub fn start(machine: &Machine) -> (TestRegistry, String) {
    let served = TestRegistry::start();
    let record = json!({ "schema": 1, "instance": INSTANCE, "port": served.address.port() });
    fs::write(machine.path("cache/registry.json"), record.to_string()).expect("a record");
    let container = json!({
        "ID": "4711", "Names": "todo-bootstrap-registry-01234567", "State": "running", "Status": "Up",
        "Labels": format!("todo-bootstrap.dev/registry={INSTANCE}"), "Networks": "bridge",
    });
    (served, container.to_string())
}

/// A tar without files.
const EMPTY: [u8; 2048] = [0; 2048];

/// Stores an index of one image for each architecture; returns the digests of the index and of the last image.
pub fn index(served: &TestRegistry, repository: &str, archs: [&str; 2]) -> (String, String) {
    let images = archs.map(|arch| {
        let manifest = manifest(served, repository, arch, &json!({}), &EMPTY);
        let digest = served.manifest(repository, None, MANIFEST, manifest.as_bytes());
        json!({
            "mediaType": MANIFEST, "digest": digest, "size": manifest.len(),
            "platform": { "os": "linux", "architecture": arch },
        })
    });
    let digest = images[1]["digest"].as_str().expect("a digest").to_owned();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images }).to_string();
    (served.manifest(repository, None, INDEX, index.as_bytes()), digest)
}

/// Stores a one-layer image with these labels under each tag; returns its digest.
pub fn image(served: &TestRegistry, repository: &str, tags: &[&str], labels: &Value) -> String {
    image_of(served, repository, tags, labels, &EMPTY)
}

/// As [`image`], with this tar as its layer.
pub fn image_of(
    served: &TestRegistry,
    repository: &str,
    tags: &[&str],
    labels: &Value,
    layer: &[u8],
) -> String {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let manifest = manifest(served, repository, arch, labels, layer);
    let mut digest = served.manifest(repository, None, MANIFEST, manifest.as_bytes());
    for tag in tags {
        digest = served.manifest(repository, Some(tag), MANIFEST, manifest.as_bytes());
    }
    digest
}

/// Stores the blobs of a one-layer image; returns its manifest.
fn manifest(served: &TestRegistry, repository: &str, arch: &str, labels: &Value, layer: &[u8]) -> String {
    let config = json!({
        "architecture": arch, "os": "linux", "config": { "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": [server::digest(layer)] },
    })
    .to_string();
    let (size, config) = (config.len(), served.blob(repository, config.as_bytes()));
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": served.blob(repository, layer), "size": layer.len(),
    });
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size },
    })
    .to_string()
}
