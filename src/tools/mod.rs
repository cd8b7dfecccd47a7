//! The programs that we fetch (and drive, but for the optional ones), each with its pin.
//!
//! A tool is a folder here and one line in [`TOOLS`].

pub mod cosign;
pub mod grype;
pub mod helm;
pub mod k9s;
pub mod kind;
pub mod kubectl;
#[path = "kubectl-ai/mod.rs"] // the folder has the tool's name
pub mod kubectl_ai;
pub mod minikube;
pub mod stern;

mod pin;
mod pins;
mod signature;
mod system;

pub use pin::{Asset, Pin, SOURCES, Unpack};
pub(crate) use pin::{doubt, hosts, sources};
pub use pins::Pins;
pub use signature::Signature;
pub use system::{Candidate, on_path};

use semver::Version;

use crate::config::{Versions, suggest};
use crate::error::{Error, Result};

pub static TOOLS: &[ToolSpec] = &[
    kubectl::SPEC,
    helm::SPEC,
    kind::SPEC,
    minikube::SPEC,
    // What `up` does without.
    k9s::SPEC,
    stern::SPEC,
    kubectl_ai::SPEC,
    cosign::SPEC,
    grype::SPEC,
];

/// What we know about a tool beforehand.
#[derive(Debug)]
pub struct ToolSpec {
    /// The program's name, which is also its key in `versions.toml` and its recipe's name.
    pub name: &'static str,
    /// Whether `up` does without it: it is only fetched where the user names it.
    pub optional: bool,
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
    /// The tool's own: of `versions.toml`, or of its pin where nothing else has to go with it.
    pub tool: Version,
    /// The cluster's Kubernetes.
    pub cluster: Version,
}

impl ToolSpec {
    /// The spec of `name`, or an error that lists those that are.
    pub fn named(name: &str) -> Result<&'static Self> {
        TOOLS.iter().find(|spec| spec.name == name).ok_or_else(|| {
            let names: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
            Error::usage(format!("there is no tool `{name}`{}", suggest(name, &names)))
                .because(format!("the tools are: {}", names.join(", ")))
                .help("todo-bootstrap tools list")
        })
    }

    pub fn pin(&self) -> Result<Pin> {
        Pin::parse(&format!("src/tools/{}/pin.toml", self.name), self.pin)
    }

    fn wanted(&self, versions: &Versions) -> Result<Wanted> {
        let tool = if self.optional { self.pin()?.version } else { version(versions, self.name)? };
        Ok(Wanted { tool, cluster: version(versions, "kubernetes")? })
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

/// For tools that stay compatible within a major version.
fn same_major(version: &Version, tool: &Version) -> Result<(), String> {
    if version.major == tool.major {
        return Ok(());
    }
    Err(format!("is not of major version {}", tool.major))
}

/// Reads `v1.2.3`, with or without the `v`.
fn parse_version(text: &str) -> Option<Version> {
    let text = text.trim();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// Reads the version that stands behind `label` on a line of its own.
fn labelled(text: &str, label: &str) -> Option<Version> {
    parse_version(text.lines().find_map(|line| line.trim().strip_prefix(label))?)
}

#[cfg(test)]
mod tests;
