//! Hashes files, and puts bytes under their final name only when they are whole and on disk.

use std::io::{Read, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::atomic::{set_mode, sync_dir};
use crate::error::{Error, Result};

const BUFFER: usize = 1 << 20;

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The sha256 of bytes (64 hex digits).
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The sha256 (64 hex digits) and the size of a file.
pub fn sha256_file(path: &Path) -> Result<(String, u64)> {
    let mut file = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = file.read(&mut buffer).map_err(|e| Error::io("read", path, &e))?;
        if count == 0 {
            return Ok((hex(&hasher.finalize()), size));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}

/// Writes all that `from` gives to `to` by a temporary file in the same folder, with `mode` where
/// the system knows modes; more than `limit` bytes are an error. Returns sha256 and size.
pub fn place(from: &mut dyn Read, to: &Path, mode: u32, limit: u64) -> Result<(String, u64)> {
    let dir = to.parent().unwrap_or_else(|| Path::new("."));
    let mut temp = tempfile::Builder::new()
        .prefix(".placing-")
        .suffix(".partial")
        .tempfile_in(dir)
        .map_err(|e| Error::io("create a file in", dir, &e))?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).map_err(|e| Error::io("read what becomes", to, &e))?;
        if count == 0 {
            break;
        }
        size += count as u64;
        if size > limit {
            return Err(Error::refused(format!("{} would have more than {limit} bytes", to.display())));
        }
        hasher.update(&buffer[..count]);
        temp.write_all(&buffer[..count]).map_err(|e| Error::io("write", to, &e))?;
    }
    set_mode(temp.as_file(), mode).map_err(|e| Error::io("set the mode of", to, &e))?;
    temp.as_file().sync_all().map_err(|e| Error::io("sync", to, &e))?;
    temp.persist(to).map_err(|e| Error::io("rename into place", to, &e.error))?;
    sync_dir(dir)?;
    Ok((hex(&hasher.finalize()), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn places_and_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("abc");
        assert_eq!(place(&mut &b"abc"[..], &to, 0o755, 3).unwrap(), (ABC.to_owned(), 3));
        assert_eq!(sha256_file(&to).unwrap(), (ABC.to_owned(), 3));
    }

    #[test]
    fn too_much_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(place(&mut &b"abcd"[..], &dir.path().join("x"), 0o644, 3).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
