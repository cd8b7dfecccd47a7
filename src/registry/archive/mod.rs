//! Archives of images, as engines save them and as we write them.

mod docker;
mod layout;
mod members;
mod normal;
mod writer;

use std::path::Path;

use serde::Deserialize;

use super::blob::Blob;
use super::manifest::Manifest;
use super::platform::Platform;
use super::{RegistryError, Result};
use members::Members;
pub(super) use normal::in_order;
pub use normal::{Normal, archive_digest, normalise, normalise_archive};
pub(super) use writer::Writer;

/// One image of an archive, ready to be sent: its blobs are read when they are used.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) manifest: Manifest,
    /// Each once.
    pub(super) blobs: Vec<Blob>,
    pub(super) platform: Platform,
}

/// What is read of an image's configuration.
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

/// Which image of several is meant.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) platform: Option<&'a str>,
}

impl Wish<'_> {
    /// Whether an image that is called `name` in an archive is the wanted one: engines leave out the
    /// host where it is the default one, and podman puts one in front.
    fn is_called(&self, name: &str) -> bool {
        self.name.is_some_and(|wanted| {
            let full = |name| super::Reference::parse(name).map(|name| name.to_string());
            name == wanted || name.ends_with(&format!("/{wanted}")) || full(name) == full(wanted)
        })
    }
}

impl Image {
    /// The image of the archive at `path`; of several, the one that `wish` tells.
    pub(super) fn open(path: &Path, wish: Wish<'_>) -> Result<Self> {
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
