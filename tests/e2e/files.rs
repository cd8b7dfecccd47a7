//! Copies of projects, for scenes that change files.

use std::path::{Path, PathBuf};

use crate::bed::Bed;

/// A new copy of the bed's project, with its `.env`.
pub fn copy_of(bed: &Bed, name: &str) -> PathBuf {
    let copy = bed.dir.join(name);
    if copy.exists() {
        std::fs::remove_dir_all(&copy).expect("remove an older copy");
    }
    copy_tree(&bed.project, &copy);
    copy
}

/// Replaces a text that the file must contain.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(text.contains(from), "{} does not contain {from:?}", file.display());
    std::fs::write(file, text.replace(from, to)).expect("write a file");
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("create a folder");
    for entry in std::fs::read_dir(from).expect("list a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copy a file");
        }
    }
}
