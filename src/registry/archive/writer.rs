//! Writes archives in one form: those of engines differ, and contain the current time.
//!
//! The form is an OCI layout with the list of the older format, so that every `docker load` since 20.10,
//! podman and `ctr images import` accept it. It depends on image and name only.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::super::manifest::{Descriptor, Manifest, OCI_INDEX};
use super::super::{Reference, RegistryError, Result};
use super::layout::path;
use crate::error::Error;
use crate::fetch::tar;
use crate::files::{hex, parent, persist};

const BUFFER: usize = 1 << 20;

/// Writes beside `to`; only [`Writer::finish`] makes it appear.
pub(in super::super) struct Writer {
    to: PathBuf,
    out: BufWriter<NamedTempFile>,
    name: Reference,
    blob: Current,
}

/// The blob that is being written.
#[derive(Default)]
struct Current {
    digest: String,
    size: u64,
    /// Where its first byte is.
    from: u64,
    got: u64,
    hasher: Sha256,
}

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
fn tagged(name: &str) -> Result<Reference> {
    let reference = Reference::parse(name).map_err(RegistryError::Name)?;
    if reference.digest.is_some() {
        return Err(RegistryError::Name(format!("an archive cannot contain {name}: it has a digest")));
    }
    Ok(Reference { tag: reference.tag.or_else(|| Some("latest".to_owned())), ..reference })
}

impl Writer {
    /// An archive whose image is called `name`.
    pub(in super::super) fn create(to: &Path, name: &str) -> Result<Self> {
        let name = tagged(name)?;
        let dir = parent(to);
        let temp = tempfile::Builder::new().prefix(".image-").suffix(".partial").tempfile_in(dir);
        let temp = temp.map_err(|e| Error::io("create a file in", dir, &e))?;
        let out = BufWriter::with_capacity(BUFFER, temp);
        let mut writer = Self { to: to.to_owned(), out, name, blob: Current::default() };
        for folder in ["blobs/", "blobs/sha256/"] {
            writer.put(&tar::folder(folder)?)?;
        }
        Ok(writer)
    }

    fn failed(&self, error: &std::io::Error) -> RegistryError {
        Error::io("write", &self.to, error).into()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| self.failed(&e))
    }

    /// Begins a blob: its bytes follow by [`Writer::write`], then [`Writer::end`].
    pub(in super::super) fn begin(&mut self, digest: &str, size: u64) -> Result<()> {
        self.put(&tar::head(&path(digest), 0o644, size)?)?;
        let from = self.out.stream_position().map_err(|e| self.failed(&e))?;
        self.blob = Current { digest: digest.to_owned(), size, from, ..Current::default() };
        Ok(())
    }

    /// Starts the blob over.
    pub(in super::super) fn again(&mut self) -> Result<()> {
        self.out.seek(SeekFrom::Start(self.blob.from)).map_err(|e| self.failed(&e))?;
        (self.blob.got, self.blob.hasher) = (0, Sha256::new());
        Ok(())
    }

    pub(in super::super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.blob.hasher.update(bytes);
        self.blob.got += bytes.len() as u64;
        if self.blob.got > self.blob.size {
            return Err(self.wrong(format!("more than {} bytes", self.blob.size)));
        }
        self.put(bytes)
    }

    /// Compares what came with digest and size.
    pub(in super::super) fn end(&mut self) -> Result<()> {
        if self.blob.got != self.blob.size {
            return Err(self.wrong(format!("{} bytes, not {}", self.blob.got, self.blob.size)));
        }
        let got = format!("sha256:{}", hex(&std::mem::take(&mut self.blob.hasher).finalize()));
        if got != self.blob.digest {
            return Err(self.wrong(got));
        }
        tar::zeros(&mut self.out, tar::padding(self.blob.size)).map_err(|e| self.failed(&e))
    }

    fn wrong(&self, got: String) -> RegistryError {
        let (what, expected) = (format!("a blob of {}", self.name), self.blob.digest.clone());
        RegistryError::Mismatch { what, expected, got }
    }

    /// A blob completely; `path` is where it comes from.
    pub(in super::super) fn blob(
        &mut self,
        digest: &str,
        size: u64,
        from: &mut dyn Read,
        path: &Path,
    ) -> Result<()> {
        self.begin(digest, size)?;
        let mut block = vec![0; 256 << 10];
        loop {
            match from.read(&mut block) {
                Ok(0) => return self.end(),
                Ok(count) => self.write(&block[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", path, &error).into()),
            }
        }
    }

    /// Writes the lists of blobs, and puts the archive into place.
    pub(in super::super) fn finish(mut self, manifest: &Manifest) -> Result<()> {
        let layers = manifest.parse().map_err(|why| RegistryError::Archive { path: self.to.clone(), why })?;
        let name = self.name.to_string();
        let tag = self.name.tag.clone().unwrap_or_default();
        let annotations =
            [("io.containerd.image.name", name.clone()), ("org.opencontainers.image.ref.name", tag)].into();
        let entry = Entry { descriptor: manifest.descriptor(), annotations };
        let index = Index { schema_version: 2, media_type: OCI_INDEX, manifests: [entry] };
        let list = [Listed {
            config: path(&layers.config.digest),
            repo_tags: [&name],
            layers: layers.layers.iter().map(|layer| path(&layer.digest)).collect(),
        }];
        let text = |value: serde_json::Result<Vec<u8>>| {
            value.map_err(|e| RegistryError::from(Error::failed("cannot write an archive's list").because(e)))
        };
        self.member("index.json", &text(serde_json::to_vec(&index))?)?;
        self.member("manifest.json", &text(serde_json::to_vec(&list))?)?;
        self.member("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        tar::zeros(&mut self.out, tar::END).map_err(|e| self.failed(&e))?;
        let Self { to, out, .. } = self;
        let failed = |e: std::io::Error| RegistryError::from(Error::io("write", &to, &e));
        let temp = out.into_inner().map_err(|e| failed(e.into_error()))?;
        Ok(persist(temp, &to, 0o644)?)
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let written = tar::append(&mut self.out, name, 0o644, bytes.len() as u64, &mut &bytes[..])?;
        written.map_err(|e| self.failed(&e))
    }
}
