//! `install.sh` with a stub cargo.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use super::install_release::LINUX;
use crate::support::{Machine, Screen, make_executable, root};

/// What the stub cargo does: it builds a program that prints its arguments, and reports its path as cargo does.
const BUILD: &str = r#"mkdir -p target/release
printf '#!/bin/sh\necho "todo-bootstrap $*"\n' >target/release/todo-bootstrap
chmod 755 target/release/todo-bootstrap
echo '{"reason":"compiler-artifact","target":{"kind":["custom-build"]},"executable":null,"fresh":true}'
echo '{"reason":"compiler-artifact","target":{"kind":["bin"]},"executable":"'$PWD'/target/release/todo-bootstrap","fresh":false}'
echo '{"reason":"build-finished","success":true}'"#;

/// The programs that the script may use; PATH contains no others.
const NEEDED: [&str; 11] = ["cat", "chmod", "cp", "cut", "dirname", "grep", "id", "mkdir", "mv", "rm", "sed"];

/// A machine with the usual programs, and the script in a checkout that requires Rust 1.80.
fn bare() -> Machine {
    let machine = Machine::new()
        .file("Cargo.toml", "[package]\nname = \"todo-bootstrap\"\nrust-version = \"1.80\"\n")
        .file("install.sh", &fs::read_to_string(root().join("install.sh")).expect("the script"))
        .stub("uname", LINUX);
    make_executable(&machine.path("work/install.sh"));
    machine.link(&NEEDED);
    machine.link(&["sha256sum"]);
    machine
}

/// The same with a compiler for each language.
fn checkout() -> Machine {
    bare().stub("rustc", "echo 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'").stub("cc", "cat >/dev/null")
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
    let call = "build --profile release --locked -p todo-bootstrap --message-format json-render-diagnostics";
    assert_eq!(machine.calls("cargo"), [call]);
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
fn everything_that_a_build_needs_is_named_before_it_starts() {
    const RUSTUP: &str =
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"$HOME/.cargo/env\"";
    const OLD: &str = "echo 'rustc 1.79.0 (129f3b996 2024-06-10) (Debian 1.79.0)'";
    const UNSET: &str = "echo 'error: no default toolchain is configured' >&2; exit 1";
    // The C compiler without the headers of the standard library.
    const NO_HEADERS: &str = "! read -r line";
    /// The programs on the machine with what they do, the problem, and the help.
    type Case = (&'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);
    let cases: [Case; 6] = [
        (
            &[("curl", "")],
            "cargo and rustc are not on PATH; there is no working C compiler (cc)",
            &[RUSTUP, "sudo apt-get install -y gcc libc6-dev"],
        ),
        (
            &[("cargo", ""), ("rustc", OLD), ("cc", "cat >/dev/null"), ("rustup", "")],
            "Rust 1.80 or newer is required, and 1.79.0 is installed",
            &["rustup update stable"],
        ),
        (
            &[("cargo", ""), ("rustc", OLD), ("cc", "cat >/dev/null"), ("curl", "")],
            "Rust 1.80 or newer is required, and 1.79.0 is installed",
            &[RUSTUP],
        ),
        (
            &[("cargo", ""), ("rustc", UNSET), ("cc", "cat >/dev/null"), ("rustup", "")],
            "rustc does not run (error: no default toolchain is configured)",
            &["rustup default stable"],
        ),
        (
            &[("cargo", ""), ("rustc", "echo rustc 1.100.0"), ("cc", NO_HEADERS)],
            "there is no working C compiler (cc)",
            &["sudo apt-get install -y gcc libc6-dev"],
        ),
        (
            &[("rustc", "echo rustc 1.80.0"), ("cc", "cat >/dev/null"), ("wget", "")],
            "cargo and rustc are not on PATH",
            &["wget -qO- https://sh.rustup.rs | sh -s -- -y && . \"$HOME/.cargo/env\""],
        ),
    ];
    for (programs, problem, help) in cases {
        let machine = programs.iter().fold(bare(), |machine, (name, body)| machine.stub(name, body));
        let machine = machine.stub("apt-get", "").stub("id", "echo 1000");
        let screen = install(&machine, &[]).exits(3);
        let mut expected = format!("error: cannot build todo-bootstrap: {problem}");
        for line in help {
            expected += &format!("\n  help: {line}");
        }
        assert_eq!(screen.stderr.trim_end(), expected);
        assert!(machine.calls("cargo").is_empty(), "the build was not started");
    }
}

#[test]
fn each_system_has_its_own_command_for_a_c_compiler() {
    for (manager, user, help) in [
        ("apt-get", 0, "apt-get install -y gcc libc6-dev"),
        ("dnf", 1000, "sudo dnf install -y gcc"),
        ("zypper", 1000, "sudo zypper install -y gcc"),
        ("pacman", 1000, "sudo pacman -S --needed --noconfirm gcc"),
        ("apk", 0, "apk add gcc musl-dev"),
        ("true", 1000, "install a C compiler with its standard headers; the command must be called cc"),
    ] {
        let machine = bare().stub("cargo", BUILD).stub("rustc", "echo rustc 1.80.0").stub(manager, "");
        let machine = machine.stub("id", &format!("echo {user}"));
        install(&machine, &[]).exits(3).err_has(&format!("  help: {help}\n"));
    }
    let mac = bare().stub("cargo", BUILD).stub("rustc", "echo rustc 1.80.0").stub("uname", "echo Darwin");
    install(&mac, &[]).exits(3).err_has("  help: xcode-select --install\n");
}

#[test]
fn releases_come_from_the_repository_that_was_cloned() {
    for (remote, page) in [
        ("https://github.com/ada/todo.git", Some("https://github.com/ada/todo")),
        ("https://ada:token@git.example:8443/ada/todo/", Some("https://git.example:8443/ada/todo")),
        ("git@github.com:ada/todo.git", Some("https://github.com/ada/todo")),
        ("ssh://git@github.com:22/ada/todo.git", Some("https://github.com/ada/todo")),
        ("/srv/git/todo.git", None),
        ("../todo", None),
        ("https://github.com/ada/$(id)", None),
        ("http://github.com/ada/todo", None),
    ] {
        let machine = bare().file(".git/HEAD", "").stub("git", &format!("echo '{remote}'"));
        let screen = install(&machine, &[]).exits(3);
        let offers = screen.stderr.contains("help: ./install.sh --from-release");
        assert_eq!(offers, page.is_some(), "{remote}\n{screen}");
        assert!(!screen.stderr.contains("token"), "{screen}");
        machine.link(&["gzip", "tar", "mkdir", "rmdir"]);
        let machine = machine.stub("curl", "echo \"$@\" >&2; exit 7");
        let screen = install(&machine, &["--from-release"]).fails();
        match page {
            Some(page) => screen.err_has(&format!("{page}/releases/latest/download/SHA256SUMS")),
            None => screen.exits(2).err_has("the address of the releases is unknown"),
        };
    }
}

#[test]
fn the_checkout_is_found_despite_cdpath() {
    let machine = checkout().stub("cargo", BUILD);
    let (parent, to) = (machine.path(""), machine.path("work/to"));
    let mut command = machine.command(Path::new("/bin/sh"));
    command.current_dir(&parent).env("CDPATH", &parent).args(["work/install.sh", "--dir"]).arg(to);
    machine.finish(&mut command).exits(0);
    assert!(machine.path("work/to/todo-bootstrap").is_file());
}

#[test]
fn a_build_that_fails_installs_nothing() {
    let machine = checkout().stub("cargo", "echo 'no linker' >&2; exit 101");
    install(&machine, &["--dir", "to"]).exits(1).err_has("no linker").err_has("help:");
    assert!(!machine.path("work/to").exists());
}

#[test]
fn the_program_is_where_cargo_says() {
    let build = BUILD.replace("target/release", "'else where'/x86_64-unknown-linux-gnu/release");
    let machine = checkout().stub("cargo", &build);
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
    install(&machine, &["--up"]).exits(2).err_has("has no application.toml").err_has("help: ./install.sh");
    let screen = install(&machine, &["--up", "--dir", "a project"]).exits(2);
    screen.err_has("no such directory: [machine]/work/not there");
}
