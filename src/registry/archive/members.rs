//! The members of an archive, which is a tar, and their positions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use super::super::blob::{Blob, Place};
use super::super::{RegistryError, Result};
use crate::error::Error;
use crate::files::sha256_stream;

/// Lists and configurations are text of some kilobytes.
const TEXT: u64 = 16 << 20;
/// A link to a link to … : engines write one.
const LINKS: usize = 8;

enum Found {
    /// From this byte on, so many.
    At(u64, u64),
    /// As older engines write a layer that occurs twice, or in two images.
    Link(String),
}

pub(super) struct Members<'a> {
    path: &'a Path,
    found: BTreeMap<String, Found>,
}

impl<'a> Members<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
        let mut members = Self { path, found: BTreeMap::new() };
        members.found = index(&file).map_err(|e| members.bad(e))?;
        Ok(members)
    }

    pub(super) fn bad(&self, why: impl std::fmt::Display) -> RegistryError {
        RegistryError::Archive { path: self.path.to_owned(), why: why.to_string() }
    }

    /// Where a member's bytes are: the first, and how many.
    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = name;
        for _ in 0..LINKS {
            match self.found.get(name)? {
                Found::At(from, size) => return Some((*from, *size)),
                Found::Link(target) => name = target,
            }
        }
        None
    }

    /// A member as a blob of that digest.
    pub(super) fn blob(&self, name: &str, digest: &str) -> Result<Blob> {
        let (offset, size) = self.find(name).ok_or_else(|| self.bad(format!("it contains no {name}")))?;
        let from = Place::File { path: self.path.to_owned(), offset };
        Ok(Blob { digest: digest.to_owned(), size, from })
    }

    pub(super) fn text(&self, name: &str) -> Result<Vec<u8>> {
        let blob = self.blob(name, name)?;
        if blob.size > TEXT {
            return Err(self.bad(format!("{name} has {} bytes", blob.size)));
        }
        let mut text = Vec::new();
        let read = blob.read().and_then(|mut from| from.read_to_end(&mut text));
        read.map_err(|e| Error::io("read", self.path, &e))?;
        Ok(text)
    }

    pub(super) fn magic(&self, name: &str) -> Result<[u8; 4]> {
        let (mut magic, blob) = ([0; 4], self.blob(name, name)?);
        let read = blob.read().and_then(|mut from| from.read(&mut magic));
        read.map_err(|e| Error::io("read", self.path, &e))?;
        Ok(magic)
    }

    /// `sha256:…` of a member, all of which is read.
    pub(super) fn hash(&self, name: &str) -> Result<String> {
        let from = self.blob(name, name)?.read();
        let (hash, _) = from.and_then(sha256_stream).map_err(|e| Error::io("read", self.path, &e))?;
        Ok(format!("sha256:{hash}"))
    }
}

fn index(file: &File) -> std::io::Result<BTreeMap<String, Found>> {
    let mut found = BTreeMap::new();
    let mut tar = tar::Archive::new(BufReader::new(file));
    for entry in tar.entries_with_seek()? {
        let entry = entry?;
        let name = beside("", &String::from_utf8_lossy(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        if kind.is_file() {
            found.insert(name, Found::At(entry.raw_file_position(), entry.size()));
        } else if let Some(target) =
            entry.link_name_bytes().filter(|_| kind.is_symlink() || kind.is_hard_link())
        {
            let target = String::from_utf8_lossy(&target);
            // A hard link names a member, a symbolic one a way from where it stands.
            let target = beside(if kind.is_symlink() { &name } else { "" }, &target);
            found.insert(name, Found::Link(target));
        }
    }
    Ok(found)
}

/// A link's target as a path from the archive's top: `a/layer.tar` → `../b/layer.tar`.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn a_shared_layer_is_found_behind_its_link() {
        assert_eq!(beside("a/layer.tar", "../b/layer.tar"), "b/layer.tar");
        assert_eq!(beside("layer.tar", "./b/layer.tar"), "b/layer.tar");
        assert_eq!(beside("", "./manifest.json"), "manifest.json");
    }
}
