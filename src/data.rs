//! The data files of the program: embedded in the binary, and overridable by a directory.
//!
//! A file below `--dir`, or below the current directory if it contains a project, overrides the embedded file
//! with the same path. A new profile, addon or check thus needs no new binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use crate::error::{Error, Result};
use crate::files::tree;

static PROFILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");
static MANIFESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/manifests");
static CHECKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/checks");
static OFFLINE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/offline");
static VERSIONS: &str = include_str!("../versions.toml");
static SUPPORT: &str = include_str!("../support.toml");

/// A text file, with its origin for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// A path, or `built-in <path>`.
    pub origin: String,
    pub text: String,
}

/// Access to the data files. Paths use `/` and start with `profiles`, `manifests`, `checks` or `offline`, or are
/// `versions.toml` or `support.toml`.
#[derive(Debug, Clone, Default)]
pub struct Data {
    overlay: Option<PathBuf>,
}

impl Data {
    /// Files below `overlay` override the embedded ones.
    pub fn new(overlay: Option<PathBuf>) -> Self {
        Self { overlay }
    }

    /// The file at `path`, if it exists.
    pub fn read(&self, path: &str) -> Result<Option<Text>> {
        if let Some(file) = self.overlaid(path).filter(|file| file.is_file()) {
            let text = std::fs::read_to_string(&file).map_err(|e| Error::io("read", &file, &e))?;
            return Ok(Some(Text { origin: file.display().to_string(), text }));
        }
        Ok(embedded(path).map(|text| Text { origin: format!("built-in {path}"), text: text.to_owned() }))
    }

    /// The sorted file names in folder `path`, from both sources.
    pub fn list(&self, path: &str) -> Vec<String> {
        let mut names = BTreeSet::new();
        if let Some(dir) = embedded_dir(path) {
            names.extend(dir.entries().iter().filter_map(|e| name_of(e.path())));
        }
        let entries = self.overlaid(path).and_then(|dir| std::fs::read_dir(dir).ok());
        names.extend(entries.into_iter().flatten().flatten().filter_map(|e| name_of(&e.path())));
        names.into_iter().collect()
    }

    /// Copies folder `path` recursively to `to`, which is created.
    pub fn extract(&self, path: &str, to: &Path) -> Result<()> {
        if let Some(dir) = embedded_dir(path) {
            extract(dir, dir.path(), to)?;
        }
        if let Some(from) = self.overlaid(path).filter(|from| from.is_dir()) {
            copy_tree(&from, to)?;
        }
        Ok(())
    }

    fn overlaid(&self, path: &str) -> Option<PathBuf> {
        self.overlay.as_ref().map(|dir| dir.join(path))
    }
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

fn root(path: &str) -> Option<(&'static Dir<'static>, &str)> {
    // The checks in `checks/app` belong to the application in this repository; other applications have their
    // own.
    if path.starts_with("checks/app") {
        return None;
    }
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let dir = match first {
        "profiles" => &PROFILES,
        "manifests" => &MANIFESTS,
        "checks" => &CHECKS,
        "offline" => &OFFLINE,
        _ => return None,
    };
    Some((dir, rest))
}

fn embedded(path: &str) -> Option<&'static str> {
    match path {
        "versions.toml" => return Some(VERSIONS),
        "support.toml" => return Some(SUPPORT),
        _ => {}
    }
    let (dir, rest) = root(path)?;
    dir.get_file(rest)?.contents_utf8()
}

fn embedded_dir(path: &str) -> Option<&'static Dir<'static>> {
    let (dir, rest) = root(path)?;
    if rest.is_empty() { Some(dir) } else { dir.get_dir(rest) }
}

fn extract(dir: &Dir<'_>, base: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(|e| Error::io("create", to, &e))?;
    for entry in dir.entries() {
        let target = to.join(entry.path().strip_prefix(base).unwrap_or(entry.path()));
        match entry {
            DirEntry::Dir(dir) => extract(dir, dir.path(), &target)?,
            DirEntry::File(file) => {
                std::fs::write(&target, file.contents()).map_err(|e| Error::io("write", &target, &e))?;
            }
        }
    }
    Ok(())
}

/// Copies a folder recursively. Follows links and keeps modes.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(|e| Error::io("create", to, &e))?;
    for entry in tree(from, true) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).map_err(|e| Error::io("create", &target, &e))?;
        } else {
            std::fs::copy(entry.path(), &target).map_err(|e| Error::io("copy", entry.path(), &e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_project_overrides_the_embedded_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("profiles")).unwrap();
        std::fs::write(dir.path().join("profiles/kind.toml"), "mine").unwrap();
        std::fs::write(dir.path().join("profiles/other.toml"), "").unwrap();
        let data = Data::new(Some(dir.path().to_owned()));
        assert_eq!(data.read("profiles/kind.toml").unwrap().unwrap().text, "mine");
        assert!(data.list("profiles").contains(&"other.toml".to_owned()));
        assert!(Data::default().read("profiles/kind.toml").unwrap().unwrap().origin.starts_with("built-in"));
        assert!(data.read("profiles/none.toml").unwrap().is_none());
    }
}
