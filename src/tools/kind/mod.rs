//! kind: makes the cluster's node container.

use semver::Version;

use super::{ToolSpec, Wanted, parse_version, same_minor};

pub const SPEC: ToolSpec = ToolSpec {
    name: "kind",
    optional: false,
    pin: include_str!("pin.toml"),
    version_args: &["version"],
    parse,
    fits,
};

/// `kind v0.33.0 go1.24.1 linux/amd64`
fn parse(text: &str) -> Option<Version> {
    let mut words = text.split_whitespace();
    words.next().filter(|word| *word == "kind")?;
    parse_version(words.next()?)
}

/// Before 1.0, each minor version changes what it expects of a node image.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    same_minor(version, &wanted.tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_minor_and_not_older() {
        let wanted = Wanted { tool: Version::new(0, 33, 1), cluster: Version::new(1, 34, 4) };
        let verdict = |text: &str| fits(&parse(text).unwrap(), &wanted);
        assert!(verdict("kind v0.33.2 go1.24.1 linux/amd64").is_ok());
        assert!(verdict("kind v0.33.0 go1.24.1 linux/amd64").is_err());
        assert!(verdict("kind v0.34.0 go1.24.1 linux/amd64").is_err());
        assert_eq!(parse("kind: usage"), None);
    }
}
