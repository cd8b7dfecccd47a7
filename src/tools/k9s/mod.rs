//! k9s: a view of the cluster in the terminal.

use semver::Version;

use super::{ToolSpec, Wanted, labelled, same_major};

pub const SPEC: ToolSpec = ToolSpec {
    name: "k9s",
    optional: true,
    pin: include_str!("pin.toml"),
    version_args: &["version", "-s"],
    parse,
    fits,
};

/// `Version              v0.51.0`
fn parse(text: &str) -> Option<Version> {
    labelled(text, "Version")
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
        let said = "Version              v0.51.0\nCommit               0";
        assert_eq!(parse(said), Some(SPEC.pin().unwrap().version));
        assert_eq!(parse("usage: …"), None);
    }
}
