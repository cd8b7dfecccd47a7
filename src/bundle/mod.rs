//! Bundles: a directory or tar of artifacts and a manifest of their digests.
//!
//! A bundle consists of `manifest.json`, its digest in `manifest.json.sha256`, and `files/<sha256>-<name>`; a
//! tar contains them in this order. The same content gives the same bytes. If the manifest's digest is also
//! known from another source, no change in the bundle goes unnoticed.

mod create;
mod folder;
mod layout;
mod manifest;
mod open;
pub mod sbom;
pub mod trust;
mod verify;
mod walk;

use std::path::PathBuf;

pub use create::{create, taken};
pub use folder::pack;
#[cfg(test)]
pub(crate) use manifest::entry;
pub use manifest::{Entry, Manifest, SCHEMA};
pub use verify::{Contents, contents};

pub const MANIFEST: &str = "manifest.json";
/// The name of the file with the manifest's digest.
pub const SUMS: &str = "manifest.json.sha256";
const FILES: &str = "files";

/// An opened bundle: its manifest is sound, its files are hashed when they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Where its files are: the bundle itself, or where its tar was extracted to.
    pub dir: PathBuf,
    pub manifest: Manifest,
    /// The sha256 of `manifest.json`: what a bundle is known by.
    pub sha256: String,
}

impl Bundle {
    /// The entry of that name for a platform such as `linux/amd64`.
    pub fn find(&self, name: &str, platform: &str) -> Option<&Entry> {
        let mut entries = self.manifest.entries.iter();
        entries.find(|entry| entry.name == name && entry.platform == platform)
    }
}

#[cfg(test)]
mod tests;
