//! The programs that we fetch and drive (kubectl, helm, kind, minikube), each with its pin.
//!
//! A tool is a folder here and one line in [`TOOLS`].

pub mod helm;
pub mod kind;
pub mod kubectl;
pub mod minikube;
mod pin;
mod system;

pub use pin::{Asset, Pin, Unpack};
pub use system::{Candidate, on_path};

use semver::Version;

use crate::config::{Document, Versions};
use crate::error::{Error, Result};

pub static TOOLS: &[ToolSpec] = &[kubectl::SPEC, helm::SPEC, kind::SPEC, minikube::SPEC];

/// What we know about a tool beforehand.
#[derive(Debug)]
pub struct ToolSpec {
    /// The program's name, which is also its key in `versions.toml` and its recipe's name.
    pub name: &'static str,
    /// The text of its `pin.toml`.
    pub pin: &'static str,
    /// The arguments by which it says its version without asking anything of a cluster.
    pub version_args: &'static [&'static str],
    /// Reads the version from what it says.
    pub parse: fn(&str) -> Option<Version>,
    /// Why a version cannot be used; the reason completes "version X …".
    pub fits: fn(&Version, &Wanted) -> Result<(), String>,
}

/// The versions that a tool has to go with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tool's own, from `versions.toml`.
    pub tool: Version,
    /// The cluster's Kubernetes.
    pub cluster: Version,
}

impl ToolSpec {
    /// The spec of `name`, or an error that lists those that are.
    pub fn named(name: &str) -> Result<&'static Self> {
        TOOLS.iter().find(|spec| spec.name == name).ok_or_else(|| {
            let names: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
            Error::usage(format!("there is no tool `{name}`"))
                .because(format!("the tools are: {}", names.join(", ")))
                .help("todo-bootstrap tools list")
        })
    }

    pub fn pin(&self) -> Result<Pin> {
        let file = format!("src/tools/{}/pin.toml", self.name);
        Document::parse(&file, self.pin)?.read(Pin::read)
    }

    pub fn wanted(&self, versions: &Versions) -> Result<Wanted> {
        Ok(Wanted { tool: version(versions, self.name)?, cluster: version(versions, "kubernetes")? })
    }
}

fn version(versions: &Versions, key: &str) -> Result<Version> {
    let text = versions.get(key)?;
    Version::parse(text).map_err(|error| {
        Error::usage(format!("versions.toml: `{key}` is \"{text}\", which is no version")).because(error)
    })
}

/// For tools whose minor versions do not go together: `tool` or a later patch of it.
fn same_minor(version: &Version, tool: &Version) -> Result<(), String> {
    if (version.major, version.minor) == (tool.major, tool.minor) && version >= tool {
        return Ok(());
    }
    Err(format!("is not {tool} or a later {}.{}", tool.major, tool.minor))
}

/// Reads `v1.2.3`, with or without the `v`.
fn parse_version(text: &str) -> Option<Version> {
    let text = text.trim();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;

    const PLATFORMS: [&str; 5] =
        ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"];

    #[test]
    fn every_pin_is_complete_and_of_the_version_that_versions_toml_names() {
        let versions = Versions::load(&Data::default()).unwrap();
        for spec in TOOLS {
            let pin = spec.pin().unwrap();
            assert_eq!(pin.version, spec.wanted(&versions).unwrap().tool, "{}", spec.name);
            assert_eq!(pin.assets.len(), PLATFORMS.len(), "{}", spec.name);
            for platform in PLATFORMS {
                let asset = &pin.assets[platform];
                assert!(asset.url.starts_with("https://"), "{}", asset.url);
                assert!(!asset.url.contains(['{', '}']), "{}", asset.url);
                assert!(asset.sha256.len() == 64 && asset.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }

    #[test]
    fn no_two_pins_share_a_hash() {
        let pins: Vec<Pin> = TOOLS.iter().map(|spec| spec.pin().unwrap()).collect();
        let hashes: Vec<&String> = pins.iter().flat_map(|p| p.assets.values().map(|a| &a.sha256)).collect();
        let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn every_folder_is_registered() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tools");
        let folders = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut names: Vec<String> = folders
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut known: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn an_unknown_tool_is_answered_with_those_there_are() {
        let text = ToolSpec::named("k3d").unwrap_err().to_string();
        assert!(text.contains("kubectl, helm, kind, minikube"), "{text}");
    }
}
