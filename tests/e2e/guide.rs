//! Runs each command of the newcomers' guide in order, exactly as written.
//!
//! The reader's machine has an empty home directory, and only the program on PATH. Two things differ here:
//! the profile is the bed's (different name and ports), and state and cache are in the bed's
//! directories.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::bed::{Bed, UP};

const GUIDE: &str = include_str!("../../docs/KUBERNETES_GUIDE.md");

pub fn kind(bed: &Bed) {
    run(bed, "kind");
}

pub fn minikube(bed: &Bed) {
    run(bed, "minikube");
}

/// The command blocks below the chapter that contains the provider's name, up to the next chapter.
fn blocks(chapter: &str) -> Vec<String> {
    let heading = format!("\n## With {chapter}\n");
    let text = GUIDE.split_once(&heading).unwrap_or_else(|| panic!("the guide has no `{heading}`")).1;
    let text = text.split("\n## ").next().unwrap_or(text);
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("the block ends").to_owned()).collect()
}

fn run(bed: &Bed, provider: &str) {
    // The program's own cache, wherever the home directory is.
    let cache = cache();
    bed.call(UP).expect(0);
    let home = bed.dir.join("guide");
    if home.exists() {
        std::fs::remove_dir_all(&home).expect("remove an older home");
    }
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).expect("create a home");
    symlink(env!("CARGO_BIN_EXE_todo-bootstrap"), bin.join("todo-bootstrap")).expect("link the program");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", bin.display());
    let blocks = blocks(provider);
    assert!(blocks.len() >= 5, "{blocks:?}");
    // One shell, because later commands need what earlier ones export.
    let profile = format!("--profile {}", bed.profile.display());
    let script = format!("set -eux\n{}", blocks.concat());
    let script = script.replace(&format!("--profile {provider}"), &profile);
    println!("{script}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(&bed.project).env_clear();
    shell.env("HOME", &home).env("PATH", path).env("TODO_BOOTSTRAP_CACHE", cache);
    let status = shell.env("TODO_BOOTSTRAP_STATE", &bed.state).status().expect("bash runs");
    assert!(status.success(), "the guide's commands for {provider} ended with {status}");
}

fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("TODO_BOOTSTRAP_CACHE").unwrap_or_else(|| {
        let cache = variable("XDG_CACHE_HOME");
        let home = || std::env::home_dir().expect("a home").join(".cache");
        cache.unwrap_or_else(home).join("todo-bootstrap")
    })
}

#[test]
fn each_chapter_goes_from_nothing_to_nothing() {
    for provider in ["kind", "minikube"] {
        let all = blocks(provider).concat();
        let profile = format!("--profile {provider}");
        for verb in ["up", "status", "check", "stop", "start", "down"] {
            let command = format!("todo-bootstrap {verb} {profile}");
            assert!(all.contains(&command), "the chapter on {provider} has no `{command}`");
        }
    }
}
