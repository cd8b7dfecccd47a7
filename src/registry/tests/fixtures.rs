//! Archives as engines write them, with content chosen by the test.

use std::path::Path;

use serde_json::{Value, json};

use super::super::manifest::{OCI_INDEX, OCI_MANIFEST};
use super::super::testing::{TestRegistry, digest};
pub use crate::fetch::testing::gzip;

/// An image: a configuration and layers, unpacked.
#[derive(Clone)]
pub struct Content {
    pub config: String,
    pub layers: Vec<Vec<u8>>,
}

impl Content {
    /// Changes a byte of the first layer in an archive of this.
    pub fn damage(&self, archive: &Path) {
        let mut bytes = std::fs::read(archive).unwrap();
        let at = bytes.windows(64).position(|part| part == &self.layers[0][512..576]).unwrap();
        bytes[at] ^= 1;
        std::fs::write(archive, bytes).unwrap();
    }
}

/// Bytes that look like nothing in particular.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

pub fn content_for(architecture: &str, layers: Vec<Vec<u8>>) -> Content {
    let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let rootfs = json!({ "type": "layers", "diff_ids": ids });
    let config = json!({ "os": "linux", "architecture": architecture, "rootfs": rootfs }).to_string();
    Content { config, layers }
}

/// Of two layers, the first one twice, as an empty one often occurs.
pub fn content() -> Content {
    let (one, two) = (noise(1, 70_000), noise(2, 1024));
    content_for("amd64", vec![one.clone(), two, one])
}

pub fn hex(bytes: &[u8]) -> String {
    digest(bytes).replace("sha256:", "")
}

pub enum Member {
    File(Vec<u8>),
    Symlink(String),
    Hardlink(String),
    Folder,
}

/// Writes a tar with times and owners, as engines do.
pub fn tar(to: &Path, members: Vec<(String, Member)>) {
    let mut tar = tar::Builder::new(std::fs::File::create(to).unwrap());
    for (name, member) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_uid(1000);
        header.set_size(0);
        match member {
            Member::File(bytes) => {
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, name, &bytes[..]).unwrap();
            }
            Member::Symlink(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, name, target).unwrap();
            }
            Member::Hardlink(target) => {
                header.set_entry_type(tar::EntryType::Link);
                tar.append_link(&mut header, name, target).unwrap();
            }
            Member::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, name, std::io::empty()).unwrap();
            }
        }
    }
    tar.finish().unwrap();
}

fn file(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> (String, Member) {
    (name.into(), Member::File(bytes.into()))
}

fn list(config: &str, tag: &str, layers: &[String]) -> (String, Member) {
    let list = json!([{ "Config": config, "RepoTags": [tag], "Layers": layers }]);
    file("manifest.json", list.to_string())
}

/// An entry of an index, with one more key.
fn entry(kind: &str, bytes: &str, key: &str, value: &Value) -> Value {
    json!({ "mediaType": kind, "digest": digest(bytes.as_bytes()), "size": bytes.len(), key: value })
}

fn platform(content: &Content) -> Value {
    let config: Value = serde_json::from_str(&content.config).unwrap();
    json!({ "os": "linux", "architecture": config["architecture"] })
}

/// As Docker 20.10 saves it: a folder for each layer, links where a layer occurs again.
pub fn docker_20(to: &Path, content: &Content, tag: &str, hard: bool) {
    let mut members = Vec::new();
    let mut names = Vec::new();
    let folder = |index: usize| hex(format!("v1 id {index}").as_bytes());
    for (index, layer) in content.layers.iter().enumerate() {
        let name = format!("{}/layer.tar", folder(index));
        members.push((format!("{}/", folder(index)), Member::Folder));
        members.push(file(format!("{}/VERSION", folder(index)), "1.0"));
        members.push(file(format!("{}/json", folder(index)), "{}"));
        let first = content.layers.iter().position(|other| other == layer).unwrap();
        let member = match (first < index, hard) {
            (false, _) => Member::File(layer.clone()),
            (true, false) => Member::Symlink(format!("../{}/layer.tar", folder(first))),
            (true, true) => Member::Hardlink(format!("{}/layer.tar", folder(first))),
        };
        members.push((name.clone(), member));
        names.push(name);
    }
    let config = format!("{}.json", hex(content.config.as_bytes()));
    members.push(file(&config, content.config.clone()));
    members.push(list(&config, tag, &names));
    members.push(file("repositories", "{}"));
    tar(to, members);
}

/// As podman saves it, and in the same way our own source builds: layers beside each other.
pub fn podman(to: &Path, content: &Content, tag: &str) {
    let mut members = Vec::new();
    let mut names = Vec::new();
    for (index, layer) in content.layers.iter().enumerate() {
        let name = format!("{}.tar", hex(layer));
        if !names.contains(&name) {
            members.push(file(&name, layer.clone()));
        }
        let legacy = hex(format!("v1 id {index}").as_bytes());
        members.push((format!("{legacy}/layer.tar"), Member::Symlink(format!("../{name}"))));
        names.push(name);
    }
    let config = format!("{}.json", hex(content.config.as_bytes()));
    members.push(file(&config, content.config.clone()));
    members.push(list(&config, tag, &names));
    tar(to, members);
}

/// A manifest in the order of Go's structures, with layers as they are or packed.
pub fn manifest(content: &Content, packed: bool) -> String {
    let pack = |layer: &Vec<u8>| if packed { gzip(layer) } else { layer.clone() };
    let kind = if packed { "tar+gzip" } else { "tar" };
    let layer = |layer: &Vec<u8>| {
        let bytes = pack(layer);
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.v1.{kind}","digest":"{}","size":{}}}"#,
            digest(&bytes),
            bytes.len()
        )
    };
    let layers: Vec<String> = content.layers.iter().map(layer).collect();
    format!(
        concat!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config."#,
            r#"v1+json","digest":"{}","size":{}}},"layers":[{}]}}"#
        ),
        OCI_MANIFEST,
        digest(content.config.as_bytes()),
        content.config.len(),
        layers.join(",")
    )
}

fn blob(bytes: impl Into<Vec<u8>>) -> (String, Member) {
    let bytes = bytes.into();
    file(format!("blobs/sha256/{}", hex(&bytes)), bytes)
}

/// As Docker 25 to 28 save it with graph drivers; `layers` is what its manifest is to list.
pub fn docker_28(to: &Path, content: &Content, tag: &str, manifest: &str) {
    let mut members =
        vec![("blobs/".to_owned(), Member::Folder), ("blobs/sha256/".to_owned(), Member::Folder)];
    let mut names = Vec::new();
    for layer in &content.layers {
        let name = format!("blobs/sha256/{}", hex(layer));
        if !names.contains(&name) {
            members.push(blob(layer.clone()));
        }
        names.push(name);
    }
    members.push(blob(content.config.clone()));
    members.push(blob(manifest));
    let annotations = json!({ "io.containerd.image.name": format!("docker.io/library/{tag}") });
    let entry = entry(OCI_MANIFEST, manifest, "annotations", &annotations);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
    let config = format!("blobs/sha256/{}", hex(content.config.as_bytes()));
    members.push(file("index.json", index.to_string()));
    members.push(list(&config, tag, &names));
    members.push(file("oci-layout", r#"{"imageLayoutVersion": "1.0.0"}"#));
    tar(to, members);
}

/// As Docker saves it with containerd's store: the index of all platforms, of which `there` are there,
/// with packed layers; an attestation; and no more than a name for an image that was never pulled.
pub fn containerd(to: &Path, there: &[Content], tag: &str) {
    let mut members = Vec::new();
    let other = json!({ "os": "linux", "architecture": "s390x" });
    let mut entries = vec![entry(OCI_MANIFEST, "never pulled", "platform", &other)];
    for content in there {
        let manifest = manifest(content, true);
        entries.push(entry(OCI_MANIFEST, &manifest, "platform", &platform(content)));
        members.push(blob(manifest));
        members.push(blob(content.config.clone()));
        members.extend(content.layers.iter().map(|layer| blob(gzip(layer))));
    }
    let attestation = manifest(&content_for("unknown", vec![b"in-toto".to_vec()]), false);
    let remark = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    entries.push(entry(OCI_MANIFEST, &attestation, "annotations", &remark));
    members.push(blob(attestation));
    let all = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string();
    let annotations = json!({ "io.containerd.image.name": format!("docker.io/library/{tag}") });
    let entry = entry(OCI_INDEX, &all, "annotations", &annotations);
    members.push(blob(all));
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    members.push(file("./index.json", index.to_string()));
    members.push(file("./oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#));
    tar(to, members);
}

/// Publishes an index with an image for each content; returns the index's digest and those of the images.
pub fn publish(
    registry: &TestRegistry,
    repository: &str,
    tag: &str,
    all: &[Content],
) -> (String, Vec<String>) {
    let mut digests = Vec::new();
    let unknown = json!({ "os": "unknown", "architecture": "unknown" });
    let mut entries = vec![entry(OCI_MANIFEST, "in-toto", "platform", &unknown)];
    for content in all {
        registry.blob(repository, content.config.as_bytes());
        for layer in &content.layers {
            registry.blob(repository, &gzip(layer));
        }
        let manifest = manifest(content, true);
        let mut platform = platform(content);
        if platform["architecture"] == "arm64" {
            platform["variant"] = "v8".into();
        }
        entries.push(entry(OCI_MANIFEST, &manifest, "platform", &platform));
        digests.push(registry.manifest(repository, None, OCI_MANIFEST, manifest.as_bytes()));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string();
    (registry.manifest(repository, Some(tag), OCI_INDEX, index.as_bytes()), digests)
}
