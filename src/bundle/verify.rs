//! Proving that a bundle holds what its manifest says, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifest::Entry;
use super::{Bundle, FILES, MANIFEST};
use crate::error::{Error, Result};
use crate::fetch::{sha256, sha256_file};
use crate::task::Task;

impl Bundle {
    /// Hashes everything; the error names every file that is missing, has another size or digest,
    /// or is not in the manifest.
    pub fn verify(&self, task: &Task<'_>) -> Result<()> {
        let mut faults = Vec::new();
        let manifest = self.dir.join(MANIFEST);
        let bytes = std::fs::read(&manifest).map_err(|e| Error::io("read", &manifest, &e))?;
        if sha256(&bytes) != self.sha256 {
            faults.push(format!("{MANIFEST}: it was changed since the bundle was opened"));
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
        let noun = if faults.len() == 1 { "file is" } else { "files are" };
        let error =
            Error::refused(format!("the bundle {dir} was changed: {} {noun} not right", faults.len()));
        let error = faults.into_iter().fold(error, Error::because);
        Err(error.help("get the bundle again from where it came, or make a new one"))
    }

    fn fault(&self, entry: &Entry) -> Result<Option<String>> {
        let path = self.dir.join(&entry.file);
        let file = &entry.file;
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Some(format!("{file}: it is missing")));
            }
            Err(error) => return Err(Error::io("look at", &path, &error)),
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
        Ok((got != entry.sha256).then(|| format!("{file}: its sha256 is {got}, not as the manifest says")))
    }

    fn unexpected(&self) -> Result<Vec<String>> {
        let known: BTreeSet<&str> = self.manifest.entries.iter().map(|entry| entry.file.as_str()).collect();
        let root = names(&self.dir)?.into_iter().filter(|name| name != MANIFEST && name != FILES);
        let files = self.dir.join(FILES);
        let files = if files.is_dir() { names(&files)? } else { Vec::new() };
        let files = files.into_iter().map(|name| format!("{FILES}/{name}"));
        let strange = files.filter(|name| !known.contains(name.as_str()));
        Ok(root.chain(strange).map(|name| format!("{name}: the manifest does not name it")).collect())
    }
}

/// The sorted names in a folder.
fn names(dir: &Path) -> Result<Vec<String>> {
    let listing = |e: std::io::Error| Error::io("list", dir, &e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(listing)? {
        names.push(entry.map_err(listing)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
