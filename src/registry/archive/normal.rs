//! Rewrites archives of engines in one form.

use std::path::Path;

use super::super::blob::{Blob, Place};
use super::super::manifest::Manifest;
use super::super::{RegistryError, Result};
use super::{Image, Wish, Writer};
use crate::error::Error;

/// An image in our form, by all that it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normal {
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// `sha256:…` of its configuration.
    pub config: String,
    /// `linux/amd64`.
    pub platform: String,
}

/// The manifest's digest that [`super::super::Registry::push_archive`] would return.
pub fn archive_digest(archive: &Path) -> Result<String> {
    Ok(Image::open(archive, Wish::default())?.manifest.digest())
}

/// Rewrites an archive in the form of [`super::super::Registry::export`]; returns the manifest's
/// digest.
pub fn normalise_archive(from: &Path, name: &str, to: &Path) -> Result<String> {
    Ok(normalise(from, name, None, to)?.digest)
}

/// As [`normalise_archive`], where an archive may hold the image for several platforms. Every blob is
/// compared with its digest, every layer that was listed without one against the configuration.
pub fn normalise(from: &Path, name: &str, platform: Option<&str>, to: &Path) -> Result<Normal> {
    let image = Image::open(from, Wish { name: Some(name), platform })?;
    let mut writer = Writer::create(to, name)?;
    for blob in in_order(image.blobs, &image.manifest) {
        let read = blob.read().map_err(|e| Error::io("read", from, &e));
        writer.blob(&blob.digest, blob.size, &mut *read?, from).map_err(|error| match error {
            RegistryError::Mismatch { expected, got, .. } => {
                let why = format!("expected digest {expected}, got {got}");
                RegistryError::Archive { path: from.to_owned(), why }
            }
            error => error,
        })?;
    }
    writer.finish(&image.manifest)?;
    Ok(Normal {
        digest: image.manifest.digest(),
        config: image.manifest.config_digest().unwrap_or_default(),
        platform: image.platform.to_string(),
    })
}

/// The blobs of an archive in the order in which our form has them.
pub(in super::super) fn in_order(mut blobs: Vec<Blob>, manifest: &Manifest) -> Vec<Blob> {
    let (digest, size) = (manifest.digest(), manifest.bytes.len() as u64);
    blobs.push(Blob { digest, size, from: Place::Memory(manifest.bytes.clone().into()) });
    blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
    blobs
}
