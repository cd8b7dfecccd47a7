//! The lock files that are part of a build.

use std::path::Path;

use super::{Lock, Package, npm, requirements};
use crate::error::{Error, Result};
use crate::images::context::included;
use crate::images::ignore::Ignore;

type Parse = fn(&str) -> Result<Vec<Package>, String>;

const KINDS: &[(&str, Parse)] =
    &[("package-lock.json", npm::parse), ("requirements.lock", requirements::parse)];

/// All lock files of the context that `.dockerignore` does not exclude, by path.
pub(super) fn read(context: &Path, dockerfile: &Path) -> Result<Vec<Lock>> {
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
