//! Files that todo-bootstrap owns: hashed, and written completely or not at all.

use std::fs::File;
use std::io::{ErrorKind, Read, Result as IoResult, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Fits into the processor's cache.
const BLOCK: usize = 256 << 10;
/// Blocks that are read while the previous ones are hashed.
const AHEAD: usize = 3;

/// The directory of `path`; `.` for a bare file name.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `path` with `ending` added to its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The content of a file, or `None` if it does not exist.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Everything below `dir`, sorted by name, folders before their content; `follow` follows links.
pub fn tree(dir: &Path, follow: bool) -> impl Iterator<Item = Result<walkdir::DirEntry>> {
    let walk = walkdir::WalkDir::new(dir).min_depth(1).follow_links(follow).sort_by_file_name();
    walk.into_iter().map(|entry| entry.map_err(|error| listing(&error)))
}

pub fn listing(error: &walkdir::Error) -> Error {
    Error::failed(format!("cannot list {}", error.path().unwrap_or(Path::new(".")).display())).because(error)
}

/// Writes `bytes` to `path` with the permission bits `mode`: to a temporary file in the same directory, which
/// is synced and renamed. The directory must exist. Readers see the old content or the new one, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    place(&mut &bytes[..], path, mode, u64::MAX).map(drop)
}

/// Writes `value` as JSON by [`write_atomic`], readable by the user only; creates the directory.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::failed(format!("cannot write {}", path.display())).because(error))?;
    put(path, &json, 0o600)
}

/// As [`write_atomic`], but creates the directory.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let dir = parent(path);
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    write_atomic(path, bytes, mode)
}

/// As [`write_atomic`], from a reader of which at most `limit` bytes are accepted. Returns sha256 and size.
pub fn place(from: &mut dyn Read, to: &Path, mode: u32, limit: u64) -> Result<(String, u64)> {
    let dir = parent(to);
    let mut temp = tempfile::Builder::new()
        .prefix(".placing-")
        .suffix(".partial")
        .tempfile_in(dir)
        .map_err(|e| Error::io("create a temporary file in", dir, &e))?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 4 * BLOCK];
    loop {
        let count = from.read(&mut buffer).map_err(|e| Error::io("read the content for", to, &e))?;
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
    persist(temp, to, mode)?;
    Ok((hex(&hasher.finalize()), size))
}

/// Gives a complete temporary file its mode and its final name.
pub fn persist(temp: NamedTempFile, to: &Path, mode: u32) -> Result<()> {
    set_mode(temp.as_file(), mode).map_err(|e| Error::io("set the mode of", to, &e))?;
    temp.as_file().sync_all().map_err(|e| Error::io("sync", to, &e))?;
    temp.persist(to).map_err(|e| Error::io("rename into place", to, &e.error))?;
    sync_dir(to)
}

/// Makes the rename of `path` survive a power cut.
pub fn sync_dir(path: &Path) -> Result<()> {
    let dir = parent(path);
    sync(dir).map_err(|error| Error::io("sync the directory", dir, &error))
}

pub fn sync(dir: &Path) -> IoResult<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Sets the permission bits of a file, on systems that have them.
pub fn set_mode(file: &File, mode: u32) -> IoResult<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    let _ = (file, mode);
    Ok(())
}

/// A temporary folder in `dir`, which is created.
pub fn temp_dir(dir: &Path, prefix: &str) -> Result<tempfile::TempDir> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(dir);
    folder.map_err(|e| Error::io("create a folder in", dir, &e))
}

/// Creates a folder and those above it; the new ones are private to their owner.
pub fn create_private_dir(dir: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| Error::io("create", dir, &e))
}

/// Creates or empties a file that only its owner may read.
pub fn create_private(path: &Path) -> IoResult<File> {
    let mut options = File::options();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether `text` has the form of [`sha256`]: 64 lower-case hex digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub fn sha256_file(path: &Path) -> Result<(String, u64)> {
    let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
    sha256_stream(file).map_err(|e| Error::io("read", path, &e))
}

/// The sha256 and the size of `from`. Blocks are read while others are hashed: a fifth less time.
pub fn sha256_stream(mut from: impl Read + Send) -> IoResult<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut add = |block: &[u8]| {
        hasher.update(block);
        size += block.len() as u64;
    };
    let first = block(&mut from)?;
    add(&first);
    // A small file needs no thread.
    if first.len() == BLOCK {
        std::thread::scope(|scope| {
            let (send, blocks) = sync_channel(AHEAD);
            let reader = scope.spawn(move || {
                loop {
                    let block = block(&mut from)?;
                    if block.is_empty() || send.send(block).is_err() {
                        return Ok(());
                    }
                }
            });
            for block in blocks {
                add(&block);
            }
            reader.join().unwrap_or_else(|_| Err(std::io::Error::other("the reading thread panicked")))
        })?;
    }
    Ok((hex(&hasher.finalize()), size))
}

/// The next [`BLOCK`] bytes, fewer at the end.
fn block(from: &mut impl Read) -> IoResult<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    from.take(BLOCK as u64).read_to_end(&mut block)?;
    Ok(block)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn content_and_mode_are_replaced_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        write_atomic(&path, b"old", 0o644).unwrap();
        assert_eq!(place(&mut &b"abc"[..], &path, 0o755, 3).unwrap(), (ABC.to_owned(), 3));
        assert_eq!(sha256_file(&path).unwrap(), (ABC.to_owned(), 3));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(place(&mut &b"abcd"[..], &path, 0o644, 3).is_err());
        assert_eq!(read(&path).unwrap().unwrap(), b"abc");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(read(&path).unwrap().is_none());
        let error = write_atomic(&dir.path().join("no/such"), b"", 0o600).unwrap_err();
        assert!(error.what().ends_with("/no"), "{error}");
    }

    #[test]
    fn a_file_of_any_length_is_hashed_completely() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 9 * BLOCK, 9 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(sha256_file(&path).unwrap(), (sha256(&bytes), len as u64));
        }
        assert!(sha256_file(dir.path()).unwrap_err().to_string().contains("cannot read"));
    }
}
