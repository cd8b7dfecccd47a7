//! Links to tools in a folder of the user, created only on request.

use std::path::{Path, PathBuf};

use super::{Found, Origin, Origins};
use crate::error::{Error, Result};
use crate::tools::TOOLS;

impl Origins {
    /// Creates links (copies on Windows) to the tools in `dir`, except to tools of this machine, which are on
    /// PATH. Creates nothing if a file there is not ours.
    pub fn link(&self, tools: &[&Found], dir: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
        let ours: Vec<&&Found> = tools.iter().filter(|found| found.origin != Origin::System).collect();
        let place = |found: &Found| dir.join(found.path.file_name().unwrap_or_default());
        let mut foreign = Vec::new();
        for found in &ours {
            let at = place(found);
            match std::fs::symlink_metadata(&at) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("inspect", &at, &error)),
                Ok(_) if self.is_ours(&at) => {}
                Ok(_) => foreign.push(at),
            }
        }
        if !foreign.is_empty() {
            let error = Error::refused(format!(
                "{} contains files that todo-bootstrap did not create",
                dir.display()
            ));
            let error = foreign.iter().fold(error, |error, path| {
                error.because(format!("{} was not created by todo-bootstrap", path.display()))
            });
            return Err(error.help("move it away, or choose another folder: --link DIR"));
        }
        let mut made = Vec::new();
        for found in ours {
            let at = place(found);
            put(&found.path, &at)?;
            made.push(at);
        }
        Ok(made)
    }

    /// Whether a file is a link into the cache of tools, or a copy of what is in there.
    fn is_ours(&self, path: &Path) -> bool {
        if let Ok(target) = std::fs::read_link(path) {
            return target.starts_with(self.store.dir());
        }
        if cfg!(unix) {
            return false;
        }
        let Ok((sha256, _)) = crate::files::sha256_file(path) else { return false };
        TOOLS.iter().flat_map(|spec| self.store.all(spec)).any(|cached| cached.record.sha256 == sha256)
    }
}

/// Under another name first: who looks finds the old link or the new one.
#[cfg(unix)]
fn put(program: &Path, at: &Path) -> Result<()> {
    let dir = at.parent().unwrap_or_else(|| Path::new("."));
    let temp = dir.join(format!(".todo-bootstrap-{}", uuid::Uuid::new_v4()));
    std::os::unix::fs::symlink(program, &temp).map_err(|e| Error::io("create a link in", dir, &e))?;
    std::fs::rename(&temp, at).map_err(|e| {
        let _ = std::fs::remove_file(&temp);
        Error::io("rename into place", at, &e)
    })
}

#[cfg(not(unix))]
fn put(program: &Path, at: &Path) -> Result<()> {
    super::store::copy_program(program, at).map(|_| ())
}
