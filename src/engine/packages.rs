//! Packages of the distribution. Only apt is used; `fix` has the commands of other package managers.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::host::{Distro, Facts, Packages};
use crate::task::Task;

/// Two steps may install packages at the same time, and apt's lists have one lock.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// How long apt waits for another package manager's lock.
const LOCK: &str = "DPkg::Lock::Timeout=120";

/// Installs `packages` and returns all packages that were not installed before, including dependencies.
/// Changes nothing if all are installed. Requires root and apt; the caller must have the user's consent.
pub fn install_packages(task: &Task<'_>, facts: &Facts, packages: &[&str]) -> Result<Vec<String>> {
    let distro = facts.distro.as_ref();
    if distro.and_then(Distro::packages) != Some(Packages::Apt) {
        let name = distro.map_or_else(|| facts.os.name().to_owned(), Distro::name);
        return Err(Error::host(format!("cannot install packages automatically on {name}"))
            .help(format!("install these packages manually: {}", packages.join(" "))));
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = installed(task)?;
    let missing = packages.iter().filter(|package| !before.contains(**package));
    let wanted: Vec<String> = missing.map(|&package| package.to_owned()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let manual = format!("apt-get install --yes --no-install-recommends {}", wanted.join(" "));
    if !facts.root {
        let what = format!("installing {} needs root", wanted.join(", "));
        return Err(Error::host(what).help(format!("sudo {manual}")));
    }
    update_and_install(task, &wanted).map_err(|error| error.help(manual))?;
    Ok(installed(task)?.difference(&before).cloned().collect())
}

/// Removes those of `packages` that are installed; their data is kept.
pub fn remove_packages(task: &Task<'_>, packages: &[String]) -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let present = installed(task)?;
    let wanted: Vec<&str> =
        packages.iter().filter(|package| present.contains(*package)).map(String::as_str).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let cmd = apt(format!("remove {}", wanted.join(", "))).args(["remove", "--yes"]).args(wanted);
    task.run(&cmd).map(drop)
}

fn update_and_install(task: &Task<'_>, wanted: &[String]) -> Result<()> {
    task.say("updating the package lists");
    // One package source may be unreachable while another one has the packages.
    if let Err(error) = task.run(&apt("update the package lists").arg("update")) {
        task.check()?;
        task.warn(format!("using outdated package lists: {}", error.one_line()));
    }
    task.say(format!("installing {}", wanted.join(", ")));
    let install = apt(format!("install {}", wanted.join(", ")))
        .args(["install", "--yes", "--no-install-recommends"])
        .args(wanted);
    task.run_lines(&install, &mut |line| {
        if line.starts_with("Setting up ") || line.starts_with("Unpacking ") {
            task.say(line);
        }
    })?;
    Ok(())
}

fn apt(purpose: impl Into<String>) -> Cmd {
    Cmd::new("apt-get", purpose)
        .args(["-o", LOCK])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .within(Duration::from_secs(15 * 60))
}

/// The packages that are installed, according to dpkg.
fn installed(task: &Task<'_>) -> Result<BTreeSet<String>> {
    let cmd = Cmd::new("dpkg-query", "list the installed packages").args([
        "--show",
        "--showformat",
        "${Package} ${db:Status-Status}\\n",
    ]);
    let list = task.run(&cmd)?.text();
    Ok(list.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::exec::Script;
    use crate::host::recorded::{alpine, debian, micro_vm};
    use crate::task::testing::with_task;

    const UPDATE: &str = "apt-get -o DPkg::Lock::Timeout=120 update";
    const INSTALL: &str = "apt-get -o DPkg::Lock::Timeout=120 install";

    #[test]
    fn only_missing_packages_are_installed_and_dependencies_are_reported() {
        let script = Script::default()
            .on("dpkg-query", 0, "iptables installed\nrunc config-files\n")
            .on(UPDATE, 0, "")
            .on(INSTALL, 0, "Setting up docker.io (20.10) ...\n")
            .on("dpkg-query", 0, "iptables installed\nrunc installed\ndocker.io installed\n");
        let (new, _) =
            with_task(&script, |task| install_packages(task, &micro_vm(), &["docker.io", "iptables"]));
        assert_eq!(new.unwrap(), ["docker.io", "runc"]);
        assert_eq!(script.ran()[2], format!("{INSTALL} --yes --no-install-recommends docker.io"));
    }

    #[test]
    fn installed_packages_need_no_root() {
        let script = Script::default().on("dpkg-query", 0, "debootstrap installed\n");
        let (new, _) = with_task(&script, |task| install_packages(task, &debian(), &["debootstrap"]));
        assert!(new.unwrap().is_empty());
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn lists_that_cannot_be_updated_do_not_stop_the_work() {
        let script = Script::default()
            .on("dpkg-query", 0, "")
            .on_err(UPDATE, 100, "", "E: 403")
            .on(INSTALL, 0, "")
            .on("dpkg-query", 0, "docker.io installed\n");
        let (new, recorder) = with_task(&script, |task| install_packages(task, &micro_vm(), &["docker.io"]));
        assert_eq!(new.unwrap(), ["docker.io"]);
        let warned = |message: String| message.starts_with("using outdated package lists");
        assert!(recorder.events().into_iter().any(|event| warned(event.message)));
    }

    #[test]
    fn only_installed_packages_are_removed() {
        let script = Script::default().on("dpkg-query", 0, "a installed\n").on("apt-get", 0, "");
        let gone = ["a".to_owned(), "b".to_owned()];
        with_task(&script, |task| remove_packages(task, &gone)).0.unwrap();
        assert_eq!(script.ran()[1], "apt-get -o DPkg::Lock::Timeout=120 remove --yes a");
    }

    #[test]
    fn the_error_names_the_command_if_installing_is_not_possible() {
        let script = Script::default().on("dpkg-query", 0, "");
        let error = with_task(&script, |task| install_packages(task, &debian(), &["a"])).0.unwrap_err();
        assert_eq!(error.exit(), Exit::HostNotReady);
        assert_eq!(error.hints(), ["sudo apt-get install --yes --no-install-recommends a"]);
        assert!(with_task(&script, |task| install_packages(task, &alpine(), &["a"])).0.is_err());
    }
}
