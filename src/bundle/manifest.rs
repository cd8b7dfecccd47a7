//! The manifest: the content of a bundle, with the digest and size of each file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::FILES;
use crate::error::{Error, Result};
use crate::files::{is_sha256, sha256};

pub const SCHEMA: u32 = 2;

/// More bytes than a manifest of thousands of entries has.
pub(super) const MANIFEST_LIMIT: u64 = 16 << 20;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    /// `tool`, `image`, `application` (an image built from a project), `chart`, `sbom` or `rootfs`.
    pub kind: String,
    pub version: String,
    /// `linux/amd64`: what it runs on.
    pub platform: String,
    /// Relative to the folder that holds the artifact.
    pub file: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// What the engine knows an image by.
    pub reference: Option<String>,
    /// The engine's id of an image, `sha256:…`.
    pub image_id: Option<String>,
    /// The sha256 of all that it was made from.
    pub inputs: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema: u32,
    /// Sorted, one per name and platform.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// A sorted manifest; two entries of one name and platform are an error.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self> {
        entries.sort();
        let manifest = Self { schema: SCHEMA, entries };
        manifest
            .sound()
            .map_err(|cause| Error::failed("these artifacts do not form a valid bundle").because(cause))?;
        Ok(manifest)
    }

    /// Reads a manifest and proves it sound: no path in it leads out of the bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        manifest.sound()?;
        Ok(manifest)
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec_pretty(self);
        let mut bytes = json.map_err(|e| Error::failed("cannot write the manifest").because(e))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What the bundle is known by.
    pub fn sha256(&self) -> Result<String> {
        Ok(sha256(&self.bytes()?))
    }

    fn sound(&self) -> Result<(), String> {
        if self.schema != SCHEMA {
            return Err(format!(
                "its manifest has schema {}, but this program supports {SCHEMA}",
                self.schema
            ));
        }
        let mut seen = BTreeSet::new();
        for entry in &self.entries {
            if !is_plain(&entry.name) {
                return Err(format!("{:?} is not the name of an artifact", entry.name));
            }
            if !seen.insert((&entry.name, &entry.platform)) {
                return Err(format!("{} for {} is listed twice", entry.name, entry.platform));
            }
            let file = entry.file.strip_prefix(FILES).and_then(|rest| rest.strip_prefix('/'));
            if !is_sha256(&entry.sha256)
                || !file.is_some_and(|file| is_plain(file) && file.starts_with(&entry.sha256))
            {
                return Err(format!("the file of {} is not `{FILES}/<sha256>-<name>`", entry.name));
            }
        }
        Ok(())
    }
}

/// An entry of version 1.2.3 for linux/amd64, whose file, called as itself, has these bytes.
#[cfg(test)]
pub(crate) fn entry(name: &str, kind: &str, bytes: &[u8]) -> Entry {
    let [name, kind, version, platform] = [name, kind, "1.2.3", "linux/amd64"].map(str::to_owned);
    let (file, sha256, size) = (name.clone(), sha256(bytes), bytes.len() as u64);
    Entry { name, kind, version, platform, file, sha256, size, ..Entry::default() }
}

/// One path component without surprises.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}
