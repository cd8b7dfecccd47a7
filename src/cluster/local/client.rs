//! The engine's client for the providers' programs, which start it by name.

use std::ffi::OsString;
use std::path::Path;

use super::Provider;
use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::files::{parent, remove};

impl Provider {
    /// Programs start the client by name. If `PATH` has another one, a directory with a link to ours is put first.
    pub(in crate::cluster) fn with_client(&self, cmd: Cmd, name: &str) -> Result<Cmd> {
        Ok(match self.path_with_client(name)? {
            Some(path) => cmd.env("PATH", path),
            None => cmd,
        })
    }

    fn path_with_client(&self, name: &str) -> Result<Option<OsString>> {
        let user = self.process_env.env.get("PATH").cloned().unwrap_or_default();
        let found = which::which_in(name, Some(&user), "/").ok();
        if found.as_deref() == Some(self.engine.client.as_path()) {
            return Ok(None);
        }
        let dir = self.home().join("engine");
        link(&self.engine.client, &dir.join(name))?;
        let mut path = dir.into_os_string();
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(&user);
        Ok(Some(path))
    }
}

/// Makes the engine's client available under a name: a link if the system supports it.
fn link(client: &Path, link: &Path) -> Result<()> {
    let dir = parent(link);
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    if std::fs::read_link(link).is_ok_and(|target| target == client) {
        return Ok(());
    }
    remove(link)?;
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(client, link);
    #[cfg(not(unix))]
    let made = std::fs::copy(client, link.with_extension("exe")).map(|_| ());
    made.map_err(|e| Error::io("link the engine's client as", link, &e))
}

#[cfg(test)]
mod tests {
    use super::super::testing::provider;
    use crate::config::ProviderKind;

    #[test]
    fn the_engines_client_comes_first_in_path() {
        let dir = tempfile::tempdir().unwrap();
        let provider = provider(dir.path(), ProviderKind::Kind);
        let path = provider.path_with_client("docker").unwrap().unwrap();
        let first = std::env::split_paths(&path).next().unwrap();
        assert_eq!(std::fs::read_link(first.join("docker")).unwrap(), provider.engine.client);
    }
}
