//! Manifests and indexes: which blobs an image is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::platform::Platform;
use crate::files::sha256;

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// All kinds that are understood: a registry converts or refuses what is not accepted.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";
/// The most bytes that a manifest may have; the distribution project's registry takes no more either.
pub(super) const LONGEST: u64 = 4 << 20;

/// The text that describes an image, byte for byte as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A blob by type, digest and size. In this order they stand in what engines write, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// What a manifest says, in the order of what engines write.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parsed {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// One image, or further index, of an index.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    pub(super) descriptor: Descriptor,
    #[serde(default)]
    pub(super) platform: Option<Platform>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Listed {
    /// Whether it only tells of another one, as builds' attestations do.
    pub(super) fn is_remark(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Listed>,
}

impl Manifest {
    /// Of bytes that somebody says to be of `kind`; what they say themselves counts more.
    pub(super) fn read(bytes: Vec<u8>, kind: &str) -> Result<Self, String> {
        let said: Value = serde_json::from_slice(&bytes).map_err(|e| format!("it is not a manifest: {e}"))?;
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let manifest = Self { media_type: said["mediaType"].as_str().unwrap_or(kind).to_owned(), bytes };
        match manifest.media_type.as_str() {
            OCI_INDEX | DOCKER_LIST => manifest.listed().map(drop)?,
            OCI_MANIFEST | DOCKER_MANIFEST => manifest.parse().map(drop)?,
            other => return Err(format!("its media type is not supported ({other})")),
        }
        Ok(manifest)
    }

    /// `sha256:…`: what the image is known by.
    pub fn digest(&self) -> String {
        format!("sha256:{}", sha256(&self.bytes))
    }

    /// The digest of the configuration, which engines call the image's id; an index has none.
    pub fn config_digest(&self) -> Option<String> {
        Some(self.parse().ok()?.config.digest)
    }

    /// The layers, lowest first; an index has none.
    pub fn layers(&self) -> Vec<Descriptor> {
        self.parse().map(|parsed| parsed.layers).unwrap_or_default()
    }

    pub(super) fn descriptor(&self) -> Descriptor {
        let (media_type, size) = (self.media_type.clone(), self.bytes.len() as u64);
        Descriptor { media_type, digest: self.digest(), size }
    }

    pub(super) fn is_index(&self) -> bool {
        is_index(&self.media_type)
    }

    pub(super) fn parse(&self) -> Result<Parsed, String> {
        serde_json::from_slice(&self.bytes).map_err(|error| format!("its manifest cannot be read: {error}"))
    }

    /// Configuration and layers, each once.
    pub(super) fn blobs(&self) -> Result<Vec<Descriptor>, String> {
        let Parsed { config, layers, .. } = self.parse()?;
        let mut blobs: Vec<Descriptor> = Vec::new();
        for blob in [config].into_iter().chain(layers) {
            if !super::reference::is_digest(&blob.digest) {
                return Err(format!(
                    "its manifest refers to a blob by {}, which is not a sha256 digest",
                    blob.digest
                ));
            }
            if !blobs.iter().any(|known| known.digest == blob.digest) {
                blobs.push(blob);
            }
        }
        Ok(blobs)
    }

    pub(super) fn listed(&self) -> Result<Vec<Listed>, String> {
        let index: Result<Index, _> = serde_json::from_slice(&self.bytes);
        Ok(index.map_err(|error| format!("its index cannot be read: {error}"))?.manifests)
    }
}

pub(super) fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

pub(super) fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_it_is_made_of() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let blob = format!(r#"{{"mediaType":"t","digest":"{digest}","size":3}}"#);
        let text = format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob},{blob}]}}"#);
        let manifest = Manifest::read(text.clone().into_bytes(), &format!("{OCI_MANIFEST}; charset=utf-8"));
        let manifest = manifest.unwrap();
        assert_eq!(manifest.media_type, OCI_MANIFEST);
        assert_eq!(manifest.config_digest(), Some(digest));
        assert_eq!((manifest.layers().len(), manifest.blobs().unwrap().len()), (2, 1));
        assert!(Manifest::read(text.into_bytes(), "").unwrap_err().contains("not supported"));
        assert!(Manifest::read(b"<html>".to_vec(), OCI_MANIFEST).is_err());
        assert!(Manifest::read(b"{}".to_vec(), OCI_INDEX).is_err());
        let bad = r#"{"schemaVersion":2,"config":{"digest":"sha256:../x","size":1},"layers":[]}"#;
        assert!(Manifest::read(bad.into(), OCI_MANIFEST).unwrap().blobs().is_err());
    }
}
