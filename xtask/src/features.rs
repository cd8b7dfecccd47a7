//! Checks that the program, its tests and the developer commands share the compilation of their
//! dependencies. If a test dependency enables a feature of a crate that the program uses, cargo compiles that
//! crate and everything above it twice, which costs minutes for a basic crate.

use std::collections::BTreeSet;
use std::path::Path;

use crate::shell::{self, Result};

/// Packages that are also built alone: by `install.sh`, `cargo xtask pins` and others.
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
    // A package that was already shown has a mark.
    Ok(said.lines().map(|line| line.trim_end_matches("(*)").trim().to_owned()).collect())
}
