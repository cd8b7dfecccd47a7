//! `install.sh` with a stub cargo.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Machine, Screen, make_executable, root};

/// What the stub cargo builds: a program that prints its arguments.
const BUILD: &str = "mkdir -p target/release\n\
                     printf '#!/bin/sh\\necho \"todo-bootstrap $*\"\\n' >target/release/todo-bootstrap\n\
                     chmod 755 target/release/todo-bootstrap";

/// The programs that the script may use; PATH contains no others.
const NEEDED: [&str; 9] = ["cat", "chmod", "cp", "cut", "dirname", "grep", "mkdir", "mv", "rm"];

/// A checkout with the script, on a machine with the usual programs.
fn checkout() -> Machine {
    let machine = Machine::new()
        .file("Cargo.toml", "[package]\nname = \"todo-bootstrap\"\n")
        .file("install.sh", &fs::read_to_string(root().join("install.sh")).expect("the script"));
    make_executable(&machine.path("work/install.sh"));
    machine.link(&NEEDED);
    machine.link(&["sha256sum"]);
    machine
}

fn install(machine: &Machine, args: &[&str]) -> Screen {
    machine.finish(machine.command(Path::new("/bin/sh")).arg("./install.sh").args(args))
}

#[test]
fn installs_to_the_users_own_folder_and_says_how_to_find_it() {
    let machine = checkout().stub("cargo", BUILD).env("SHELL", "/usr/bin/fish");
    let screen = install(&machine, &[]).exits(0);
    assert_snapshot!(screen.stderr, @r"
    building todo-bootstrap (the first build takes several minutes)
    installed [machine]/home/.local/bin/todo-bootstrap
    [machine]/home/.local/bin is not on PATH; to add it:
      fish_add_path '[machine]/home/.local/bin'
    next: todo-bootstrap up
    ");
    assert_eq!(machine.calls("cargo"), ["build --profile release --locked -p todo-bootstrap"]);
    let left: Vec<_> = fs::read_dir(machine.path("home/.local/bin")).expect("list").flatten().collect();
    assert_eq!(left.len(), 2, "the program and the note of its digest: {left:?}");
}

#[test]
fn up_lists_what_changes_before_it_does_it() {
    let machine = checkout().stub("cargo", BUILD);
    let screen =
        install(&machine, &["--dir", "to", "--up", "--dir", "a project", "--timeout", "5m"]).exits(0);
    assert_snapshot!(screen.stdout, @r"
    todo-bootstrap plan --dir a project --timeout 5m
    todo-bootstrap up --yes --dir a project --timeout 5m
    ");
    assert!(machine.path("work/to/todo-bootstrap").is_file());
}

#[test]
fn without_a_project_the_checkouts_own_comes_up() {
    let machine = checkout().stub("cargo", BUILD);
    let screen = install(&machine, &["--dir", "to", "--up", "--timeout", "5m"]).exits(0);
    assert_snapshot!(screen.stdout, @r"
    todo-bootstrap plan --dir [machine]/work --timeout 5m
    todo-bootstrap up --yes --dir [machine]/work --timeout 5m
    ");
}

#[test]
fn uninstall_removes_what_install_put_there_and_nothing_else() {
    let machine = checkout().stub("cargo", BUILD);
    install(&machine, &["--dir", "to"]).exits(0);
    fs::write(machine.path("work/to/other"), "").expect("write");
    install(&machine, &["--dir", "to", "--uninstall"]).exits(0).err_has("removed");
    let left: Vec<_> = fs::read_dir(machine.path("work/to")).expect("list").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    install(&machine, &["--dir", "to", "--uninstall"]).exits(0).err_has("nothing to remove");
}

#[test]
fn uninstall_leaves_a_program_that_it_did_not_install() {
    let machine = checkout().stub("cargo", BUILD).file("to/todo-bootstrap", "somebody else's");
    install(&machine, &["--dir", "to", "--uninstall"]).exits(5).err_has("help: rm ");
    install(&machine, &["--dir", "to"]).exits(0);
    fs::write(machine.path("work/to/todo-bootstrap"), "changed since").expect("write");
    install(&machine, &["--dir", "to", "--uninstall"]).exits(5).err_has("not removed");
    assert!(machine.path("work/to/todo-bootstrap").is_file());
}

#[test]
fn without_cargo_the_remedy_is_named() {
    let screen = install(&checkout(), &[]).exits(3);
    screen.err_has("error: cargo is not on PATH").err_has("help: curl").err_has("sh.rustup.rs");
}

#[test]
fn a_build_that_fails_installs_nothing() {
    let machine = checkout().stub("cargo", "echo 'no linker' >&2; exit 101");
    install(&machine, &["--dir", "to"]).exits(1).err_has("no linker").err_has("help:");
    assert!(!machine.path("work/to").exists());
}

#[test]
fn the_target_folder_may_be_elsewhere() {
    let build = BUILD.replace("target/release", "elsewhere/release");
    let machine = checkout().stub("cargo", &build).env("CARGO_TARGET_DIR", "elsewhere");
    install(&machine, &["--dir", "to"]).exits(0);
    assert!(machine.path("work/to/todo-bootstrap").is_file());
}

#[test]
fn mistakes_are_told_with_exit_code_2() {
    let machine = checkout();
    install(&machine, &["--nonsense"]).exits(2).err_has("usage:").err_has("unknown option: --nonsense");
    install(&machine, &["--dir"]).exits(2).err_has("--dir needs a directory");
    let homeless = checkout().without_home();
    install(&homeless, &[]).exits(2).err_has("HOME is not set");
    install(&homeless, &["--help"]).exits(0).out_has("--uninstall");
}

#[test]
fn works_when_it_is_piped_into_a_shell() {
    let machine = checkout().stub("cargo", BUILD);
    let script = fs::File::open(machine.path("work/install.sh")).expect("the script");
    let mut command = machine.command(Path::new("/bin/sh"));
    machine.finish(command.args(["-s", "--", "--dir", "to"]).stdin(script)).exits(0);
    assert!(machine.path("work/to/todo-bootstrap").is_file());
}

#[test]
fn outside_a_checkout_a_release_is_what_is_installed() {
    let machine = checkout().file("Cargo.toml", "[package]\nname = \"other\"\n");
    let machine = machine.env("TODO_BOOTSTRAP_BASE_URL", "not there");
    install(&machine, &[]).exits(2).err_has("no such directory: [machine]/work/not there");
    install(&machine, &["--up"]).exits(2).err_has("has no application.toml").err_has("help: git clone");
    let screen = install(&machine, &["--up", "--dir", "a project"]).exits(2);
    screen.err_has("no such directory: [machine]/work/not there");
}
