//! The bytes of a bundle besides its files: all of them follow from the manifest.
//!
//! So a tar can be held against what it must be, headers and padding included, and the same content
//! always gives the same bytes.

use std::io::{Read, Write};

use tar::{EntryType, Header};

use super::manifest::{Entry, Manifest};
use super::{MANIFEST, SUMS};
use crate::error::{Error, Result};
use crate::fetch::sha256;

pub(super) const BLOCK: u64 = 512;
/// What stands at the end of every tar.
pub(super) const END: u64 = 2 * BLOCK;

/// What a tool needs to be started; nothing else is executable.
pub(super) fn mode(entry: &Entry) -> u32 {
    if entry.kind == "tool" { 0o755 } else { 0o644 }
}

/// The text of [`SUMS`], as `sha256sum --check` reads it. With it a changed byte of the manifest is
/// seen also where its digest is not known from outside.
pub(super) fn sums(manifest: &[u8]) -> Vec<u8> {
    format!("{}  {MANIFEST}\n", sha256(manifest)).into_bytes()
}

/// What stands before a file in the tar: of nobody in particular, of no time.
pub(super) fn head(name: &str, mode: u32, size: u64) -> Result<Vec<u8>> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    let mut tar = tar::Builder::new(Vec::new());
    let written = tar.append_data(&mut header, name, std::io::empty());
    written.map_err(|e| Error::failed(format!("cannot write a header for {name}")).because(e))?;
    // Not `into_inner`, which ends the tar.
    Ok(std::mem::take(tar.get_mut()))
}

/// The zeros behind `size` bytes.
pub(super) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

/// Writes a file to a tar; `size` was counted before. The outer error is of the name, the inner one of
/// reading or writing.
pub(super) fn append(
    to: &mut impl Write,
    name: &str,
    mode: u32,
    size: u64,
    from: &mut dyn Read,
) -> Result<std::io::Result<()>> {
    let head = head(name, mode, size)?;
    Ok((|| {
        to.write_all(&head)?;
        let got = std::io::copy(from, to)?;
        if got != size {
            return Err(std::io::Error::other(format!("{name} changed while it was read")));
        }
        zeros(to, padding(size))
    })())
}

/// Writes so many zeros.
pub(super) fn zeros(to: &mut impl Write, count: u64) -> std::io::Result<()> {
    std::io::copy(&mut std::io::repeat(0).take(count), to).map(drop)
}

/// A file of the bundle, in the tar's order: manifest, its digest, then those of the entries.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) entry: Option<&'a Entry>,
}

/// The files of the entries; entries of the same content share one.
pub(super) fn parts(manifest: &Manifest) -> Vec<Part<'_>> {
    let entries = manifest.entries.iter();
    let mut parts: Vec<Part<'_>> = entries
        .map(|entry| Part { name: &entry.file, size: entry.size, mode: mode(entry), entry: Some(entry) })
        .collect();
    parts.sort_by_key(|part| part.name);
    parts.dedup_by_key(|part| part.name);
    parts
}

pub(super) fn sums_part(sums: &[u8]) -> Part<'static> {
    Part { name: SUMS, size: sums.len() as u64, mode: 0o644, entry: None }
}
