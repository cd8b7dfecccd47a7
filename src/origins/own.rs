//! Hashes a program in the cache so that the hashed file is the one that runs: no one can replace it.

use std::fs::File;
use std::path::Path;

use super::store::Unfit;
use crate::error::{Error, Result};
use crate::files::{parent, sha256_stream};

/// Others could replace the program: it counts as tampered with.
fn exposed<T>(path: &Path, why: &str) -> Result<T, Unfit> {
    Err(Unfit { reason: format!("{} {why}", path.display()), tampered: true })
}

/// The sha256 of the regular file at `path`; fails if others could change the file or its folder.
pub(super) fn hash_own(path: &Path) -> Result<String, Unfit> {
    let folder = parent(path);
    let found = std::fs::symlink_metadata(folder).map_err(|e| Error::io("inspect", folder, &e))?;
    if !found.is_dir() {
        return exposed(folder, "is not a folder");
    }
    not_of_others(folder, &found)?;
    let file = open(path)?;
    let found = file.metadata().map_err(|e| Error::io("inspect", path, &e))?;
    if !found.is_file() {
        return exposed(path, "is not a regular file");
    }
    not_of_others(path, &found)?;
    let (sha256, _) = sha256_stream(file).map_err(|e| Error::io("read", path, &e))?;
    Ok(sha256)
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File, Unfit> {
    use rustix::fs::{Mode, OFlags};
    // A pipe in its place must not hold us up either.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::MLINK) => exposed(path, "is a link"),
        Err(error) => Err(Error::io("open", path, &error.into()).into()),
    }
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, Unfit> {
    let found = std::fs::symlink_metadata(path).map_err(|e| Error::io("inspect", path, &e))?;
    if found.is_symlink() {
        return exposed(path, "is a link");
    }
    Ok(File::open(path).map_err(|e| Error::io("open", path, &e))?)
}

#[cfg(unix)]
fn not_of_others(path: &Path, found: &std::fs::Metadata) -> Result<(), Unfit> {
    use std::os::unix::fs::MetadataExt as _;
    let (own, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    if owner != own {
        return exposed(path, &format!("belongs to user {owner}, not to this user ({own})"));
    }
    if found.mode() & 0o022 != 0 {
        return exposed(path, "can be changed by other users");
    }
    Ok(())
}

#[cfg(not(unix))]
fn not_of_others(_path: &Path, _found: &std::fs::Metadata) -> Result<(), Unfit> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::files::{sha256, write_atomic};

    #[test]
    fn links_and_what_others_may_change_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("kind");
        write_atomic(&program, b"abc", 0o755).unwrap();
        assert_eq!(hash_own(&program).unwrap(), sha256(b"abc"));
        let link = dir.path().join("link");
        symlink(&program, &link).unwrap();
        let exposed = |path: &Path, why: &str| match hash_own(path) {
            Err(Unfit { reason, tampered: true }) => assert!(reason.ends_with(why), "{reason}"),
            other => panic!("{other:?}"),
        };
        exposed(&link, "is a link");
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&program, 0o775);
        exposed(&program, "can be changed by other users");
        mode(&program, 0o755);
        mode(dir.path(), 0o777);
        exposed(&program, "can be changed by other users");
        mode(dir.path(), 0o700);
        assert!(!hash_own(&dir.path().join("none")).unwrap_err().tampered);
        assert!(hash_own(dir.path()).is_err());
    }
}
