//! The private kubeconfig and the files next to it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

pub(super) fn keep_private(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(file, mode).map_err(|e| Error::io("set the mode of", file, &e))?;
    }
    Ok(())
}

pub(super) fn remove_file(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", file, &error)),
        _ => Ok(()),
    }
}

/// Makes the engine's client available under a name: a link if the system supports it.
pub(super) fn link(client: &Path, link: &Path) -> Result<()> {
    let dir = link.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    if std::fs::read_link(link).is_ok_and(|target| target == client) {
        return Ok(());
    }
    remove_file(link)?;
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(client, link);
    #[cfg(not(unix))]
    let made = std::fs::copy(client, link.with_extension("exe")).map(|_| ());
    made.map_err(|e| Error::io("link the engine's client as", link, &e))
}
