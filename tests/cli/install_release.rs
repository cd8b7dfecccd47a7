//! `install.sh` from a release: packed as by `cargo xtask release`, served on the loopback address.

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::pack;
use crate::support::serve::{Fault, Server};
use crate::support::{Machine, PROGRAM, Screen, root};

/// The programs that the script needs to install a release, except for a download client.
const NEEDED: [&str; 14] = [
    "cat",
    "chmod",
    "cp",
    "cut",
    "dirname",
    "grep",
    "gzip",
    "mkdir",
    "mv",
    "rm",
    "rmdir",
    "sha256sum",
    "tar",
    "uname",
];

/// The output of `uname` on the machine of most tests.
pub(super) const LINUX: &str =
    "case $1 in -s) echo Linux ;; -m) echo x86_64 ;; -r) echo 6.1.0-13-amd64 ;; esac";
pub(super) const TARGET: &str = "x86_64-unknown-linux-musl";

/// Packs a program that only prints its version.
pub(super) fn publish(machine: &Machine, version: &str, target: &str) {
    publish_program(machine, version, target, &format!("#!/bin/sh\necho \"todo-bootstrap {version}\"\n"));
}

pub(super) fn publish_program(machine: &Machine, version: &str, target: &str, program: &str) {
    let path = machine.path("program");
    fs::write(&path, program).expect("write the program");
    pack::pack(root(), &path, version, target, None, &machine.path("release")).expect("a release");
}

/// A machine with only the usual programs, and a release 0.2.0 for it.
pub(super) fn machine() -> Machine {
    let machine = Machine::new().stub("uname", LINUX);
    publish(&machine, "0.2.0", TARGET);
    machine
}

pub(super) fn serve(machine: &Machine, faults: Vec<(&'static str, Fault)>) -> Server {
    Server::new(machine.path("release"), faults)
}

/// The script, piped into a shell that finds only `client` for downloads.
pub(super) fn piped(machine: &Machine, base: &str, client: &str, args: &[&str]) -> Command {
    for other in ["curl", "wget"].map(|name| machine.path("bin").join(name)) {
        // From an earlier call with the other client.
        if other.is_symlink() {
            fs::remove_file(other).expect("remove a link");
        }
    }
    machine.link(&NEEDED);
    machine.link(&[client]);
    let mut command = machine.command(Path::new("/bin/sh"));
    command.args(["-s", "--", "--dir", "to"]).args(args).env("TODO_BOOTSTRAP_BASE_URL", base);
    command.stdin(fs::File::open(root().join("install.sh")).expect("the script"));
    command
}

pub(super) fn install(machine: &Machine, server: &Server, client: &str, args: &[&str]) -> Screen {
    let mut screen = machine.finish(&mut piped(machine, &server.url(), client, args));
    screen.stderr = screen.stderr.replace(&server.url(), "[server]");
    screen
}

/// The files in the installation directory; `None` if it does not exist.
pub(super) fn installed(machine: &Machine) -> Option<Vec<String>> {
    let entries = fs::read_dir(machine.path("work/to")).ok()?;
    let mut names: Vec<String> =
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Some(names)
}

pub(super) fn version(machine: &Machine) -> String {
    machine.finish(machine.command(&machine.path("work/to/todo-bootstrap")).arg("--version")).stdout
}

fn installs_the_latest_by(client: &str) -> Screen {
    let machine = machine();
    let server = serve(&machine, vec![]);
    let screen = install(&machine, &server, client, &[]).exits(0);
    assert_eq!(installed(&machine).expect("a folder"), [".todo-bootstrap.sha256", "todo-bootstrap"]);
    assert_eq!(version(&machine), "todo-bootstrap 0.2.0\n");
    assert_eq!(server.asked().len(), 2, "the sums and the archive: {:?}", server.asked());
    install(&machine, &server, client, &["--uninstall"]).exits(0).err_has("removed");
    assert_eq!(installed(&machine).expect("a folder"), [""; 0]);
    screen
}

#[test]
fn a_piped_script_installs_the_latest_release() {
    let screen = installs_the_latest_by("curl");
    assert_eq!(screen.stderr, installs_the_latest_by("wget").stderr);
    assert_snapshot!(screen.stderr, @r#"
    downloading [server]/download/v0.2.0/todo-bootstrap-0.2.0-x86_64-unknown-linux-musl.tar.gz
    installed [machine]/work/to/todo-bootstrap
    [machine]/work/to is not on PATH; to add it:
      export PATH="[machine]/work/to:$PATH"
    next: todo-bootstrap up   # in a directory with an application.toml
    "#);
}

#[test]
fn the_real_program_comes_through_whole() {
    let machine = Machine::new();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let release = env!("CARGO_PKG_VERSION");
    pack::pack(root(), Path::new(PROGRAM), release, &target, None, &machine.path("release"))
        .expect("a release");
    let server = serve(&machine, vec![]);
    install(&machine, &server, "curl", &[]).exits(0);
    assert!(version(&machine).starts_with(&format!("todo-bootstrap {release}")));
    let (there, ours) = (fs::read(machine.path("work/to/todo-bootstrap")), fs::read(PROGRAM));
    assert!(there.expect("installed") == ours.expect("built"), "it is the same to the byte");
}

#[test]
fn a_published_script_knows_where_it_was_published() {
    let machine = Machine::new().stub("uname", LINUX).stub("curl", "echo \"$@\" >&2; exit 7");
    let program = machine.path("program");
    fs::write(&program, "").expect("write the program");
    let page = "https://github.com/ada/todo";
    pack::pack(root(), &program, "0.2.0", TARGET, Some(page), &machine.path("release")).expect("a release");
    for script in ["latest/download/install.sh", "download/v0.2.0/install.sh"] {
        let mut command = piped(&machine, "", "curl", &[]);
        let script = machine.path("release").join(script);
        let screen = machine.finish(command.stdin(fs::File::open(script).expect("the script"))).fails();
        screen.err_has("https://github.com/ada/todo/releases/latest/download/SHA256SUMS");
    }
    let windows = fs::read_to_string(machine.path("release/latest/download/install.ps1")).expect("a script");
    assert!(windows.contains("$page = 'https://github.com/ada/todo'"));
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let machine = machine();
    let sums = machine.path("release/latest/download/SHA256SUMS");
    let first = fs::read(&sums).expect("sums");
    std::thread::sleep(std::time::Duration::from_millis(1100)); // times in archives are whole seconds
    publish(&machine, "0.2.0", TARGET);
    assert_eq!(fs::read(&sums).expect("sums"), first);
}

#[test]
fn each_shell_does() {
    for shell in ["dash", "bash"] {
        let machine = machine();
        let server = serve(&machine, vec![]);
        machine.link(&[shell]);
        // Started as `sh`, bash runs in POSIX mode.
        for name in ["sh", shell] {
            let _ = fs::remove_file(machine.path("bin/sh"));
            std::os::unix::fs::symlink(machine.path("bin").join(shell), machine.path("bin/sh"))
                .expect("a link");
            let mut command = piped(&machine, &server.url(), "curl", &[]);
            let mut other = machine.command(&machine.path("bin").join(name));
            other.args(command.get_args()).env("TODO_BOOTSTRAP_BASE_URL", server.url());
            command = other;
            command.stdin(fs::File::open(root().join("install.sh")).expect("the script"));
            machine.finish(&mut command).exits(0).err_has("installed [machine]/work/to/todo-bootstrap");
        }
    }
}

#[test]
fn a_folder_does_as_well_as_a_server() {
    let machine = machine();
    let folder = machine.path("release").display().to_string();
    for base in [format!("{folder}/"), format!("file://{folder}"), "../release".to_owned()] {
        // No download client is needed.
        machine.finish(&mut piped(&machine, &base, "cat", &[])).exits(0).err_has("installed");
        fs::remove_dir_all(machine.path("work/to")).expect("remove it");
    }
}

#[test]
fn a_version_can_be_asked_for_in_three_ways() {
    let machine = machine();
    publish(&machine, "0.3.0", TARGET);
    let server = serve(&machine, vec![]);
    install(&machine, &server, "curl", &["--from-release"]).exits(0);
    assert_eq!(version(&machine), "todo-bootstrap 0.3.0\n");
    let screen = install(&machine, &server, "curl", &["--from-release", "v0.2.0"]).exits(0);
    screen.err_has("replacing 0.3.0 with the older version 0.2.0");
    assert_eq!(version(&machine), "todo-bootstrap 0.2.0\n");
    let screen = install(&machine, &server, "curl", &["--version", "0.3.0"]).exits(0);
    screen.err_has("replacing 0.2.0 with 0.3.0\n");
    let mut command = piped(&machine, &server.url(), "curl", &[]);
    let screen = machine.finish(command.env("TODO_BOOTSTRAP_VERSION", "0.3.0")).exits(0);
    screen.err_has("0.3.0 is already installed");
    assert_eq!(installed(&machine).expect("a folder"), [".todo-bootstrap.sha256", "todo-bootstrap"]);
}

/// An attacker who can serve files, but not change them, could offer an old vulnerable release as the latest.
#[test]
fn an_older_latest_release_is_refused() {
    let machine = machine();
    let server = serve(&machine, vec![]);
    for (there, refused) in [("0.2.1", true), ("0.10.0", true), ("0.1.9", false), ("0.2.0-rc.1", false)] {
        let machine = machine_with(there);
        publish(&machine, "0.2.0", TARGET);
        let screen = install(&machine, &server, "curl", &[]);
        if refused {
            screen.exits(5).err_has("help: ").err_has("--version 0.2.0");
            assert_eq!(version(&machine), format!("todo-bootstrap {there}\n"));
        } else {
            screen.exits(0);
            assert_eq!(version(&machine), "todo-bootstrap 0.2.0\n");
        }
    }
}

fn machine_with(version: &str) -> Machine {
    let program = format!("#!/bin/sh\necho todo-bootstrap {version}\n");
    let machine = Machine::new().stub("uname", LINUX).file("to/todo-bootstrap", &program);
    crate::support::make_executable(&machine.path("work/to/todo-bootstrap"));
    machine
}

#[test]
fn in_a_checkout_it_is_built_unless_a_release_is_asked_for() {
    let machine = machine().file("Cargo.toml", "[package]\nname = \"todo-bootstrap\"\n");
    let server = serve(&machine, vec![]);
    let machine = machine.stub("id", "echo 0");
    machine.link(&["sed"]);
    install(&machine, &server, "curl", &[]).exits(3).err_has("cargo and rustc are not on PATH");
    install(&machine, &server, "curl", &["--from-release"]).exits(0);
}

#[test]
fn up_follows_in_a_folder_with_an_application() {
    let machine = Machine::new().stub("uname", LINUX).file("application.toml", "");
    let program = "#!/bin/sh\n[ \"$*\" != --version ] || set -- 0.2.0\necho \"todo-bootstrap $*\"\n";
    publish_program(&machine, "0.2.0", TARGET, program);
    let server = serve(&machine, vec![]);
    let screen = install(&machine, &server, "wget", &["--up", "--timeout", "5m"]).exits(0);
    assert_snapshot!(screen.stdout, @r"
    todo-bootstrap plan --timeout 5m
    todo-bootstrap up --yes --timeout 5m
    ");
}

#[test]
fn a_checksum_from_elsewhere_is_compared_too() {
    let machine = machine();
    let server = serve(&machine, vec![]);
    let sums = fs::read_to_string(machine.path("release/latest/download/SHA256SUMS")).expect("sums");
    let line = sums.lines().find(|line| line.ends_with(".tar.gz")).expect("an archive");
    let right = line.split(' ').next().expect("a digest");
    install(&machine, &server, "curl", &["--sha256", right]).exits(0);
    let wrong = "0".repeat(64);
    let screen = install(&machine, &server, "curl", &["--sha256", &wrong]).exits(5);
    screen.err_has("SHA256SUMS and --sha256 differ").err_has(right).err_has(&wrong);
    install(&machine, &server, "curl", &["--sha256", "abc"]).exits(2).err_has("64 hexadecimal");
}
