//! Files of the user that are read and written: `.env`, a kubeconfig, the hosts file. Only regular files are accepted:
//! a named pipe would block, and a device would be replaced. Existing files keep owner, group and mode; new ones get the
//! owner of their folder, also if root writes them.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Result as IoResult, Write as _};
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

use crate::error::{Error, Result};
use crate::files::{parent, set_mode, sync};

/// The file at `path`, links followed; `None` if it does not exist. Anything but a regular file is refused.
pub fn look(path: &Path) -> Result<Option<Metadata>> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::io("read", path, &error).help(format!("ls -ld {}", path.display())));
        }
    };
    if meta.is_file() {
        return Ok(Some(meta));
    }
    Err(Error::usage(format!("cannot use {}", path.display()))
        .because(format!("it is {}, but must be a regular file; nothing was changed", kind(&meta)))
        .help(format!("ls -ld {}", path.display())))
}

#[cfg(unix)]
fn kind(meta: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = meta.file_type();
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn kind(meta: &Metadata) -> &'static str {
    if meta.is_dir() { "a folder" } else { "no file" }
}

pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if look(path)?.is_none() {
        return Ok(None);
    }
    std::fs::read(path).map(Some).map_err(|error| Error::io("read", path, &error))
}

/// Makes `bytes` the content of `path`, or of what it links to; `mode` is that of a new file.
///
/// A file that cannot be replaced (it is a mount, or its folder or its owner is not ours) is written in place.
/// Meanwhile the new content lies beside it, or the old one in `backup`; where neither can be, nothing is changed.
pub fn write(path: &Path, bytes: &[u8], mode: u32, backup: Option<&Path>) -> IoResult<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match std::fs::metadata(&target) {
        Ok(meta) if !meta.is_file() => return Err(ErrorKind::InvalidInput.into()),
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut new = match NamedTempFile::new_in(parent(&target)) {
        Ok(new) => new,
        Err(error) if old.is_some() && irreplaceable(&error) => {
            return in_place(&target, bytes, backup.ok_or(error)?);
        }
        Err(error) => return Err(error),
    };
    new.write_all(bytes)?;
    let failed = match finish(new.as_file(), &target, mode, old.as_ref()) {
        Err(error) => PersistError { error, file: new },
        Ok(()) => match new.persist(&target) {
            Ok(_) => return sync(parent(&target)),
            Err(failed) => failed,
        },
    };
    if old.is_none() || !irreplaceable(&failed.error) {
        return Err(failed.error);
    }
    // The temporary file is removed only after this.
    overwrite(&target, bytes)
}

/// As [`write()`], for a file that must not exist yet.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> IoResult<()> {
    // A temporary file is private from the start.
    let mut new = NamedTempFile::new_in(parent(path))?;
    new.write_all(bytes)?;
    finish(new.as_file(), path, mode, None)?;
    new.persist_noclobber(path).map_err(|failed| failed.error)?;
    sync(parent(path))
}

/// Creates the folder and its parents; each new one gets the owner of its parent.
pub fn create_dir(dir: &Path) -> IoResult<()> {
    if dir.is_dir() {
        return Ok(());
    }
    create_dir(parent(dir))?;
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    #[cfg(unix)]
    adopt(&File::open(dir)?, dir)?;
    Ok(())
}

/// Gives `file`, the future `path`, the owner and mode of `old`, or those of a new file.
fn finish(file: &File, path: &Path, mode: u32, old: Option<&Metadata>) -> IoResult<()> {
    if let Some(old) = old {
        own(file, old)?;
        // After the owner, because changing the owner clears some bits.
        file.set_permissions(old.permissions())?;
    } else {
        adopt(file, path)?;
        set_mode(file, mode)?;
    }
    file.sync_all()
}

#[cfg(unix)]
fn own(file: &File, like: &Metadata) -> IoResult<()> {
    use std::os::unix::fs::MetadataExt as _;
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn own(_file: &File, _like: &Metadata) -> IoResult<()> {
    Ok(())
}

/// A file that root creates gets the owner of its folder.
#[cfg(unix)]
fn adopt(file: &File, path: &Path) -> IoResult<()> {
    if rustix::process::geteuid().is_root()
        && let Err(error) = own(file, &std::fs::metadata(parent(path))?)
    {
        // Some file systems have no owners, and some servers do not trust root.
        tracing::debug!(path = %path.display(), %error, "the owner stays root");
    }
    Ok(())
}

#[cfg(not(unix))]
fn adopt(_file: &File, _path: &Path) -> IoResult<()> {
    Ok(())
}

/// Whether a file can only be written in place: it is a mount, or what replaces it would have another owner.
fn irreplaceable(error: &std::io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), ResourceBusy | CrossesDevices | PermissionDenied | ReadOnlyFilesystem)
}

fn in_place(path: &Path, bytes: &[u8], backup: &Path) -> IoResult<()> {
    let old = std::fs::read(path)?;
    // Without permission to write the file, no backup is left behind.
    std::fs::OpenOptions::new().append(true).open(path)?;
    std::fs::write(backup, old)?;
    overwrite(path, bytes)?;
    std::fs::remove_file(backup)
}

fn overwrite(path: &Path, bytes: &[u8]) -> IoResult<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn count(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_new_file_has_the_mode_and_an_old_one_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"new", 0o600, None).unwrap();
        assert_eq!((read(&path).unwrap(), mode(&path)), (Some(b"new".to_vec()), 0o600));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"newer", 0o600, None).unwrap();
        assert_eq!((read(&path).unwrap(), mode(&path)), (Some(b"newer".to_vec()), 0o640));
        let link = dir.path().join("link");
        symlink("a", &link).unwrap();
        write(&link, b"newest", 0o600, None).unwrap();
        assert!(link.is_symlink() && read(&path).unwrap() == Some(b"newest".to_vec()));
        assert_eq!(create(&path, b"", 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(count(dir.path()), 2, "no temporary file");
    }

    #[test]
    fn what_is_no_regular_file_is_told_by_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(look(&dir.path().join("none")).unwrap().is_none());
        let socket = dir.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in
            [(dir.path(), "a folder"), (&socket, "a socket"), (Path::new("/dev/null"), "a device")]
        {
            let error = read(path).unwrap_err();
            assert_eq!(error.exit(), crate::error::Exit::Usage);
            assert!(error.to_string().contains(kind) && !error.hints().is_empty(), "{error}");
            assert_eq!(write(path, b"", 0o600, None).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn in_place_the_old_content_is_kept_until_the_new_one_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (path, backup) = (dir.path().join("a"), dir.path().join("backup"));
        std::fs::write(&path, "a longer text").unwrap();
        let before = std::fs::metadata(&path).unwrap().ino();
        in_place(&path, b"new", &backup).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!((std::fs::metadata(&path).unwrap().ino(), count(dir.path())), (before, 1));
        assert!(in_place(&path, b"newer", &dir.path().join("no/backup")).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"new", "no backup, no change");
    }

    #[test]
    fn only_a_file_that_stands_fast_is_written_in_place() {
        let of = |code| irreplaceable(&std::io::Error::from_raw_os_error(code));
        // EBUSY, EXDEV, EACCES, EPERM; not ENOSPC, EIO.
        assert!([16, 18, 13, 1].into_iter().all(of) && ![28, 5].into_iter().any(of));
    }

    #[test]
    fn root_makes_files_and_folders_for_whom_the_folder_belongs_to() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(dir.path(), Some(1234), Some(2345)).unwrap();
        let path = dir.path().join("b/c/d");
        create_dir(path.parent().unwrap()).unwrap();
        create(&path, b"", 0o600).unwrap();
        for path in [path.as_path(), path.parent().unwrap(), &dir.path().join("b")] {
            let meta = std::fs::metadata(path).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (1234, 2345), "{}", path.display());
        }
    }
}
