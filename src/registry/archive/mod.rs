//! Archives of images, as engines save them and as we write them.

mod docker;
mod layout;
mod members;
mod writer;

use std::path::Path;

use serde::Deserialize;

use super::blob::Blob;
use super::manifest::Manifest;
use super::platform::Platform;
use super::{RegistryError, Result};
use members::Members;
pub(super) use writer::{tagged, write};

/// One image of an archive, ready to be sent: its blobs are read when they are used.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) manifest: Manifest,
    /// Each once.
    pub(super) blobs: Vec<Blob>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(flatten)]
    pub(super) platform: Platform,
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

/// Whether an image that is called `name` in an archive is `wanted`: engines leave out the host where
/// it is the default one, and podman puts one in front.
fn is_called(name: &str, wanted: Option<&str>) -> bool {
    wanted.is_some_and(|wanted| {
        let full = |name| super::Reference::parse(name).map(|name| name.to_string());
        name == wanted || name.ends_with(&format!("/{wanted}")) || full(name) == full(wanted)
    })
}

/// Rewrites an archive in the form of [`super::Registry::export`]; returns the manifest's digest. Every
/// blob is compared with its digest, every layer that was listed without one against the configuration.
pub fn normalise_archive(from: &Path, name: &str, to: &Path) -> Result<String> {
    let image = Image::open(from, Some(name))?;
    write(to, &tagged(name)?, image.blobs, &image.manifest).map_err(|error| match error {
        RegistryError::Mismatch { expected, got, .. } => {
            let why = format!("expected digest {expected}, got {got}");
            RegistryError::Archive { path: from.to_owned(), why }
        }
        error => error,
    })?;
    Ok(image.manifest.digest())
}

impl Image {
    /// The image of the archive at `path`; of several, the one that is called `wish`.
    pub(super) fn open(path: &Path, wish: Option<&str>) -> Result<Self> {
        let members = Members::open(path)?;
        let list = members.find("manifest.json").is_some();
        if members.find("index.json").is_none() {
            if list {
                return docker::image(&members, wish);
            }
            return Err(members.bad("it contains neither index.json nor manifest.json"));
        }
        match layout::image(&members, wish) {
            // Some engines write an index that does not agree with the image beside it.
            Err(RegistryError::Archive { .. }) if list => docker::image(&members, wish),
            result => result,
        }
    }
}
