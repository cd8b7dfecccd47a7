//! The SBOM of a published program, as `CycloneDX` 1.5: every crate that is compiled into it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use toml_edit::DocumentMut;

use crate::shell::{self, Result, root};

/// The SBOM for a target triple.
pub(crate) fn render(package: &str, version: &str, target: &str) -> Result<Vec<u8>> {
    let tree = shell::read(
        Path::new(&shell::cargo()),
        &[
            "tree",
            "--locked",
            "--package",
            package,
            "--target",
            target,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}",
        ],
    )?;
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let sbom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "name": package, "version": version,
            "properties": [{ "name": "todo-bootstrap:target", "value": target }],
        }},
        "components": components(&tree, &lock)?,
    });
    serde_json::to_vec_pretty(&sbom).map_err(|error| format!("cannot write the SBOM: {error}"))
}

/// One component for each crate in the output of `cargo tree` that comes from a registry.
fn components(tree: &str, lock: &str) -> Result<Vec<Value>> {
    let lock: DocumentMut = lock.parse().map_err(|error| format!("Cargo.lock: {error}"))?;
    let packages = lock["package"].as_array_of_tables().ok_or("Cargo.lock lists no packages")?;
    let checksum = |name: &str, version: &str| {
        let is = |key: &str, value: &str, table: &toml_edit::Table| {
            table.get(key).and_then(|item| item.as_str()) == Some(value)
        };
        let found = packages.iter().find(|table| is("name", name, table) && is("version", version, table))?;
        found.get("checksum")?.as_str().map(str::to_owned)
    };
    let mut seen = BTreeSet::new();
    let mut components = Vec::new();
    // `name v1.2.3 (proc-macro)|licence`, and ` (*)` behind a crate that was listed before.
    for (package, licence) in tree.lines().filter_map(|line| line.split_once('|')) {
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let version = version.trim_start_matches('v');
        // Our own packages have no checksum.
        let Some(hash) = checksum(name, version) else { continue };
        if seen.insert((name, version)) {
            components.push(json!({
                "type": "library",
                "name": name,
                "version": version,
                "purl": format!("pkg:cargo/{name}@{version}"),
                "hashes": [{ "alg": "SHA-256", "content": hash }],
                "licenses": [{ "expression": licence.trim_end_matches(" (*)") }],
            }));
        }
    }
    Ok(components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_compiled_crate_is_listed_once() {
        let lock = "[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\
                    [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"aa\"\n\
                    [[package]]\nname = \"a\"\nversion = \"2.0.0\"\nchecksum = \"bb\"\n";
        let tree = "ours v0.1.0 (/src)|Apache-2.0\na v2.0.0 (proc-macro)|MIT OR Apache-2.0\n\
                    a v2.0.0 (proc-macro)|MIT OR Apache-2.0 (*)\n\na v1.0.0|MIT\n";
        let found = components(tree, lock).expect("components");
        let purls: Vec<_> = found.iter().map(|component| component["purl"].as_str()).collect();
        assert_eq!(purls, [Some("pkg:cargo/a@2.0.0"), Some("pkg:cargo/a@1.0.0")]);
        assert_eq!(found[0]["hashes"][0]["content"], "bb");
        assert_eq!(found[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }
}
