//! `images scan` with grype itself. Its database is made here: one made-up vulnerability, or none.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::images::machine_with;
use crate::support::{Screen, root};

const PACKAGE: &str = "todo-bootstrap-made-up";

/// Builds a program of `tests/scan`. Go itself decides whether there is anything to build.
fn build(package: &str, name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(&program).arg(package);
    let status = go.env("CGO_ENABLED", "0").current_dir(root().join("tests/scan")).status();
    assert!(status.expect("Go is needed to build grype").success(), "go build {package}");
    program
}

/// A layer with one npm package.
fn layer() -> Vec<u8> {
    let manifest = format!(r#"{{"name":"{PACKAGE}","version":"1.2.3","license":"MIT"}}"#);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    header.set_mode(0o644);
    let path = format!("app/node_modules/{PACKAGE}/package.json");
    tar.append_data(&mut header, path, manifest.as_bytes()).expect("an entry");
    tar.into_inner().expect("a tar")
}

#[test]
#[ignore = "builds grype, which takes minutes: cargo xtask ci"]
fn the_gate_depends_on_what_grypes_database_says() {
    let (grype, database) =
        (build("github.com/anchore/grype/cmd/grype", "grype"), build(".", "scan-database"));
    let (machine, _served) = machine_with(&layer());
    let make = |name: &str, packages: &[&str]| {
        let folder = machine.path(name);
        let status = Command::new(&database).arg(&folder).args(packages).status();
        assert!(status.expect("the program starts").success());
        folder
    };
    let (with, without) = (make("with", &[PACKAGE]), make("without", &[]));
    let other = make("other", &["another-package"]);
    let body = format!("GRYPE_CHECK_FOR_APP_UPDATE=false exec '{}' \"$@\"", grype.display());
    let chosen = machine.path("chosen");
    let machine = machine.stub("grype", &body).env("GRYPE_DB_AUTO_UPDATE", "false");
    let machine = machine.env("GRYPE_DB_CACHE_DIR", &chosen.to_string_lossy());
    let scan = |folder: &Path, args: &[&str]| -> Screen {
        let _ = std::fs::remove_file(&chosen);
        std::os::unix::fs::symlink(folder, &chosen).expect("a link");
        machine.run(&[&["images", "scan"], args].concat())
    };

    let found = scan(&with, &["--fail-on", "high"]).exits(4);
    let found = found.out_has("GHSA-made-up-0001").out_has(PACKAGE).out_has("1.2.3").out_has("99.0.0");
    found.err_has("found vulnerabilities of severity high or above").err_has("affected images: web");
    scan(&with, &["--fail-on", "critical"]).exits(0);
    let json = scan(&with, &["--output", "json"]).exits(0).json();
    assert_eq!(json["images"][0]["counts"]["high"], 1, "{json}");
    for clean in [&without, &other] {
        let json = scan(clean, &["--fail-on", "high", "--output", "json"]).exits(0).json();
        assert_eq!(json["images"][0]["findings"], serde_json::json!([]), "{json}");
    }
    // Without a database nothing was scanned, which is no clean result.
    scan(&machine.path("nothing"), &["--fail-on", "high"]).exits(1).err_has("help: grype --version");
}
