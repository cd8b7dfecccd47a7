//! Hashes files, and puts bytes under their final name only when they are whole and on disk.

use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use sha2::{Digest as _, Sha256};

use super::atomic::{set_mode, sync_dir};
use crate::error::{Error, Result};

const BUFFER: usize = 1 << 20;
/// Small enough for the processor's cache, large enough that handing it over costs nothing.
const BLOCK: usize = 256 << 10;
const AHEAD: usize = 3;

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
    let file = std::fs::File::open(path).map_err(|e| Error::io("open", path, &e))?;
    sha256_stream(file).map_err(|e| Error::io("read", path, &e))
}

/// The sha256 (64 hex digits) and the size of all that `from` gives.
pub fn sha256_stream(from: impl Read + Send) -> std::io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    read_ahead(from, |block| {
        hasher.update(block);
        size += block.len() as u64;
    })?;
    Ok((hex(&hasher.finalize()), size))
}

/// Whether `text` is a sha256 as we write it: 64 lower-case hex digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Gives all of `from` to `work`, block by block. The next blocks are read meanwhile: to copy them
/// out of the system's memory takes a quarter of the time that hashing does.
fn read_ahead(mut from: impl Read + Send, mut work: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut count = fill(&mut from, &mut block)?;
    if count < BLOCK {
        work(&block[..count]);
        return Ok(());
    }
    let (full, read) = sync_channel::<(Vec<u8>, std::io::Result<usize>)>(AHEAD);
    let (empty, spare) = sync_channel::<Vec<u8>>(AHEAD + 1);
    // By move: whoever ends first lets the other one know.
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            // It ends after a block that is not full, after an error, or when nobody listens.
            while let Ok(mut block) = spare.recv() {
                let count = fill(&mut from, &mut block);
                let last = !matches!(&count, Ok(count) if *count == BLOCK);
                if full.send((block, count)).is_err() || last {
                    return;
                }
            }
        });
        for _ in 0..AHEAD {
            let _ = empty.send(vec![0; BLOCK]);
        }
        while count > 0 {
            work(&block[..count]);
            if count < BLOCK {
                break;
            }
            // Nobody takes it any more where the last block was read.
            let _ = empty.send(block);
            let Ok((next, read)) = read.recv() else { break };
            (block, count) = (next, read?);
        }
        Ok(())
    })
}

/// Reads until `block` is full or nothing is left.
fn fill(from: &mut impl Read, block: &mut [u8]) -> std::io::Result<usize> {
    let mut count = 0;
    while count < block.len() {
        match from.read(&mut block[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
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
    fn a_file_of_any_length_is_hashed_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 9 * BLOCK, 9 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(sha256_file(&path).unwrap(), (sha256(&bytes), len as u64));
        }
        assert!(sha256_file(dir.path()).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn too_much_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(place(&mut &b"abcd"[..], &dir.path().join("x"), 0o644, 3).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
