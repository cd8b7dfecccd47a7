//! docker compose's own parser: a small Go program that uses its module, built once per content.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use todo_bootstrap::files::sha256;

use super::Read;
use crate::support::root;

/// The values that compose reads in each of `texts`.
pub fn read(texts: &[String]) -> Vec<Read> {
    let dir = tempfile::tempdir().expect("a folder");
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(dir.path().join(index.to_string()), text).expect("write a file");
    }
    let output = Command::new(program()).arg(dir.path()).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (0..texts.len()).map(|index| one(&all[index.to_string()])).collect()
}

fn one(result: &Value) -> Read {
    if let Some(error) = result["error"].as_str() {
        return Err(error.to_owned());
    }
    let values = result["values"].as_object().cloned().unwrap_or_default();
    Ok(values.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect())
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(build)
}

/// Builds the program into the target directory, if needed. Without Go, nothing is compared, which is a
/// failure: a skipped comparison proves nothing.
fn build() -> PathBuf {
    let sources = root().join("tests/env/compose");
    let version = Command::new("go").arg("version").output();
    let version = version.unwrap_or_else(|error| {
        panic!("Go is needed to compare our reading of .env with docker compose's (go: {error}); install it from the packages of your system or https://go.dev")
    });
    let mut inputs = version.stdout;
    for file in ["go.mod", "go.sum", "main.go"] {
        inputs.extend(std::fs::read(sources.join(file)).expect("a source file"));
    }
    let digest = &sha256(&inputs)[..16];
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compose-{digest}"));
    if program.exists() {
        return program;
    }
    let own = program.with_extension(std::process::id().to_string());
    let build = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&own)
        .arg(".")
        .current_dir(&sources)
        .output()
        .expect("go starts");
    assert!(build.status.success(), "go build: {}", String::from_utf8_lossy(&build.stderr));
    std::fs::rename(&own, &program).expect("rename");
    program
}
