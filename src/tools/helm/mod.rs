//! helm: installs the application's chart.

use semver::Version;

use super::{ToolSpec, Wanted, parse_version};

pub const SPEC: ToolSpec = ToolSpec {
    name: "helm",
    optional: false,
    pin: include_str!("pin.toml"),
    version_args: &["version", "--template", "{{.Version}}"],
    parse: parse_version,
    fits,
};

/// Flags and the records of releases are the same within a major version.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    if version.major == wanted.tool.major {
        return Ok(());
    }
    Err(format!("is not of Helm {}", wanted.tool.major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_decides() {
        let wanted = Wanted { tool: Version::new(4, 3, 0), cluster: Version::new(1, 34, 4) };
        assert!(fits(&parse_version("v4.0.1\n").unwrap(), &wanted).is_ok());
        assert_eq!(fits(&parse_version("v3.19.0").unwrap(), &wanted).unwrap_err(), "is not of Helm 4");
    }
}
