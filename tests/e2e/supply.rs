//! Modified tools and bundles.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::bed::Bed;

/// A modified file in the cache is never used: it is reported by name and created again.
pub fn tool(bed: &Bed) {
    let (name, path) = cached_tool(bed);
    flip_byte(&path);
    let bad = digest(&path);
    bed.read(&["tools", "verify"]).expect(4);
    let run = bed.read(&["tools", "path", name]).expect(0);
    let given = PathBuf::from(run.stdout.lines().last().expect("a path").trim());
    assert_ne!(digest(&given), bad, "the modified file was used");
    let reported = run.said(&path.display().to_string()) && run.said("sha256");
    assert!(reported, "the modified file is reported:\n{}", run.tail(20));
    assert!(!path.exists() || digest(&path) != bad, "the modified file is still in the cache");
    bed.read(&["tools", "verify"]).expect(0);
    bed.up();
}

/// kind is built again in seconds, so it is first. Programs that a package manager installed are not
/// changed.
fn cached_tool(bed: &Bed) -> (&'static str, PathBuf) {
    let list = bed.read(&["tools", "list", "--output", "json"]).expect(0);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("JSON");
    for name in ["kind", "helm", "kubectl"] {
        let tools = list.as_array().expect("a list").iter();
        let found = tools.clone().find(|tool| tool["name"] == name && tool["origin"] == "cache");
        if found.is_some() {
            return (name, bed.tool(name));
        }
    }
    panic!("no tool is in the cache: {list}");
}

pub fn bundle(bed: &Bed) {
    let path = bed.dir.join("bundle");
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("remove an older bundle");
    }
    let shown = path.to_string_lossy().into_owned();
    bed.call(&["bundle", "create", &shown]).expect(0);
    bed.read(&["bundle", "verify", &shown]).expect(0);
    let file = smallest_artifact(&path);
    flip_byte(&file);
    let verify = bed.read(&["bundle", "verify", &shown]);
    assert!(matches!(verify.code, Some(1 | 5)), "a changed bundle is refused: {:?}", verify.code);
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(verify.stderr.contains(&name), "{name} is named:\n{}", verify.stderr);
    assert!(verify.stderr.contains("help:"), "{}", verify.stderr);
    std::fs::remove_dir_all(&path).expect("remove the bundle");
}

/// The smallest file of the bundle that is not a manifest; empty files have no byte to flip.
fn smallest_artifact(bundle: &Path) -> PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![bundle.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("list the bundle") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            let length = entry.metadata().expect("metadata").len();
            if path.is_dir() {
                folders.push(path);
            } else if length > 0 && !entry.file_name().to_string_lossy().starts_with("manifest") {
                files.push((length, path));
            }
        }
    }
    files.into_iter().min().expect("the bundle holds files").1
}

fn flip_byte(path: &Path) {
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("open for writing");
    let middle = file.metadata().expect("metadata").len() / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(middle)).expect("seek");
    file.read_exact(&mut byte).expect("read");
    file.seek(SeekFrom::Start(middle)).expect("seek");
    file.write_all(&[byte[0] ^ 1]).expect("write");
}

fn digest(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Sha256::digest(bytes).to_vec()
}
