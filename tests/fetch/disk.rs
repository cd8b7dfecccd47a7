//! Directories that cannot be written, full disks, and links in place of files.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::bed::{Bed, Running, TOOL, program};
use crate::support::liar::{HONEST, sha256};
use crate::support::{PROGRAM, Screen};

/// Runs `tools install` in a separate mount namespace, after running `mount` in it. Returns `None`, with a
/// message, if mounts are not permitted on this machine: root can write everywhere else.
fn install_with(bed: &Bed, mount: &str) -> Option<Screen> {
    let unshare = |script: &str| {
        let mut command = bed.machine.command(Path::new("/usr/bin/unshare"));
        command.args(["--mount", "/bin/sh", "-euc", script]).env("program", PROGRAM);
        let command = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Running::of(command, &bed.machine).end(&bed.machine)
    };
    let tried = if Path::new("/usr/bin/unshare").exists() { Some(unshare(mount)) } else { None };
    match tried {
        Some(screen) if screen.code == Some(0) => {
            let own = bed.machine.path("bin").display().to_string();
            Some(unshare(&format!("{mount}\nPATH='{own}' exec \"$program\" tools install {TOOL}")))
        }
        other => {
            let why = other.map_or_else(|| "there is no unshare".to_owned(), |screen| screen.stderr);
            println!("SKIPPED: nothing can be mounted on this machine: {}", why.trim());
            None
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let bed = Bed::new(HONEST, program(31, 300_000));
    let cache = bed.machine.path("cache").display().to_string();
    let mount = format!("mount -t tmpfs -o ro,size=4m tmpfs '{cache}'");
    let Some(screen) = install_with(&bed, &mount) else { return };
    let screen = screen.fails().err_has("[machine]/cache").err_has("ead-only file system").err_has("help:");
    assert_eq!(screen.stdout, "");
    assert!(!bed.is_installed());
    bed.install().exits(0);
    assert!(bed.is_installed());
}

#[test]
fn a_full_disk_is_named_with_what_is_free_and_what_is_needed() {
    let bed = Bed::new(HONEST, program(32, 20 << 20));
    let cache = bed.machine.path("cache").display().to_string();
    let mount = format!("mount -t tmpfs -o size=4m tmpfs '{cache}'");
    // The namespace ends with the process, so its files are inspected inside it.
    let look = format!("{mount}\ntrap 'find \"{cache}/tools/{TOOL}-\"* -name {TOOL} >&2' EXIT");
    let Some(screen) = install_with(&bed, &mount) else { return };
    let screen = screen.fails().err_has("[machine]/cache").err_has("help:");
    assert!(screen.stderr.contains("free") && screen.stderr.contains("need"), "{screen}");
    let own = bed.machine.path("bin").display().to_string();
    let script =
        format!("{look}\nPATH='{own}' \"$program\" tools install {TOOL} 2>/dev/null && exit 9; exit 0");
    let mut command = bed.machine.command(Path::new("/usr/bin/unshare"));
    command.args(["--mount", "/bin/sh", "-euc", &script]).env("program", PROGRAM);
    let command = command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let found = Running::of(command, &bed.machine).end(&bed.machine).exits(0);
    assert!(!found.stderr.contains(&format!("/{TOOL}\n")), "half of it is installed\n{found}");
    bed.install().exits(0);
    assert!(bed.is_installed());
}

/// A file outside that must not change.
fn outside(bed: &Bed) -> std::path::PathBuf {
    let path = bed.machine.path("work/outside");
    fs::write(&path, "mine").expect("write a file");
    fs::create_dir_all(bed.folder()).expect("a folder");
    path
}

#[track_caller]
fn untouched(path: &Path) {
    assert_eq!(fs::read_to_string(path).expect("the file"), "mine", "a file outside was written");
}

#[test]
fn where_the_tool_is_due_a_link_is_replaced_and_not_followed() {
    let bed = Bed::new(HONEST, program(33, 300_000));
    let outside = outside(&bed);
    symlink(&outside, bed.installed()).expect("a link");
    bed.install().exits(0);
    untouched(&outside);
    assert!(!bed.installed().is_symlink() && bed.is_installed());
}

/// A link to the right bytes is not an installed tool either: the owner of the target can change it later.
#[test]
fn a_link_to_the_right_bytes_is_not_taken_for_the_tool() {
    let bed = Bed::new(HONEST, program(34, 300_000));
    bed.install().exits(0);
    let outside = bed.machine.path("work/outside");
    fs::rename(bed.installed(), &outside).expect("move the tool");
    symlink(&outside, bed.installed()).expect("a link");
    bed.run(&["tools", "verify"]).fails().err_has("help:");
    bed.install().exits(0);
    assert!(!bed.installed().is_symlink() && bed.is_installed());
}

/// For every file that an interrupted download leaves next to the tool: a link in its place must not make
/// the program write through it.
#[test]
fn links_in_place_of_lock_and_partial_file_are_not_followed() {
    let bed = Bed::new(crate::support::liar::behaviour("short, closed early"), program(35, 300_000));
    bed.install().fails();
    let left = bed.leftovers();
    assert!(!left.is_empty(), "a broken transfer is kept");
    for name in left {
        let path = bed.machine.path("cache").join(&name);
        let outside = outside(&bed);
        let saved = fs::read(&path).expect("the file");
        fs::remove_file(&path).expect("remove it");
        symlink(&outside, &path).expect("a link");
        bed.liar.behave(HONEST);
        let screen = bed.install();
        untouched(&outside);
        println!("{name}: exit {:?}", screen.code);
        if screen.code == Some(0) {
            assert!(bed.is_installed(), "{name}");
            fs::remove_file(bed.installed()).expect("remove the tool");
            let _ = fs::remove_file(bed.folder().join("found.json"));
        } else {
            screen.err_has("link").err_has("help:");
            fs::remove_file(&path).expect("remove the link");
        }
        fs::write(&path, saved).expect("put it back");
    }
    bed.install().exits(0);
    assert_eq!(sha256(&fs::read(bed.installed()).expect("the tool")), sha256(&bed.bytes));
}
