//! The programs that are downloaded. A tool is a folder here with its `pin.toml`, and an entry in [`TOOLS`].

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
use Compatible::{SameMajor, SameMinor, WithCluster};
use Prints::{After, Json};

pub static TOOLS: &[ToolSpec] = &[
    required(tool(
        "kubectl",
        include_str!("kubectl/pin.toml"),
        &["version", "--client", "-o", "json"],
        Json("/clientVersion/gitVersion"),
        WithCluster,
    )),
    // Flags and the records of releases are the same within a major version.
    required(tool(
        "helm",
        include_str!("helm/pin.toml"),
        &["version", "--template", "{{.Version}}"],
        After(""),
        SameMajor,
    )),
    // Before 1.0, each minor version changes what it expects of a node image.
    required(tool("kind", include_str!("kind/pin.toml"), &["version"], After("kind "), SameMinor)),
    // Flags and node images change with minor versions, and older versions cannot read newer cluster files.
    required(tool(
        "minikube",
        include_str!("minikube/pin.toml"),
        &["version", "--short"],
        After(""),
        SameMinor,
    )),
    tool("k9s", include_str!("k9s/pin.toml"), &["version", "-s"], After("Version"), SameMajor),
    tool("stern", include_str!("stern/pin.toml"), &["--version"], After("version:"), SameMajor),
    // The output and the flags of these change with minor versions.
    tool("kubectl-ai", include_str!("kubectl-ai/pin.toml"), &["version"], After("version:"), SameMinor),
    tool("cosign", include_str!("cosign/pin.toml"), &["version", "--json"], Json("/gitVersion"), SameMinor),
    tool("grype", include_str!("grype/pin.toml"), &["version", "-o", "json"], Json("/version"), SameMinor),
];

const fn required(tool: ToolSpec) -> ToolSpec {
    ToolSpec { optional: false, ..tool }
}

const fn tool(
    name: &'static str,
    pin: &'static str,
    version_args: &'static [&'static str],
    prints: Prints,
    compatible: Compatible,
) -> ToolSpec {
    ToolSpec { name, optional: true, pin, version_args, prints, compatible }
}

#[derive(Debug)]
pub struct ToolSpec {
    /// The program's name, which is also its key in `versions.toml` and the name of its recipe.
    pub name: &'static str,
    /// Whether `up` does without it: it is only downloaded if the user names it.
    pub optional: bool,
    pub pin: &'static str,
    /// The arguments that make it print its version without contacting a cluster.
    pub version_args: &'static [&'static str],
    prints: Prints,
    compatible: Compatible,
}

/// How a tool prints its version.
#[derive(Debug)]
enum Prints {
    /// JSON with the version at this pointer.
    Json(&'static str),
    /// A line that begins with this text, followed by the version.
    After(&'static str),
}

/// Which versions can be used instead of the wanted one.
#[derive(Debug)]
enum Compatible {
    /// Within one minor version of the API server, which is what Kubernetes supports.
    WithCluster,
    SameMajor,
    /// The wanted version or a later patch of it.
    SameMinor,
}

/// The versions that a tool has to go with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tool's own: of `versions.toml`, or of its pin where nothing else has to go with it.
    pub tool: Version,
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

    pub fn parse(&self, output: &str) -> Option<Version> {
        let text = match self.prints {
            Json(pointer) => {
                let json: serde_json::Value = serde_json::from_str(output).ok()?;
                json.pointer(pointer)?.as_str()?.to_owned()
            }
            After(label) => {
                let rest = output.lines().find_map(|line| line.trim().strip_prefix(label))?;
                rest.split_whitespace().next()?.to_owned()
            }
        };
        Version::parse(text.strip_prefix('v').unwrap_or(&text)).ok()
    }

    /// Why a version cannot be used; the reason completes "version X …".
    pub fn fits(&self, version: &Version, wanted: &Wanted) -> Result<(), String> {
        let Wanted { tool, cluster } = wanted;
        match self.compatible {
            WithCluster if version.major != cluster.major || version.minor.abs_diff(cluster.minor) > 1 => {
                let (major, minor) = (cluster.major, cluster.minor);
                Err(format!("is more than one minor version away from the cluster's {major}.{minor}"))
            }
            SameMajor if version.major != tool.major => {
                Err(format!("is not of major version {}", tool.major))
            }
            SameMinor if (version.major, version.minor) != (tool.major, tool.minor) || version < tool => {
                Err(format!("is not {tool} or a later {}.{}", tool.major, tool.minor))
            }
            _ => Ok(()),
        }
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
        Error::usage(format!("versions.toml: `{key}` is \"{text}\", which is not a version")).because(error)
    })
}

#[cfg(test)]
mod tests;
