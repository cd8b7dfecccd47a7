//! Reproducible tars: only names, modes and content, so the same content gives the same bytes.

use std::io::{Read, Write};

use tar::{EntryType, Header};

use crate::error::{Error, Result};

pub const BLOCK: u64 = 512;
/// Bytes of zeros at the end of every tar.
pub const END: u64 = 2 * BLOCK;

/// The header of a file, without an owner or a time.
pub fn head(name: &str, mode: u32, size: u64) -> Result<Vec<u8>> {
    header(EntryType::Regular, name, mode, size)
}

/// A folder; `name` ends in `/`.
pub fn folder(name: &str) -> Result<Vec<u8>> {
    header(EntryType::Directory, name, 0o755, 0)
}

fn header(kind: EntryType, name: &str, mode: u32, size: u64) -> Result<Vec<u8>> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    let mut tar = tar::Builder::new(Vec::new());
    let written = tar.append_data(&mut header, name, std::io::empty());
    written.map_err(|e| Error::failed(format!("cannot write a header for {name}")).because(e))?;
    // Not `into_inner`, which ends the tar.
    Ok(std::mem::take(tar.get_mut()))
}

/// The number of zeros after `size` bytes.
pub fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

/// Writes a file to a tar. The outer error is of the name, the inner one of reading or writing.
pub fn append(
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

pub fn zeros(to: &mut impl Write, count: u64) -> std::io::Result<()> {
    std::io::copy(&mut std::io::repeat(0).take(count), to).map(drop)
}
