//! Writes archives in one form, which depends on image and name only: an OCI layout with the list of the older format,
//! so that every `docker load` since 20.10, podman and `ctr images import` accept it.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read, Write as _};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::blob::{Blob, Place};
use super::super::manifest::{Descriptor, Manifest, OCI_INDEX};
use super::super::{Reference, RegistryError, Result};
use super::layout::path;
use crate::error::Error;
use crate::fetch::tar;
use crate::files::{hex, parent, persist};

const BUFFER: usize = 1 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: [Entry<'a>; 1],
}

/// Without a platform: engines pass over what is for another one than theirs.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    descriptor: Descriptor,
    annotations: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

/// A name that archives can carry: with a tag, without a digest.
pub(in super::super) fn tagged(name: &str) -> Result<Reference> {
    let reference = Reference::parse(name).map_err(RegistryError::name)?;
    if reference.digest.is_some() {
        return Err(RegistryError::name(format!("an archive cannot contain {name}: it has a digest")));
    }
    Ok(Reference { tag: reference.tag.or_else(|| Some("latest".to_owned())), ..reference })
}

struct Hashed<R> {
    from: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, block: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(block)?;
        self.hasher.update(&block[..count]);
        Ok(count)
    }
}

/// Writes an image, whose blobs are verified, to `to`, whole or not at all; `name` is [`tagged`].
pub(in super::super) fn write(
    to: &Path,
    name: &Reference,
    mut blobs: Vec<Blob>,
    manifest: &Manifest,
) -> Result<()> {
    let writing = |e: std::io::Error| RegistryError::from(Error::io("write", to, &e));
    let dir = parent(to);
    let temp = tempfile::Builder::new().prefix(".image-").suffix(".partial").tempfile_in(dir);
    let temp = temp.map_err(|e| Error::io("create a file in", dir, &e))?;
    let mut out = BufWriter::with_capacity(BUFFER, temp);
    for folder in ["blobs/", "blobs/sha256/"] {
        out.write_all(&tar::folder(folder)?).map_err(writing)?;
    }
    let Descriptor { digest, size, .. } = manifest.descriptor();
    blobs.push(Blob { digest, size, from: Place::Memory(manifest.bytes.clone().into()) });
    blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
    for blob in blobs {
        let from = blob.read().map_err(|e| Error::io("read", &blob.path(), &e))?;
        let mut from = Hashed { from, hasher: Sha256::new() };
        tar::append(&mut out, &path(&blob.digest), 0o644, blob.size, &mut from)?.map_err(writing)?;
        let (expected, got) = (blob.digest, format!("sha256:{}", hex(&from.hasher.finalize())));
        if got != expected {
            return Err(RegistryError::Mismatch { what: format!("a blob of {name}"), expected, got });
        }
    }
    for (file, bytes) in
        lists(name, manifest).map_err(|why| RegistryError::Archive { path: to.to_owned(), why })?
    {
        tar::append(&mut out, file, 0o644, bytes.len() as u64, &mut &bytes[..])?.map_err(writing)?;
    }
    tar::zeros(&mut out, tar::END).map_err(writing)?;
    let temp = out.into_inner().map_err(|e| writing(e.into_error()))?;
    Ok(persist(temp, to, 0o644)?)
}

fn lists(name: &Reference, manifest: &Manifest) -> Result<[(&'static str, Vec<u8>); 3], String> {
    let parsed = manifest.parse()?;
    let (tag, name) = (name.tag.clone().unwrap_or_default(), name.to_string());
    let list = [Listed {
        config: path(&parsed.config.digest),
        repo_tags: [&name],
        layers: parsed.layers.iter().map(|layer| path(&layer.digest)).collect(),
    }];
    let list = serde_json::to_vec(&list).map_err(|e| e.to_string())?;
    let annotations = [("io.containerd.image.name", name), ("org.opencontainers.image.ref.name", tag)].into();
    let entry = Entry { descriptor: manifest.descriptor(), annotations };
    let index = Index { schema_version: 2, media_type: OCI_INDEX, manifests: [entry] };
    let index = serde_json::to_vec(&index).map_err(|e| e.to_string())?;
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
    Ok([("index.json", index), ("manifest.json", list), ("oci-layout", layout)])
}
