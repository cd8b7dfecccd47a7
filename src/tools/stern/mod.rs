//! stern: follows the logs of several pods.

use semver::Version;

use super::{ToolSpec, Wanted, labelled, same_major};

pub const SPEC: ToolSpec = ToolSpec {
    name: "stern",
    optional: true,
    pin: include_str!("pin.toml"),
    version_args: &["--version"],
    parse,
    fits,
};

/// `version: 1.34.0`
fn parse(text: &str) -> Option<Version> {
    labelled(text, "version:")
}

/// Any of the same major version shows the same cluster.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    same_major(version, &wanted.tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_says() {
        let said = "version: 1.34.0\ncommit: 0";
        assert_eq!(parse(said), Some(SPEC.pin().unwrap().version));
        assert_eq!(parse("usage: …"), None);
    }
}
