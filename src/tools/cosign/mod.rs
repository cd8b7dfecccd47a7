//! cosign: proves who signed a file or an image.

use semver::Version;
use serde_json::Value;

use super::{ToolSpec, Wanted, parse_version, same_minor};

pub const SPEC: ToolSpec = ToolSpec {
    name: "cosign",
    optional: true,
    pin: include_str!("pin.toml"),
    version_args: &["version", "--json"],
    parse,
    fits,
};

/// `{"gitVersion":"v3.1.3",…}`
fn parse(text: &str) -> Option<Version> {
    let json: Value = serde_json::from_str(text).ok()?;
    parse_version(json["gitVersion"].as_str()?)
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
        let said = r#"{"gitVersion":"v3.1.3","gitCommit":"0"}"#;
        assert_eq!(parse(said), Some(SPEC.pin().unwrap().version));
        assert_eq!(parse("usage: …"), None);
    }
}
