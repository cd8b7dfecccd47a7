//! Hashes a program of the cache such that what is run afterwards is what was hashed: nobody else
//! can put another one in its place.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fetch::sha256_stream;

/// The sha256 of the regular file at `path`. A link, and a file or folder that others may change, is
/// an error: its hash would say nothing about the next moment.
pub(super) fn hash_own(path: &Path) -> Result<String> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let found = std::fs::symlink_metadata(folder).map_err(|e| Error::io("inspect", folder, &e))?;
    if !found.is_dir() {
        return Err(Error::refused(format!("{} is not a folder", folder.display())));
    }
    not_of_others(folder, &found)?;
    let file = open(path)?;
    let found = file.metadata().map_err(|e| Error::io("inspect", path, &e))?;
    if !found.is_file() {
        return Err(Error::refused(format!("{} is not a regular file", path.display())));
    }
    not_of_others(path, &found)?;
    let (sha256, _) = sha256_stream(file).map_err(|e| Error::io("read", path, &e))?;
    Ok(sha256)
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File> {
    use rustix::fs::{Mode, OFlags};
    // A pipe in its place must not hold us up either.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::MLINK) => {
            Err(Error::refused(format!("{} is a link", path.display())))
        }
        Err(error) => Err(Error::io("open", path, &error.into())),
    }
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File> {
    let found = std::fs::symlink_metadata(path).map_err(|e| Error::io("inspect", path, &e))?;
    if found.is_symlink() {
        return Err(Error::refused(format!("{} is a link", path.display())));
    }
    File::open(path).map_err(|e| Error::io("open", path, &e))
}

#[cfg(unix)]
fn not_of_others(path: &Path, found: &std::fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let (own, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    if owner != own {
        return Err(Error::refused(format!(
            "{} belongs to user {owner}, not to this user ({own})",
            path.display()
        )));
    }
    if found.mode() & 0o022 != 0 {
        return Err(Error::refused(format!("{} can be changed by other users", path.display())));
    }
    Ok(())
}

#[cfg(not(unix))]
fn not_of_others(_path: &Path, _found: &std::fs::Metadata) -> Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::fetch::{sha256, write_atomic};

    #[test]
    fn links_and_what_others_may_change_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("kind");
        write_atomic(&program, b"abc", 0o755).unwrap();
        assert_eq!(hash_own(&program).unwrap(), sha256(b"abc"));
        let link = dir.path().join("link");
        symlink(&program, &link).unwrap();
        assert!(hash_own(&link).unwrap_err().what().ends_with("is a link"));
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&program, 0o775);
        assert!(hash_own(&program).unwrap_err().what().contains("can be changed by other users"));
        mode(&program, 0o755);
        mode(dir.path(), 0o777);
        assert!(hash_own(&program).unwrap_err().what().contains("can be changed by other users"));
        mode(dir.path(), 0o700);
        assert!(hash_own(&dir.path().join("none")).is_err());
        assert!(hash_own(dir.path()).is_err());
    }
}
