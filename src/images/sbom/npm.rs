//! `package-lock.json`, version 2 and 3: npm's list of all packages of a project.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::Package;
use super::purl::purl;
use crate::files::hex;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    packages: Option<BTreeMap<String, Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools)] // npm's own
struct Entry {
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    /// A string in every lock that npm writes today; old packages have other forms.
    license: Option<Value>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    dev_optional: bool,
}

pub(super) fn parse(text: &str) -> Result<Vec<Package>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let packages = file.packages.ok_or("it has no `packages` (lockfileVersion 1)")?;
    Ok(packages.into_iter().filter_map(|(path, entry)| package(&path, entry)).collect())
}

/// `None` for the project itself, its workspaces, and links to them.
fn package(path: &str, entry: Entry) -> Option<Package> {
    let (_, installed) = path.rsplit_once("node_modules/")?;
    if entry.link {
        return None;
    }
    // An alias is installed under another name than its own.
    let full = entry.name.unwrap_or_else(|| installed.to_owned());
    let version = entry.version?;
    let (group, name) = match full.split_once('/') {
        Some((group, name)) => (Some(group.to_owned()), name.to_owned()),
        None => (None, full),
    };
    Some(Package {
        purl: purl("npm", group.as_deref(), &name, &version),
        group,
        name,
        version,
        licence: entry.license.and_then(|licence| licence.as_str().map(str::to_owned)),
        hash: entry.integrity.as_deref().and_then(digest),
        development: entry.dev || entry.dev_optional,
        optional: entry.optional || entry.dev_optional,
    })
}

/// `sha512-<base64>`, where it is the only one.
fn digest(integrity: &str) -> Option<(&'static str, String)> {
    let (name, text) = integrity.split_once('-').filter(|(_, text)| !text.contains(char::is_whitespace))?;
    let algorithm = match name {
        "sha1" => "SHA-1",
        "sha256" => "SHA-256",
        "sha384" => "SHA-384",
        "sha512" => "SHA-512",
        _ => return None,
    };
    Some((algorithm, hex(&BASE64_STANDARD.decode(text).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::parse;

    const LOCK: &str = r#"{"lockfileVersion": 3, "packages": {
        "": {"name": "shop", "version": "1.0.0"},
        "tools/x": {"version": "1.0.0"},
        "node_modules/x": {"resolved": "tools/x", "link": true},
        "node_modules/@a/b": {"version": "1.2.3", "integrity": "sha512-AAEC", "license": "MIT"},
        "node_modules/@a/b/node_modules/c": {"version": "2.0.0", "dev": true},
        "node_modules/d": {"name": "real", "version": "3.0.0", "optional": true, "license": {"type": "X"}}
    }}"#;

    #[test]
    fn installed_packages_are_read_and_the_project_is_not() {
        let packages = parse(LOCK).unwrap();
        let purls: Vec<&str> = packages.iter().map(|package| package.purl.as_str()).collect();
        assert_eq!(purls, ["pkg:npm/%40a/b@1.2.3", "pkg:npm/c@2.0.0", "pkg:npm/real@3.0.0"]);
        assert_eq!(packages[0].hash, Some(("SHA-512", "000102".to_owned())));
        assert_eq!(packages[0].licence.as_deref(), Some("MIT"));
        assert!(packages[1].development && packages[2].optional && packages[2].licence.is_none());
    }

    #[test]
    fn an_old_or_broken_file_is_told() {
        assert!(parse(r#"{"lockfileVersion": 1, "dependencies": {}}"#).unwrap_err().contains("packages"));
        assert!(parse("{").is_err());
    }
}
