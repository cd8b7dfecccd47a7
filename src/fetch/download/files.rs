//! The files next to a download: regular files of our own only, readable by the user only.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::FetchError;
use crate::error::Error;
use crate::files::{parent, set_mode};
use crate::lock;
use crate::quantity::show_bytes;
use crate::task::Task;

#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) to: PathBuf,
    pub(super) partial: PathBuf,
    /// Which bytes of which version `partial` contains.
    pub(super) notes: PathBuf,
    pub(super) new_notes: PathBuf,
    pub(super) lock: PathBuf,
}

impl Names {
    pub(super) fn of(to: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = to.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            to: to.to_owned(),
            partial: beside(".partial"),
            notes: beside(".partial.json"),
            new_notes: beside(".partial.json.new"),
            lock: beside(".lock"),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        parent(&self.to)
    }
}

/// Two runs that want the same file take turns; the second one finds it done.
pub(super) fn lock(task: &Task<'_>, names: &Names) -> Result<File, FetchError> {
    const SAY: Duration = Duration::from_secs(2);
    let file = open(&names.lock)?;
    let mut told: Option<Instant> = None;
    // On a file system without locks, two runs may damage each other's file: its checksum tells.
    lock::wait_for(task, &file, &names.lock, || {
        if told.is_none_or(|at| at.elapsed() >= SAY) {
            let arrived = std::fs::symlink_metadata(&names.partial).ok().map(|meta| meta.len());
            task.progress(arrived, None, "another run downloads the same file; waiting for it");
            told = Some(Instant::now());
        }
    })?;
    Ok(file)
}

/// Opens a file for reading and writing, created if needed, never through a link.
pub(super) fn open(path: &Path) -> Result<File, FetchError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    careful(&mut options);
    let file = options.open(path).map_err(|error| failed("open", path, &error))?;
    let meta = file.metadata().map_err(|error| failed("look at", path, &error))?;
    if !meta.is_file() {
        return Err(planted(path, "not a regular file"));
    }
    if links(&meta) > 1 {
        return Err(planted(path, "a hard link"));
    }
    set_mode(&file, 0o600).map_err(|error| failed("set the mode of", path, &error))?;
    Ok(file)
}

/// As [`open()`], if the file exists.
pub(super) fn open_existing(path: &Path) -> Result<Option<File>, FetchError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => open(path).map(Some),
    }
}

pub(super) fn remove(path: &Path) -> Result<(), FetchError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

/// An I/O error of a download's file with the help that it needs.
pub(super) fn failed(verb: &str, path: &Path, error: &std::io::Error) -> FetchError {
    let folder = parent(path).display();
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            let what = Error::host(format!("cannot write to {folder} ({error})"));
            let look = format!("`ls -ld {folder}` shows who may write to this one");
            what.help(format!("TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another folder; {look}"))
                .into()
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let what = format!("the disk of {folder} became full while writing {}", path.display());
            full(what, parent(path))
        }
        ErrorKind::IsADirectory => planted(path, "a folder"),
        _ if path.is_symlink() => planted(path, "a symbolic link"),
        _ => Error::io(verb, path, error).into(),
    }
}

pub(super) fn no_space(folder: &Path, free: u64, needed: u64) -> FetchError {
    let (free, needed) = (show_bytes(free), show_bytes(needed));
    full(format!("the disk of {} has {free} free, but {needed} more are needed", folder.display()), folder)
}

fn full(what: String, folder: &Path) -> FetchError {
    let look = format!("or free space on this one, which `df -h {}` shows", folder.display());
    let help = format!("TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap up   # uses another disk; {look}");
    Error::host(what).help(help).into()
}

/// Something that is not ours lies where a file is to be written.
pub(super) fn planted(path: &Path, what: &str) -> FetchError {
    let path = path.display();
    let error = Error::refused(format!("{path} is {what}; nothing was written to it"));
    error.help(format!("rm {path}   # check first who created it: ls -l {path}")).into()
}

/// The free bytes on the disk of `folder`, if the system reports them.
#[cfg(unix)]
pub(super) fn free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn careful(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    // NONBLOCK: a named pipe must not block.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn careful(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn links(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(meta)
}

#[cfg(not(unix))]
fn links(_meta: &std::fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
pub(super) fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => (bytes, at) = (&bytes[count..], at + count as u64),
        }
    }
    Ok(())
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
