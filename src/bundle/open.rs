//! Opens a bundle; a tar is verified and extracted to the cache, under its digest.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::layout::sums;
use super::manifest::{MANIFEST_LIMIT, Manifest};
use super::walk::{Sink, Walked, walk};
use super::{Bundle, FILES, MANIFEST, SUMS};
use crate::error::{Error, Result};
use crate::files::{place, sha256, sha256_file};
use crate::task::Task;

impl Bundle {
    /// Opens the bundle at `path`, a directory or a .tar, which is extracted to `cache`, once. A bundle whose
    /// manifest differs from `expected_sha256` is refused.
    pub fn open(task: &Task<'_>, path: &Path, expected_sha256: Option<&str>, cache: &Path) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|e| unopened(path, &e))?;
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

pub(super) fn unopened(path: &Path, error: &std::io::Error) -> Error {
    Error::io("open the bundle", path, error).help("todo-bootstrap bundle create PATH   # creates one")
}

pub(super) fn refused(bundle: &Path, cause: impl std::fmt::Display) -> Error {
    Error::refused(format!("the bundle {} cannot be trusted", bundle.display()))
        .because(cause)
        .help("todo-bootstrap bundle create PATH   # creates one; or get the bundle again from its source")
}

pub(super) fn open_dir(dir: &Path, bundle: &Path, expected: Option<&str>) -> Result<Bundle> {
    let path = dir.join(MANIFEST);
    let file = File::open(&path).map_err(|e| Error::io("open the bundle's manifest", &path, &e))?;
    let (manifest, sha256) = read_manifest(file, bundle, expected)?;
    Ok(Bundle { dir: dir.to_owned(), manifest, sha256 })
}

fn read_manifest(from: impl Read, bundle: &Path, expected: Option<&str>) -> Result<(Manifest, String)> {
    let mut bytes = Vec::new();
    let read = from.take(MANIFEST_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("read the manifest of", bundle, &e))?;
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(refused(bundle, format!("{MANIFEST} has more than {MANIFEST_LIMIT} bytes")));
    }
    let got = sha256(&bytes);
    as_expected(bundle, &got, expected)?;
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
    let files = to.join(FILES);
    std::fs::create_dir_all(&files).map_err(|e| Error::io("create", &files, &e))?;
    let manifest = walked(task, bundle, expected, &mut Sink::Folder(to))?.0.bytes()?;
    place(&mut &sums(&manifest)[..], &to.join(SUMS), 0o644, MANIFEST_LIMIT)?;
    // Last: its presence says that all is there.
    place(&mut &manifest[..], &to.join(MANIFEST), 0o644, MANIFEST_LIMIT)?;
    Ok(())
}

/// Reads a whole tar; the error names all that is wrong with it.
pub(super) fn walked(
    task: &Task<'_>,
    bundle: &Path,
    expected: Option<&str>,
    sink: &mut Sink<'_>,
) -> Result<Walked> {
    match walk(task, bundle, sink)? {
        Ok(walked) => {
            as_expected(bundle, &walked.1, expected)?;
            Ok(walked)
        }
        Err(faults) => {
            let (first, rest) = faults.split_first().ok_or_else(|| refused(bundle, "it is not a bundle"))?;
            let error = refused(bundle, first);
            Err(rest.iter().fold(error, Error::because))
        }
    }
}

/// Compares a manifest's digest with the one that is known from outside.
fn as_expected(bundle: &Path, got: &str, expected: Option<&str>) -> Result<()> {
    match expected.map(str::trim).filter(|expected| !expected.eq_ignore_ascii_case(got)) {
        Some(expected) => {
            Err(refused(bundle, format!("the sha256 of {MANIFEST} is {got}, expected {expected}")))
        }
        None => Ok(()),
    }
}
