//! minikube: makes the cluster's node, in a container or a virtual machine.

use semver::Version;

use super::{ToolSpec, Wanted, parse_version, same_minor};

pub const SPEC: ToolSpec = ToolSpec {
    name: "minikube",
    optional: false,
    pin: include_str!("pin.toml"),
    version_args: &["version", "--short"],
    parse: parse_version,
    fits,
};

/// Flags and node images come and go with minor versions, and what is kept of a cluster is not read
/// by older ones.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    same_minor(version, &wanted.tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_minor_and_not_older() {
        let wanted = Wanted { tool: Version::new(1, 38, 1), cluster: Version::new(1, 34, 4) };
        let verdict = |text: &str| fits(&parse_version(text).unwrap(), &wanted);
        assert!(verdict("v1.38.1\n").is_ok() && verdict("v1.38.2").is_ok());
        assert!(verdict("v1.38.0").is_err() && verdict("v1.39.0").is_err());
        assert_eq!(parse_version("minikube version: v1.38.1"), None);
    }
}
