//! Bundles: a directory or tar of artifacts and a manifest of their digests.
//!
//! A bundle is `manifest.json` and `files/<sha256>-<name>`; as a tar, the manifest comes first. The
//! manifest's own digest is to be known from outside: with it, nothing in a bundle can change unseen.

mod create;
mod manifest;
mod open;
mod verify;

use std::path::PathBuf;

pub use create::create;
pub use manifest::{Entry, Manifest, SCHEMA};

/// The name of the manifest within a bundle.
pub const MANIFEST: &str = "manifest.json";
/// The folder of the files within a bundle.
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
