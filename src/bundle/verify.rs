//! Verifies that a bundle contains what its manifest lists, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::layout::sums;
use super::manifest::{Entry, Manifest};
use super::open::{open_dir, walked};
use super::walk::Sink;
use super::{Bundle, FILES, MANIFEST, SUMS};
use crate::error::{Error, Result};
use crate::files::{sha256, sha256_file};
use crate::task::Task;

/// What is in a bundle, all of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub manifest: Manifest,
    /// Of the manifest.
    pub sha256: String,
    /// The SBOMs, by their entries' files.
    pub sboms: BTreeMap<String, Vec<u8>>,
}

/// Verifies the bundle at `path`, a directory or a .tar, to its last byte; the error names every wrong file.
pub fn contents(task: &Task<'_>, path: &Path, expected_sha256: Option<&str>) -> Result<Contents> {
    let mut sboms = BTreeMap::new();
    let meta = std::fs::metadata(path).map_err(|e| super::open::unopened(path, &e))?;
    if !meta.is_dir() {
        let mut sink = Sink::Kind("sbom", &mut sboms);
        let (manifest, sha256) = walked(task, path, expected_sha256, &mut sink)?;
        return Ok(Contents { manifest, sha256, sboms });
    }
    let bundle = open_dir(path, path, expected_sha256)?;
    bundle.verify(task)?;
    for entry in bundle.manifest.entries.iter().filter(|entry| entry.kind == "sbom") {
        let file = bundle.dir.join(&entry.file);
        let bytes = std::fs::read(&file).map_err(|e| Error::io("read", &file, &e))?;
        sboms.insert(entry.file.clone(), bytes);
    }
    Ok(Contents { manifest: bundle.manifest, sha256: bundle.sha256, sboms })
}

impl Bundle {
    /// Hashes everything; the error names every file that is missing, differs, or is not in the manifest.
    pub fn verify(&self, task: &Task<'_>) -> Result<()> {
        let mut faults = Vec::new();
        let manifest = self.dir.join(MANIFEST);
        let bytes = std::fs::read(&manifest).map_err(|e| Error::io("read", &manifest, &e))?;
        if sha256(&bytes) != self.sha256 {
            faults.push(format!("{MANIFEST}: it changed after the bundle was opened"));
        }
        match std::fs::read(self.dir.join(SUMS)) {
            Ok(text) if text == sums(&bytes) => {}
            Ok(_) => faults.push(format!("{MANIFEST} does not match {SUMS}: one of them was changed")),
            Err(error) => faults.push(format!("{SUMS}: it cannot be read ({error})")),
        }
        let total = self.manifest.entries.iter().map(|entry| entry.size).sum();
        let mut done = 0;
        for entry in &self.manifest.entries {
            task.check()?;
            task.progress(Some(done), Some(total), format!("verify {}", entry.name));
            faults.extend(self.fault(entry)?);
            done += entry.size;
        }
        faults.extend(self.unexpected()?);
        self.judge(faults)
    }

    /// The path of an entry's file, hashed just now; use this before using the file.
    pub fn verified_file(&self, task: &Task<'_>, entry: &Entry) -> Result<PathBuf> {
        task.check()?;
        self.judge(self.fault(entry)?.into_iter().collect())?;
        Ok(self.dir.join(&entry.file))
    }

    fn judge(&self, faults: Vec<String>) -> Result<()> {
        if faults.is_empty() {
            return Ok(());
        }
        let dir = self.dir.display();
        let noun = if faults.len() == 1 { "file" } else { "files" };
        let error = Error::refused(format!(
            "the bundle {dir} was changed: {} {noun} failed verification",
            faults.len()
        ));
        let error = faults.into_iter().fold(error, Error::because);
        Err(error.help("get the bundle again from its source, or create a new one"))
    }

    fn fault(&self, entry: &Entry) -> Result<Option<String>> {
        let path = self.dir.join(&entry.file);
        let file = &entry.file;
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Some(format!("{file}: it is missing")));
            }
            Err(error) => return Err(Error::io("inspect", &path, &error)),
        };
        if !meta.is_file() {
            return Ok(Some(format!("{file}: it is not a regular file")));
        }
        if meta.len() != entry.size {
            let word = if meta.len() < entry.size { "short" } else { "long" };
            let sizes = format!("{} bytes instead of {}", meta.len(), entry.size);
            return Ok(Some(format!("{file}: it is too {word}, {sizes}")));
        }
        let (got, _) = sha256_file(&path)?;
        Ok((got != entry.sha256)
            .then(|| format!("{file}: its sha256 is {got}, which does not match the manifest")))
    }

    fn unexpected(&self) -> Result<Vec<String>> {
        let known: BTreeSet<&str> = self.manifest.entries.iter().map(|entry| entry.file.as_str()).collect();
        let root =
            names(&self.dir)?.into_iter().filter(|name| ![MANIFEST, SUMS, FILES].contains(&name.as_str()));
        let files = self.dir.join(FILES);
        let files = if files.is_dir() { names(&files)? } else { Vec::new() };
        let files = files.into_iter().map(|name| format!("{FILES}/{name}"));
        let strange = files.filter(|name| !known.contains(name.as_str()));
        Ok(root.chain(strange).map(|name| format!("{name}: it is not in the manifest")).collect())
    }
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let listing = |e: std::io::Error| Error::io("list", dir, &e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(listing)? {
        names.push(entry.map_err(listing)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
