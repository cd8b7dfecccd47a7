//! Opening a bundle; a tar is checked and extracted to the cache under its digest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::create::mode;
use super::manifest::{Entry, Manifest};
use super::{Bundle, FILES, MANIFEST};
use crate::error::{Error, Result};
use crate::fetch::{place, sha256, sha256_file};
use crate::task::Task;

/// More than a manifest of thousands of entries has.
const MANIFEST_LIMIT: u64 = 16 << 20;

impl Bundle {
    /// Opens the bundle at `path`, a directory or a .tar. `expected_sha256` is the digest of its
    /// manifest as known from outside; a bundle that differs is refused. `cache` is where a tar is
    /// extracted to, once.
    pub fn open(task: &Task<'_>, path: &Path, expected_sha256: Option<&str>, cache: &Path) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|e| {
            Error::io("open the bundle", path, &e).help("todo-bootstrap bundle create PATH   makes one")
        })?;
        if meta.is_dir() {
            return open_dir(path, path, expected_sha256);
        }
        task.progress(None, Some(meta.len()), format!("hash {}", path.display()));
        let (digest, _) = sha256_file(path)?;
        let dir = cache.join("bundles").join(&digest);
        if !dir.join(MANIFEST).is_file() {
            extract(task, path, expected_sha256, &dir)?;
        }
        open_dir(&dir, path, expected_sha256)
    }
}

fn refused(bundle: &Path, cause: impl std::fmt::Display) -> Error {
    Error::refused(format!("the bundle {} is not to be trusted", bundle.display()))
        .because(cause)
        .help("get it again from where it came, or make one: todo-bootstrap bundle create PATH")
}

fn open_dir(dir: &Path, bundle: &Path, expected: Option<&str>) -> Result<Bundle> {
    let path = dir.join(MANIFEST);
    let file = File::open(&path).map_err(|e| Error::io("open the bundle's manifest", &path, &e))?;
    let (manifest, sha256) = read_manifest(file, bundle, expected)?;
    Ok(Bundle { dir: dir.to_owned(), manifest, sha256 })
}

/// The manifest, once it is what was expected.
fn read_manifest(from: impl Read, bundle: &Path, expected: Option<&str>) -> Result<(Manifest, String)> {
    let mut bytes = Vec::new();
    let read = from.take(MANIFEST_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("read the manifest of", bundle, &e))?;
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(refused(bundle, format!("{MANIFEST} has more than {MANIFEST_LIMIT} bytes")));
    }
    let got = sha256(&bytes);
    if let Some(expected) = expected.map(str::trim).filter(|expected| !expected.eq_ignore_ascii_case(&got)) {
        let cause = format!("the sha256 of {MANIFEST} is {got}, expected was {expected}");
        return Err(refused(bundle, cause));
    }
    let manifest =
        Manifest::parse(&bytes).map_err(|cause| refused(bundle, format!("{MANIFEST}: {cause}")))?;
    Ok((manifest, got))
}

/// Extracts a tar to `dir`, which appears whole or not at all.
fn extract(task: &Task<'_>, bundle: &Path, expected: Option<&str>, dir: &Path) -> Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, &e))?;
    let temp = tempfile::Builder::new().prefix(".extract-").tempdir_in(parent);
    let temp = temp.map_err(|e| Error::io("create a folder in", parent, &e))?;
    unpack(task, bundle, expected, temp.path())?;
    // Left by an extraction that lost its manifest: not a bundle, so in the way.
    let _ = std::fs::remove_dir_all(dir);
    let path = temp.keep();
    match std::fs::rename(&path, dir) {
        Ok(()) => Ok(()),
        // Another process was faster; its result is the same.
        Err(_) if dir.join(MANIFEST).is_file() => {
            let _ = std::fs::remove_dir_all(&path);
            Ok(())
        }
        Err(error) => Err(Error::io("rename into place", dir, &error)),
    }
}

fn unpack(task: &Task<'_>, bundle: &Path, expected: Option<&str>, to: &Path) -> Result<()> {
    let file = File::open(bundle).map_err(|e| Error::io("open the bundle", bundle, &e))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, file));
    let broken = |e: std::io::Error| refused(bundle, format!("it is no whole tar: {e}"));
    let mut entries = archive.entries().map_err(broken)?;
    let first = entries.next().ok_or_else(|| refused(bundle, "it is empty"))?.map_err(broken)?;
    if name_of(&first) != MANIFEST || !first.header().entry_type().is_file() {
        return Err(refused(bundle, format!("its first file is not {MANIFEST}")));
    }
    let (manifest, _) = read_manifest(first, bundle, expected)?;
    let files = to.join(FILES);
    std::fs::create_dir_all(&files).map_err(|e| Error::io("create", &files, &e))?;
    let mut wanted: BTreeMap<&str, &Entry> =
        manifest.entries.iter().map(|entry| (entry.file.as_str(), entry)).collect();
    let total = wanted.values().map(|entry| entry.size).sum();
    let mut done = 0;
    for member in entries {
        task.check()?;
        let mut member = member.map_err(broken)?;
        let name = name_of(&member);
        let regular = member.header().entry_type().is_file();
        let Some(entry) = wanted.remove(name.as_str()).filter(|_| regular) else {
            return Err(refused(bundle, format!("{name} is not a file that its manifest names")));
        };
        task.progress(Some(done), Some(total), format!("extract {}", entry.name));
        let got = place(&mut member, &to.join(&entry.file), mode(entry), entry.size)?;
        if got != (entry.sha256.clone(), entry.size) {
            return Err(refused(
                bundle,
                format!("{name}: its sha256 is {}, not as the manifest says", got.0),
            ));
        }
        done += entry.size;
    }
    if let Some(missing) = wanted.keys().next() {
        return Err(refused(bundle, format!("{missing} is missing")));
    }
    // Last: its presence says that all is there.
    place(&mut &manifest.bytes()?[..], &to.join(MANIFEST), 0o644, MANIFEST_LIMIT)?;
    Ok(())
}

fn name_of<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}
