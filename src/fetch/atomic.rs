//! Writing a file so that it is there whole, or as it was before.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` to `path` with the permission bits `mode` (ignored where there are none): by a
/// temporary file in the same directory, synced, then renamed, and the directory synced.
///
/// The directory must exist. A reader sees the old content or the new one, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let dir = parent.unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)
        .map_err(|error| Error::io("make a temporary file in", dir, &error))?;
    let write = |error: std::io::Error| Error::io("write", path, &error);
    file.write_all(bytes).map_err(write)?;
    set_mode(file.as_file(), mode).map_err(|error| Error::io("set the mode of", path, &error))?;
    file.as_file().sync_all().map_err(write)?;
    file.persist(path).map_err(|error| Error::io("put into place", path, &error.error))?;
    sync_dir(dir)
}

/// Sets the permission bits of a file; nothing where there are none.
#[cfg(unix)]
pub fn set_mode(file: &std::fs::File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub fn set_mode(_file: &std::fs::File, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// Makes renames within `dir` survive a power cut.
#[cfg(unix)]
pub fn sync_dir(dir: &Path) -> Result<()> {
    std::fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Error::io("sync the directory", dir, &error))
}

#[cfg(not(unix))]
pub fn sync_dir(_dir: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::write_atomic;

    #[test]
    fn replaces_content_and_mode_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        write_atomic(&path, b"old", 0o644).unwrap();
        write_atomic(&path, b"new", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_atomic(&dir.path().join("no/such"), b"", 0o600).unwrap_err();
        assert!(error.what().ends_with("/no"), "{error}");
    }
}
