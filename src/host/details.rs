//! What only `doctor` wants to know of the machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Folder, Purpose};
use crate::config::Paths;
use crate::process_env::ProcessEnv;

/// What [`details`] found; plain values, so that a test can record any machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Details {
    pub folders: Vec<Folder>,
    /// Linux only.
    pub inotify: Option<Inotify>,
    /// The configuration of Docker's client, if it names programs that do not exist.
    pub helpers: Option<MissingHelpers>,
}

impl Details {
    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        let home = self.folders.iter().find(|folder| folder.purpose == Purpose::Home);
        home.map(|home| home.path.as_path())
    }
}

/// The limits of each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Inotify {
    pub instances: u64,
    pub watches: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MissingHelpers {
    pub file: PathBuf,
    /// `credsStore`, `credHelpers`: the keys that name them.
    pub keys: BTreeSet<&'static str>,
    /// `docker-credential-…`.
    pub programs: BTreeSet<String>,
}

/// Asks the machine; no process is started.
pub fn details(process_env: &ProcessEnv, paths: &Paths) -> Details {
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let mountinfo = text("/proc/self/mountinfo").unwrap_or_default();
    let number = |name: &str| text(&format!("/proc/sys/fs/inotify/{name}"))?.trim().parse().ok();
    let temp = process_env.var("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let folders = [
        (Purpose::Home, process_env.home.clone()),
        (Purpose::Cache, Some(paths.cache.clone())),
        (Purpose::State, Some(paths.state.clone())),
        (Purpose::Temp, Some(temp).filter(|_| cfg!(unix))),
    ];
    let folders = folders.into_iter().filter_map(|(purpose, path)| Some((purpose, path?)));
    Details {
        folders: folders.map(|(purpose, path)| Folder::inspect(purpose, &path, &mountinfo)).collect(),
        inotify: number("max_user_instances")
            .zip(number("max_user_watches"))
            .map(|(instances, watches)| Inotify { instances, watches }),
        helpers: missing_helpers(process_env),
    }
}

/// The directory with the configuration of Docker's client.
pub fn docker_config(process_env: &ProcessEnv) -> Option<PathBuf> {
    let named = process_env.var("DOCKER_CONFIG").map(PathBuf::from);
    named.or_else(|| process_env.home.as_ref().map(|home| home.join(".docker")))
}

/// What `credsStore` and `credHelpers` in the configuration of Docker's client name, and PATH does not have.
fn missing_helpers(process_env: &ProcessEnv) -> Option<MissingHelpers> {
    let file = docker_config(process_env)?.join("config.json");
    let value: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
    let of_registries = value["credHelpers"].as_object().into_iter().flat_map(serde_json::Map::values);
    let named = of_registries.map(|name| ("credHelpers", name));
    let named = named.chain([("credsStore", &value["credsStore"])]);
    let (mut keys, mut programs) = (BTreeSet::new(), BTreeSet::new());
    for (key, name) in named {
        let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { continue };
        let program = format!("docker-credential-{name}");
        if which::which_in(&program, process_env.env.get("PATH"), &process_env.cwd).is_err() {
            keys.insert(key);
            programs.insert(program);
        }
    }
    (!programs.is_empty()).then_some(MissingHelpers { file, keys, programs })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::files::write_atomic;

    #[test]
    fn credential_helpers_that_do_not_exist_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let (config, bin) = (dir.path().join(".docker/config.json"), dir.path().join("bin"));
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::create_dir(&bin).unwrap();
        write_atomic(&bin.join("docker-credential-pass"), b"#!/bin/sh\n", 0o755).unwrap();
        let mut process_env = ProcessEnv { home: Some(dir.path().to_owned()), ..ProcessEnv::real() };
        process_env.env = [("PATH".to_owned(), bin.into_os_string())].into();
        let missing = |text: &str| {
            std::fs::write(&config, text).unwrap();
            let found = missing_helpers(&process_env);
            found.map(|found| (found.keys.into_iter().collect::<Vec<_>>(), found.programs.len()))
        };
        for fine in ["{}", "no JSON", r#"{"credsStore":"pass"}"#, r#"{"credsStore":"","auths":{}}"#] {
            assert_eq!(missing(fine), None, "{fine}");
        }
        assert_eq!(missing(r#"{"credsStore":"desktop.exe"}"#), Some((vec!["credsStore"], 1)));
        let both = r#"{"credsStore":"desktop","credHelpers":{"gcr.io":"gcloud","a.example":"pass"}}"#;
        assert_eq!(missing(both), Some((vec!["credHelpers", "credsStore"], 2)));
    }
}
