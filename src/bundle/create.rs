//! Creates a bundle: each file is hashed while it is copied, and the bundle appears completely or not at all.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::layout::{END, Part, mode, parts, sums, sums_part, zeros};
use super::manifest::{Entry, Manifest};
use super::{FILES, MANIFEST, SUMS};
use crate::error::{Error, Result};
use crate::files::{self, place, set_mode, sha256_file, sync_dir};
use crate::task::Task;

/// Makes a bundle, a directory or a `.tar`, at `to`, where nothing may be, of entries and the files that they
/// describe. Returns the sha256 of the manifest, to be kept outside the bundle.
pub fn create(task: &Task<'_>, entries: &[(Entry, PathBuf)], to: &Path) -> Result<String> {
    if to.symlink_metadata().is_ok() {
        return Err(taken(to));
    }
    let mut items: Vec<Item> = entries.iter().map(|(entry, path)| Item::new(entry, path)).collect();
    items.sort_by(|a, b| a.entry.cmp(&b.entry));
    let manifest = Manifest::new(items.iter().map(|item| item.entry.clone()).collect())?;
    // Two names of one artifact share a file.
    items.dedup_by(|a, b| a.entry.file == b.entry.file);
    let parent = files::parent(to);
    std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, &e))?;
    if to.extension().is_some_and(|extension| extension == "tar") {
        write_tar(task, &manifest, &items, parent, to)?;
    } else {
        write_dir(task, &manifest, &items, parent, to)?;
    }
    sync_dir(to)?;
    manifest.sha256()
}

pub fn taken(to: &Path) -> Error {
    let shown = to.display();
    Error::usage(format!("{shown} already exists"))
        .help(format!("choose another path, or remove this one: rm -r {shown}"))
}

struct Item<'a> {
    entry: Entry,
    from: &'a Path,
}

impl<'a> Item<'a> {
    fn new(entry: &Entry, from: &'a Path) -> Self {
        let tar = from.extension().is_some_and(|extension| extension == "tar");
        let file = format!("{FILES}/{}-{}{}", entry.sha256, entry.name, if tar { ".tar" } else { "" });
        Self { entry: Entry { file, ..entry.clone() }, from }
    }

    fn open(&self) -> Result<File> {
        File::open(self.from).map_err(|e| Error::io("open", self.from, &e))
    }

    fn differs(&self) -> Error {
        Error::refused(format!("{} changed after it was created", self.from.display()))
            .help("run the same command again; changed files are recreated")
    }
}

fn write_dir(
    task: &Task<'_>,
    manifest: &Manifest,
    items: &[Item<'_>],
    parent: &Path,
    to: &Path,
) -> Result<()> {
    let temp = tempfile::Builder::new().prefix(".bundle-").tempdir_in(parent);
    let temp = temp.map_err(|e| Error::io("create a folder in", parent, &e))?;
    let folder = temp.path().join(FILES);
    std::fs::create_dir(&folder).map_err(|e| Error::io("create", &folder, &e))?;
    let mut progress = Progress::new(task, items);
    for item in items {
        progress.next(item)?;
        let target = temp.path().join(&item.entry.file);
        let got = place(&mut item.open()?, &target, mode(&item.entry), item.entry.size);
        if got? != (item.entry.sha256.clone(), item.entry.size) {
            return Err(item.differs());
        }
    }
    let bytes = manifest.bytes()?;
    place(&mut &sums(&bytes)[..], &temp.path().join(SUMS), 0o644, u64::MAX)?;
    place(&mut &bytes[..], &temp.path().join(MANIFEST), 0o644, u64::MAX)?;
    std::fs::rename(temp.path(), to).map_err(|e| Error::io("rename into place", to, &e))?;
    // Renamed: there is nothing left to remove.
    let _ = temp.keep();
    // A temporary folder is private; a bundle is to be handed on.
    if cfg!(unix) {
        let opened = File::open(to).and_then(|dir| set_mode(&dir, 0o755));
        opened.map_err(|e| Error::io("set the mode of", to, &e))?;
    }
    Ok(())
}

fn write_tar(
    task: &Task<'_>,
    manifest: &Manifest,
    items: &[Item<'_>],
    parent: &Path,
    to: &Path,
) -> Result<()> {
    let temp = tempfile::NamedTempFile::new_in(parent);
    let temp = temp.map_err(|e| Error::io("create a file in", parent, &e))?;
    let writing = |e: std::io::Error| Error::io("write", to, &e);
    let mut tar = BufWriter::with_capacity(1 << 20, temp.as_file());
    let bytes = manifest.bytes()?;
    let digest = sums(&bytes);
    let first = Part { name: MANIFEST, size: bytes.len() as u64, mode: 0o644, entry: None };
    append(&mut tar, &first, &mut &bytes[..])?.map_err(writing)?;
    append(&mut tar, &sums_part(&digest), &mut &digest[..])?.map_err(writing)?;
    let mut progress = Progress::new(task, items);
    for part in parts(manifest) {
        let Some(item) = items.iter().find(|item| item.entry.file == part.name) else { continue };
        progress.next(item)?;
        if sha256_file(item.from)? != (item.entry.sha256.clone(), item.entry.size) {
            return Err(item.differs());
        }
        append(&mut tar, &part, &mut item.open()?.take(part.size))?.map_err(writing)?;
    }
    zeros(&mut tar, END).and_then(|()| tar.flush()).map_err(writing)?;
    drop(tar);
    // A temporary file is private, too.
    set_mode(temp.as_file(), 0o644).and_then(|()| temp.as_file().sync_all()).map_err(writing)?;
    temp.persist_noclobber(to).map_err(|e| Error::io("rename into place", to, &e.error))?;
    Ok(())
}

fn append(to: &mut impl Write, part: &Part<'_>, from: &mut dyn Read) -> Result<std::io::Result<()>> {
    super::layout::append(to, part.name, part.mode, part.size, from)
}

struct Progress<'a> {
    task: &'a Task<'a>,
    done: u64,
    total: u64,
}

impl<'a> Progress<'a> {
    fn new(task: &'a Task<'a>, items: &[Item<'_>]) -> Self {
        Self { task, done: 0, total: items.iter().map(|item| item.entry.size).sum() }
    }

    fn next(&mut self, item: &Item<'_>) -> Result<()> {
        self.task.check()?;
        self.task.progress(Some(self.done), Some(self.total), format!("bundle {}", item.entry.name));
        self.done += item.entry.size;
        Ok(())
    }
}
