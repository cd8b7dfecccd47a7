//! Installing an engine that works on this machine, and recording what was installed, to remove it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Fault;
use super::fix::engine_packages;
use super::packages::{install_packages, remove_packages};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::files::{put, remove};
use crate::host::{Facts, Packages};
use crate::task::Task;

/// A privileged container requests all capabilities; runc fails if the machine lacks this one.
const NEEDED: &str = "CAP_SYS_RESOURCE";
const WRAPPER_DATA: &str = "offline/host/runc-bounded";
const WRAPPER: &str = "usr/local/lib/todo-bootstrap/runc-bounded";
const OUR_FOLDER: &str = "todo-bootstrap";
const DAEMON_JSON: &str = "etc/docker/daemon.json";
/// The name of the runtime, which `doctor` recognizes.
const RUNTIME: &str = "bounded";

/// What was installed on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Installed {
    /// Packages that were not installed before.
    pub packages: Vec<String>,
    /// Files that we wrote.
    pub files: Vec<PathBuf>,
}

/// Installs the distribution's engine. The caller must have the user's consent.
///
/// The runtime's configuration is written before the packages are installed, because their scripts may
/// start the daemon. `made` is what earlier, interrupted runs installed; `record` keeps it after each
/// change, so that a killed run can be undone as well.
pub fn install(
    task: &Task<'_>,
    facts: &Facts,
    data: &Data,
    mut made: Installed,
    record: &dyn Fn(&Installed) -> Result<()>,
) -> Result<Installed> {
    let packages = installable(facts)?;
    let files = bound_runtime(task, facts, data, Path::new("/"))?;
    add(&mut made.files, files);
    record(&made)?;
    let new = install_packages(task, facts, packages)?;
    add(&mut made.packages, new);
    record(&made)?;
    Ok(made)
}

/// Removes the packages and files of [`install`]. The engine's data (`/var/lib/docker`) and a
/// configuration that was changed since are kept.
pub fn uninstall(task: &Task<'_>, made: &Installed) -> Result<()> {
    remove_packages(task, &made.packages)?;
    for file in &made.files {
        let changed =
            file.ends_with(DAEMON_JSON) && std::fs::read_to_string(file).is_ok_and(|text| !is_ours(&text));
        if changed {
            task.warn(format!("{} was changed after installation, so it is kept", file.display()));
        } else {
            remove(file)?;
        }
    }
    // The wrapper's directory is ours as well; it is kept if it contains other files.
    for folder in made.files.iter().filter_map(|file| file.parent()).filter(|dir| dir.ends_with(OUR_FOLDER)) {
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

fn installable(facts: &Facts) -> Result<&'static [&'static str]> {
    let apt = facts.distro.as_ref().filter(|distro| distro.packages() == Some(Packages::Apt));
    let packages = apt.filter(|_| facts.root).and_then(engine_packages);
    packages.ok_or_else(|| {
        Fault::Absent.error(facts).context("cannot install a container engine automatically on this machine")
    })
}

/// If the machine lacks a capability that runc requests, configures a runtime that requests fewer and makes
/// it the default. An existing configuration is never changed.
fn bound_runtime(task: &Task<'_>, facts: &Facts, data: &Data, root: &Path) -> Result<Vec<PathBuf>> {
    if !facts.missing_capabilities.iter().any(|name| name == NEEDED) {
        return Ok(Vec::new());
    }
    let script = data
        .read(WRAPPER_DATA)?
        .ok_or_else(|| Error::failed(format!("the data file {WRAPPER_DATA} is missing")))?;
    let (wrapper, config) = (root.join(WRAPPER), root.join(DAEMON_JSON));
    let json = format!("{:#}\n", ours());
    match std::fs::read_to_string(&config) {
        Ok(text) if !is_ours(&text) => {
            let theirs: Value = serde_json::from_str(&text).unwrap_or_default();
            if theirs["default-runtime"] != RUNTIME {
                task.warn(format!(
                    "{} is kept as it is; privileged containers need a runtime that does not request {NEEDED}",
                    config.display()
                ));
            }
            return Ok(Vec::new());
        }
        Ok(_) => {}
        Err(_) => put(&config, json.as_bytes(), 0o644)?,
    }
    put(&wrapper, script.text.as_bytes(), 0o755)?;
    Ok(vec![wrapper, config])
}

/// The configuration as we write it.
fn ours() -> Value {
    let wrapper = Path::new("/").join(WRAPPER);
    serde_json::json!({
        "default-runtime": RUNTIME,
        "runtimes": { RUNTIME: { "path": wrapper } },
    })
}

fn is_ours(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|config| config == ours())
}

fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !all.contains(&item) {
            all.push(item);
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::exec::Script;
    use crate::host::recorded::{alpine, debian, macos, micro_vm};
    use crate::task::testing::with_task;

    fn bound(facts: &Facts, root: &Path) -> (Result<Vec<PathBuf>>, Vec<String>) {
        let script = Script::default();
        let (files, recorder) = with_task(&script, |task| bound_runtime(task, facts, &Data::default(), root));
        (files, recorder.events().into_iter().map(|event| event.message).collect())
    }

    #[test]
    fn a_machine_without_the_capability_gets_the_bounded_runtime() {
        let root = tempfile::tempdir().unwrap();
        let files = bound(&micro_vm(), root.path()).0.unwrap();
        assert_eq!(files, [root.path().join(WRAPPER), root.path().join(DAEMON_JSON)]);
        assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o755);
        let config: serde_json::Value = serde_json::from_slice(&std::fs::read(&files[1]).unwrap()).unwrap();
        assert_eq!(config["default-runtime"], "bounded");
        assert_eq!(config["runtimes"]["bounded"]["path"], "/usr/local/lib/todo-bootstrap/runc-bounded");
        assert_eq!(bound(&micro_vm(), root.path()).0.unwrap(), files, "our own configuration is recognized");
    }

    #[test]
    fn a_machine_with_all_capabilities_is_not_changed() {
        let root = tempfile::tempdir().unwrap();
        assert!(bound(&debian(), root.path()).0.unwrap().is_empty());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_configuration_of_the_user_is_kept_with_a_warning() {
        let root = tempfile::tempdir().unwrap();
        let config = root.path().join(DAEMON_JSON);
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::write(&config, "{}").unwrap();
        let (files, messages) = bound(&micro_vm(), root.path());
        assert!(files.unwrap().is_empty() && messages[0].contains("is kept as it is"));
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "{}");
    }

    #[test]
    fn the_error_names_the_commands_if_installing_is_not_possible() {
        for facts in [debian(), macos(), alpine()] {
            let error = installable(&facts).unwrap_err();
            assert!(!error.hints().is_empty(), "{error}");
        }
        assert_eq!(installable(&micro_vm()).unwrap(), ["docker.io", "iptables"]);
    }

    #[test]
    fn uninstalling_keeps_a_file_that_the_user_changed() {
        let root = tempfile::tempdir().unwrap();
        let files = bound(&micro_vm(), root.path()).0.unwrap();
        let made = Installed { packages: vec!["docker.io".to_owned()], files };
        std::fs::write(&made.files[1], "{\"mine\": 1}").unwrap();
        let script = Script::default().on("dpkg-query", 0, "docker.io installed\n").on("apt-get", 0, "");
        let (result, recorder) = with_task(&script, |task| uninstall(task, &made));
        result.unwrap();
        assert!(!made.files[0].exists() && made.files[1].exists());
        assert!(recorder.events()[0].message.ends_with("was changed after installation, so it is kept"));
    }
}
