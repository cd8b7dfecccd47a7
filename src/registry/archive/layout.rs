//! The newer archive format, an OCI layout, and the one complete image in it.

use super::super::manifest::{LONGEST, Listed, Manifest, OCI_INDEX, Parsed, is_index, is_manifest};
use super::super::platform::Platform;
use super::super::reference::is_digest;
use super::super::{RegistryError, Result};
use super::members::Members;
use super::{Config, Image, is_called};
use crate::host::Arch;

/// An index in an index in … : engines write two.
const DEPTH: usize = 4;
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

struct Candidate {
    image: Image,
    platform: Platform,
    names: Vec<String>,
}

/// The image, its manifest byte for byte. An engine that pulled one platform of an index saves the
/// index without most of what it lists, so what is not there whole is passed over.
pub(super) fn image(members: &Members<'_>, wish: Option<&str>) -> Result<Image> {
    let text = members.text("index.json")?;
    let index = Manifest { media_type: OCI_INDEX.to_owned(), bytes: text };
    let mut search = Search { members, found: Vec::new(), passed: Vec::new() };
    search.walk(&index, &[], 0)?;
    let Search { found, passed, .. } = search;
    if found.is_empty() {
        let passed = if passed.is_empty() { "no image for linux".to_owned() } else { passed.join("; ") };
        return Err(members.bad(format!("no image is complete: {passed}")));
    }
    one(members, found, wish)
}

struct Search<'a> {
    members: &'a Members<'a>,
    found: Vec<Candidate>,
    passed: Vec<String>,
}

impl Search<'_> {
    fn walk(&mut self, index: &Manifest, names: &[String], depth: usize) -> Result<()> {
        for listed in index.listed().map_err(|why| self.members.bad(why))? {
            let digest = listed.descriptor.digest.clone();
            let other = listed.platform.as_ref().is_some_and(|platform| platform.os != "linux");
            if listed.is_remark() || other || depth > DEPTH {
                continue;
            }
            let own = NAMES.iter().filter_map(|name| listed.annotations.get(*name)).cloned();
            let names: Vec<String> = names.iter().cloned().chain(own).collect();
            match self.manifest(&listed)? {
                None => self.passed.push(format!("{} is missing", shown(&listed))),
                Some(manifest) if manifest.is_index() => self.walk(&manifest, &names, depth + 1)?,
                Some(manifest) => match self.whole(manifest) {
                    Ok((image, platform)) => self.take(image, platform, names),
                    Err(RegistryError::Archive { why, .. }) => self.passed.push(format!("{digest}: {why}")),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// A manifest or an index, if the archive has it.
    fn manifest(&self, listed: &Listed) -> Result<Option<Manifest>> {
        let blob = &listed.descriptor;
        let known = is_index(&blob.media_type) || is_manifest(&blob.media_type);
        let there = is_digest(&blob.digest) && self.members.find(&path(&blob.digest)).is_some();
        if !known || !there || blob.size > LONGEST {
            return Ok(None);
        }
        let bytes = self.members.text(&path(&blob.digest))?;
        let manifest = Manifest { media_type: blob.media_type.clone(), bytes };
        if manifest.digest() != blob.digest {
            return Err(self.members.bad(format!("{} has digest {}", blob.digest, manifest.digest())));
        }
        Ok(Some(manifest))
    }

    /// The image of a manifest, all of which has to be there.
    fn whole(&self, manifest: Manifest) -> Result<(Image, Platform)> {
        let members = self.members;
        let mut blobs = Vec::new();
        for blob in manifest.blobs().map_err(|why| members.bad(why))? {
            let found = members.blob(&path(&blob.digest), &blob.digest)?;
            if found.size != blob.size {
                let size = found.size;
                return Err(members.bad(format!("{} has {size} bytes, not {}", blob.digest, blob.size)));
            }
            blobs.push(found);
        }
        let layers = manifest.parse().map_err(|why| members.bad(why))?;
        let text = members.text(&path(&layers.config.digest))?;
        let config: Config = serde_json::from_slice(&text).map_err(|e| members.bad(e))?;
        agree(&layers, &config).map_err(|why| members.bad(why))?;
        Ok((Image { manifest, blobs }, config.platform))
    }

    /// Several names of one image are several entries of the index.
    fn take(&mut self, image: Image, platform: Platform, names: Vec<String>) {
        let digest = image.manifest.digest();
        match self.found.iter_mut().find(|known| known.image.manifest.digest() == digest) {
            Some(known) => known.names.extend(names),
            None => self.found.push(Candidate { image, platform, names }),
        }
    }
}

/// Compares a manifest with the configuration, which lists unpacked layers.
fn agree(layers: &Parsed, config: &Config) -> Result<(), String> {
    let ids = &config.rootfs.diff_ids;
    if config.platform.os != "linux" {
        return Err(format!("it is for {}", config.platform));
    }
    if ids.len() != layers.layers.len() {
        return Err("its manifest and its configuration have different layers".to_owned());
    }
    // Types of packed ones go on: `…tar+gzip`.
    let plain = |kind: &str| kind.rsplit('.').next() == Some("tar");
    match layers.layers.iter().zip(ids).find(|(layer, id)| plain(&layer.media_type) && layer.digest != **id) {
        Some((layer, id)) => {
            Err(format!("its manifest lists {} where its configuration has {id}", layer.digest))
        }
        None => Ok(()),
    }
}

fn one(members: &Members<'_>, mut found: Vec<Candidate>, wish: Option<&str>) -> Result<Image> {
    let called = |image: &Candidate| image.names.iter().any(|name| is_called(name, wish));
    if found.iter().any(called) {
        found.retain(called);
    }
    // Else the one that can run here is meant.
    let (os, architecture) = ("linux".to_owned(), Arch::here().name().to_owned());
    let here = Platform { os, architecture, variant: None };
    let fits = |image: &Candidate| image.platform.is(&here);
    if found.len() > 1 && found.iter().any(fits) {
        found.retain(fits);
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().flat_map(|image| image.names.iter().cloned()).collect();
        let count = found.len();
        return Err(members.bad(format!("it contains {count} images ({}), expected one", names.join(", "))));
    }
    found.pop().map(|found| found.image).ok_or_else(|| members.bad("it contains no image"))
}

fn shown(listed: &Listed) -> String {
    let platform = listed.platform.as_ref().map(|platform| format!(" for {platform}"));
    format!("{}{}", listed.descriptor.digest, platform.unwrap_or_default())
}

/// Where a layout has a blob.
pub(super) fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}
