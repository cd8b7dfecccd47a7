//! The bytes of a bundle besides its files. All of them follow from the manifest, so a tar can be compared with
//! what it must be, including headers and padding.

use super::manifest::{Entry, Manifest};
use super::{MANIFEST, SUMS};
pub(super) use crate::fetch::tar::{BLOCK, END, append, head, padding, zeros};
use crate::files::sha256;

/// What a tool needs to be started; nothing else is executable.
pub(super) fn mode(entry: &Entry) -> u32 {
    if entry.kind == "tool" { 0o755 } else { 0o644 }
}

/// The text of [`SUMS`], as `sha256sum --check` reads it: a changed manifest is seen without its digest as well.
pub(super) fn sums(manifest: &[u8]) -> Vec<u8> {
    format!("{}  {MANIFEST}\n", sha256(manifest)).into_bytes()
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
