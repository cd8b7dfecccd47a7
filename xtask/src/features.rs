//! Whether the program, its tests and the developer commands share one compilation of what they depend
//! on. A dependency of tests that turns on a feature of one of the program's makes cargo compile that
//! one, and all that depends on it, once with and once without: minutes, where it is a base of many.

use std::collections::BTreeSet;
use std::path::Path;

use crate::shell::{self, Result};

/// What is built by itself: by `install.sh`, and by `cargo xtask pins` and others.
const ALONE: [&str; 2] = ["todo-bootstrap", "devtools"];

pub(crate) fn one_build() -> Result {
    let all = tree(&["--workspace", "--edges", "normal,build,dev"])?;
    for package in ALONE {
        let alone = tree(&["--package", package, "--edges", "normal,build"])?;
        let twice: Vec<&str> = alone.difference(&all).map(String::as_str).collect();
        if !twice.is_empty() {
            return Err(format!(
                "these are compiled once for {package} and once for tests, which turn on more features of \
                 them; name those features in Cargo.toml: {}",
                twice.join("; ")
            ));
        }
    }
    Ok(())
}

/// Each package that is compiled, with its features.
fn tree(args: &[&str]) -> Result<BTreeSet<String>> {
    let call = ["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"];
    let said = shell::read(Path::new(&shell::cargo()), &[&call, args].concat())?;
    // A package that was shown already has a mark.
    Ok(said.lines().map(|line| line.trim_end_matches("(*)").trim().to_owned()).collect())
}
