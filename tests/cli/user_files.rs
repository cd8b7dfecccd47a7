//! User files that the program writes: `.env`, a kubeconfig, the hosts file.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use super::kubeconfig::{MINE, config, machine as with_cluster};
use crate::support::{Machine, Screen};

const APPLICATION: &str = "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n";
const CONTRACT: &str = "# @secret @generated=hex:16\nPASSWORD=\n";

fn project() -> Machine {
    Machine::new()
        .file("application.toml", APPLICATION)
        .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .file(".env.example", CONTRACT)
}

/// Runs the program for at most 20 seconds; then it is killed.
fn limited(machine: &Machine, args: &str) -> Screen {
    machine.shell(&format!("/usr/bin/timeout -s KILL 20 \"$program\" {args}"))
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

/// Creates a device like `/dev/null`; only root may do this, and not everywhere.
fn device(path: &Path) -> bool {
    Command::new("mknod").arg(path).args(["c", "1", "3"]).status().is_ok_and(|status| status.success())
}

fn as_root() -> bool {
    // A new file belongs to the user of the process.
    tempfile::tempfile().and_then(|file| file.metadata()).is_ok_and(|meta| meta.uid() == 0)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("list").map(|entry| entry.expect("list").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_kubeconfig_that_is_no_regular_file_is_refused_before_a_lock_is_made() {
    for what in ["a named pipe", "a device", "a folder"] {
        let machine = with_cluster();
        let path = machine.path("work/odd");
        match what {
            "a named pipe" => pipe(&path),
            "a device" if !device(&path) => continue,
            "a device" => {}
            _ => fs::create_dir(&path).expect("a folder"),
        }
        let machine = machine.env("KUBECONFIG", "odd");
        for args in
            ["kubeconfig merge", "kubeconfig merge --file odd", "kubeconfig merge --file ./odd --set-current"]
        {
            limited(&machine, args).exits(2).err_has(what).err_has("[machine]/work/odd").err_has("help:");
        }
        assert_eq!(names(&machine.path("work")), ["odd"], "no lock, no temporary file");
        let kind = fs::symlink_metadata(&path).expect("it is there").file_type();
        let kept = match what {
            "a named pipe" => kind.is_fifo(),
            "a device" => kind.is_char_device(),
            _ => kind.is_dir(),
        };
        assert!(kept, "{what}");
        let receipt = fs::read_to_string(machine.path("state/clusters/todo-bootstrap/receipt.json"));
        assert!(!receipt.expect("a receipt").contains("odd"), "nothing is recorded that was not done");
    }
}

/// The same through a link.
#[test]
fn a_link_to_no_regular_file_is_refused() {
    let machine = with_cluster();
    pipe(&machine.path("work/pipe"));
    std::os::unix::fs::symlink("pipe", machine.path("work/link")).expect("a link");
    limited(&machine, "kubeconfig merge --file link").exits(2).err_has("a named pipe");
    assert_eq!(names(&machine.path("work")), ["link", "pipe"]);
}

#[test]
fn settings_that_are_no_regular_file_are_refused() {
    for name in [".env", ".env.example"] {
        let machine = project();
        let path = machine.path("work").join(name);
        let _ = fs::remove_file(&path);
        pipe(&path);
        for args in ["env check", "env init", "plan"] {
            limited(&machine, args).exits(2).err_has(name).err_has("help:");
        }
        assert!(fs::symlink_metadata(&path).expect("it is there").file_type().is_fifo());
    }
}

#[test]
fn a_hosts_file_that_is_no_regular_file_is_refused() {
    let machine = project();
    pipe(&machine.path("hosts"));
    let hosts = machine.path("hosts").display().to_string();
    let machine = machine.env("TODO_BOOTSTRAP_HOSTS", &hosts);
    let machine = machine.file("application.toml", &APPLICATION.replace("shop.localhost", "shop.example"));
    limited(&machine, "url --add-hosts-entry --yes")
        .exits(2)
        .err_has("a named pipe")
        .err_has("[machine]/hosts");
}

#[test]
fn settings_keep_their_mode() {
    let machine = project().file(".env", "PASSWORD=\n");
    let env = machine.path("work/.env");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o640)).expect("chmod");
    machine.run(&["env", "init"]).exits(0);
    assert_eq!(fs::metadata(&env).expect("the file").permissions().mode() & 0o777, 0o640);
    fs::remove_file(&env).expect("remove");
    machine.run(&["env", "init"]).exits(0);
    assert_eq!(fs::metadata(&env).expect("the file").permissions().mode() & 0o777, 0o600);
}

/// `sudo todo-bootstrap up` in another user's checkout.
#[test]
fn root_gives_files_to_whom_the_folder_or_the_old_file_belongs() {
    if !as_root() {
        return;
    }
    let owner = |path: &Path| {
        let meta = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (meta.uid(), meta.gid())
    };
    let chown = |path: &Path, uid, gid| std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("chown");
    let machine = project();
    let (work, env) = (machine.path("work"), machine.path("work/.env"));
    chown(&work, 1234, 2345);
    machine.run(&["env", "init"]).exits(0);
    assert_eq!(owner(&env), (1234, 2345), "a new file");
    fs::write(&env, "PASSWORD=\n").expect("write");
    chown(&env, 3456, 4567);
    machine.run(&["env", "init"]).exits(0);
    assert_eq!(owner(&env), (3456, 4567), "an old file");

    let machine = with_cluster();
    fs::remove_dir_all(machine.path("home/.kube")).expect("remove");
    chown(&machine.path("home"), 1234, 2345);
    machine.run(&["kubeconfig", "merge"]).exits(0);
    assert_eq!(owner(&machine.path("home/.kube")), (1234, 2345), "a new folder");
    assert_eq!(owner(&config(&machine)), (1234, 2345), "a new file");
    chown(&config(&machine), 3456, 4567);
    fs::write(config(&machine), MINE).expect("write");
    machine.run(&["kubeconfig", "merge"]).exits(0);
    assert_eq!(owner(&config(&machine)), (3456, 4567), "an old file");
}

/// As in a dev container: the file itself is a mount, so nothing can be renamed over it.
#[test]
fn a_mounted_file_is_written_in_place() {
    let mounts = |machine: &Machine, file: &Path, args: &str| {
        let real = machine.path("real");
        fs::copy(file, &real).expect("copy");
        let line = format!(
            "/usr/bin/unshare -rm /bin/sh -c '/usr/bin/mount --bind \"{}\" \"{}\" || exit 77; \"$program\" {args}'",
            real.display(),
            file.display(),
        );
        let screen = machine.shell(&line);
        (screen, fs::read_to_string(&real).expect("read"))
    };
    let machine = with_cluster();
    let (screen, text) = mounts(&machine, &config(&machine), "kubeconfig merge");
    // If mounts are not permitted, this cannot be tested.
    if screen.code == Some(77) || screen.stderr.contains("unshare") {
        return;
    }
    screen.exits(0);
    assert!(text.contains("client-key-data: S0VZ"), "{text}");
    assert_eq!(names(&machine.path("home/.kube")), ["config"], "no lock, no temporary file");
    let machine = project().file(".env", "# mine\nPASSWORD=\n");
    let (screen, text) = mounts(&machine, &machine.path("work/.env"), "env init");
    screen.exits(0);
    assert!(
        text.starts_with("# mine\nPASSWORD=") && text.len() == "# mine\nPASSWORD=\n".len() + 32,
        "{text}"
    );
}
