//! The SBOM of an image, in `CycloneDX`, made without a network or a scanner, of what is certain: the lock files of
//! the build context and the digest of the base image. The same inputs give the same bytes.

mod document;
mod npm;
mod purl;
mod requirements;

pub(crate) use document::{property, sealed};
pub(crate) use purl::{encoded, purl};

use std::path::{Path, PathBuf};

use super::context::included;
use super::ignore::Ignore;
use super::{Built, Order};
use crate::error::{Error, Result};
use crate::files::{self, write_atomic};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    /// Its package URL, <https://github.com/package-url/purl-spec>; no two in a SBOM are the same.
    purl: String,
    /// The scope of npm, with its `@`.
    group: Option<String>,
    name: String,
    version: String,
    licence: Option<String>,
    /// The algorithm in `CycloneDX`'s words, and the digest in hex; only where the lock names one file.
    hash: Option<(&'static str, String)>,
    /// Used while building or testing, as far as the lock knows.
    development: bool,
    optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lock {
    /// Relative to the build context, with `/`.
    path: String,
    /// The packages, or why it could not be read.
    packages: Result<Vec<Package>, String>,
}

type Parse = fn(&str) -> Result<Vec<Package>, String>;

const KINDS: &[(&str, Parse)] =
    &[("package-lock.json", npm::parse), ("requirements.lock", requirements::parse)];

/// All lock files of the context that `.dockerignore` does not exclude, by path.
fn locks(context: &Path, dockerfile: &Path) -> Result<Vec<Lock>> {
    let ignore = Ignore::load(context, dockerfile)?;
    let mut locks = Vec::new();
    for (path, entry) in included(context, &ignore)? {
        let mut folders = path.split('/').rev();
        let name = folders.next().unwrap_or_default();
        let Some((_, parse)) = KINDS.iter().find(|(known, _)| *known == name) else { continue };
        // The lock files in there belong to packages, not to the image.
        if entry.file_type().is_file() && !folders.any(|folder| folder == "node_modules") {
            let file = entry.path();
            let text = std::fs::read_to_string(file).map_err(|e| Error::io("read", file, &e))?;
            locks.push(Lock { path, packages: parse(&text) });
        }
    }
    locks.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(locks)
}

/// Where the SBOM of an image is kept; `dir` is the cluster's state.
pub fn file(dir: &Path, image: &str) -> PathBuf {
    dir.join("sbom").join(format!("{image}.cdx.json"))
}

pub fn make(order: &Order<'_>, image: &Built) -> Result<Vec<u8>> {
    let locks = locks(&order.spec.context, &order.spec.dockerfile)?;
    document::render(order, image, &locks)
}

/// Whether the file in `dir` is this SBOM.
pub fn is_written(dir: &Path, image: &str, sbom: &[u8]) -> bool {
    std::fs::read(file(dir, image)).is_ok_and(|written| written == sbom)
}

pub fn write(dir: &Path, image: &str, sbom: &[u8]) -> Result<()> {
    let path = file(dir, image);
    let folder = path.parent().unwrap_or(dir);
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
    write_atomic(&path, sbom, 0o644)
}

/// The SBOM that was written last; `None` if there is none.
pub fn read(dir: &Path, image: &str) -> Result<Option<serde_json::Value>> {
    let path = file(dir, image);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Error::failed(format!("{} is not an SBOM", path.display()))
            .because(error)
            .help("todo-bootstrap up   # writes it again")
    })
}

#[cfg(test)]
mod tests;
