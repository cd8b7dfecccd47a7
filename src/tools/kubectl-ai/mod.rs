//! kubectl-ai: asks a language model about the cluster.

use semver::Version;

use super::{ToolSpec, Wanted, labelled, same_minor};

pub const SPEC: ToolSpec = ToolSpec {
    name: "kubectl-ai",
    optional: true,
    pin: include_str!("pin.toml"),
    version_args: &["version"],
    parse,
    fits,
};

/// `version: 0.0.5`
fn parse(text: &str) -> Option<Version> {
    labelled(text, "version:")
}

/// What it prints, and what it takes, changes with minor versions.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    same_minor(version, &wanted.tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_says() {
        let said = "version: 0.0.5\ncommit: 0";
        assert_eq!(parse(said), Some(SPEC.pin().unwrap().version));
        assert_eq!(parse("usage: …"), None);
    }
}
