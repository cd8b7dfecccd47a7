//! The root file system of laptops: created once for each recipe and kept in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::bed::output;

/// The programs that create and boot it, with their packages.
const PROGRAMS: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("pasta", "passt")];

/// The directory of the root file system; created if it does not exist, which takes a minute or two.
pub fn root(checkout: &Path) -> PathBuf {
    install();
    let recipe = recipe(checkout);
    let all = tool_cache().join("laptop");
    let target = all.join(&recipe[..16]);
    if target.is_dir() {
        return target;
    }
    // Those of older recipes, and what a killed run started.
    let _ = std::fs::remove_dir_all(&all);
    std::fs::create_dir_all(&all).expect("create a folder in the cache");
    println!("=== making the laptop's root file system");
    let mut make = Command::new("sh");
    make.arg(checkout.join("tests/laptop/make.sh")).arg(&target).arg(wrapper(checkout));
    output(make).unwrap_or_else(|error| panic!("{error}"));
    target
}

fn wrapper(checkout: &Path) -> PathBuf {
    checkout.join("offline/host/runc-bounded")
}

/// The hash of all its inputs except the packages, whose versions on that day do not matter.
fn recipe(checkout: &Path) -> String {
    let bundle = PathBuf::from("/etc/ssl/certs/ca-certificates.crt");
    let mut files = vec![checkout.join("tests/laptop/make.sh"), wrapper(checkout), bundle];
    let authorities = std::fs::read_dir("/usr/local/share/ca-certificates").into_iter().flatten().flatten();
    let mut authorities: Vec<PathBuf> = authorities.map(|entry| entry.path()).collect();
    authorities.sort();
    files.append(&mut authorities);
    let mut hash = Sha256::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The cache of the user who runs the tests, by the program's own rules.
pub fn tool_cache() -> PathBuf {
    let var = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("TODO_BOOTSTRAP_CACHE").unwrap_or_else(|| {
        let base = var("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        base.unwrap_or_else(|| std::env::home_dir().expect("a home").join(".cache")).join("todo-bootstrap")
    })
}

fn install() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    let missing = PROGRAMS.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package);
    let missing: Vec<&str> = missing.collect();
    if missing.is_empty() {
        return;
    }
    for args in [&["update", "-q"][..], &["install", "-y", "-q", "--no-install-recommends"]] {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        if args[0] == "install" {
            apt.args(&missing);
        }
        output(apt).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn another_recipe_is_another_root() {
    let checkout = tempfile::tempdir().unwrap();
    for folder in ["tests/laptop", "offline/host"] {
        std::fs::create_dir_all(checkout.path().join(folder)).unwrap();
    }
    std::fs::write(checkout.path().join("tests/laptop/make.sh"), "one").unwrap();
    std::fs::write(wrapper(checkout.path()), "").unwrap();
    let before = recipe(checkout.path());
    assert_eq!(before, recipe(checkout.path()));
    std::fs::write(wrapper(checkout.path()), "another").unwrap();
    assert_ne!(before, recipe(checkout.path()));
}
