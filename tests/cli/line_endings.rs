//! `.gitattributes`: scripts have LF line endings in every clone, whatever git is configured to do.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::root;

#[test]
fn a_clone_by_git_for_windows_can_run_the_scripts() {
    let clone = tempfile::tempdir().expect("a folder");
    let files =
        ["install.sh", "offline/images/postgres/entrypoint", "install.ps1", "docs/screens/journey-chat.png"];
    for file in files.iter().chain(&[".gitattributes"]) {
        let copy = clone.path().join(file);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("create a folder");
        fs::copy(root().join(file), copy).expect("copy a file");
    }
    git(clone.path(), &["init", "--quiet"]);
    git(clone.path(), &["add", "--all"]);
    for file in files {
        fs::remove_file(clone.path().join(file)).expect("remove a file");
    }
    git(clone.path(), &["checkout", "--quiet", "--", "."]);
    for file in files {
        let (here, there) = (fs::read(root().join(file)), fs::read(clone.path().join(file)));
        assert!(here.expect("a file") == there.expect("a file"), "{file} has other bytes in the clone");
    }
}

/// Runs git with the configuration of Git for Windows.
fn git(dir: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").args(["-c", "core.autocrlf=true"]).args(args);
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
