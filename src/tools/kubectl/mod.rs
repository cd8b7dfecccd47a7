//! kubectl: for the user's own use; we talk to the API server directly.

use semver::Version;
use serde_json::Value;

use super::{ToolSpec, Wanted, parse_version};

pub const SPEC: ToolSpec = ToolSpec {
    name: "kubectl",
    optional: false,
    pin: include_str!("pin.toml"),
    version_args: &["version", "--client", "-o", "json"],
    parse,
    fits,
};

fn parse(text: &str) -> Option<Version> {
    let json: Value = serde_json::from_str(text).ok()?;
    parse_version(json["clientVersion"]["gitVersion"].as_str()?)
}

/// Kubernetes supports kubectl within one minor version of the API server.
fn fits(version: &Version, wanted: &Wanted) -> Result<(), String> {
    let cluster = &wanted.cluster;
    if version.major == cluster.major && version.minor.abs_diff(cluster.minor) <= 1 {
        return Ok(());
    }
    Err(format!("is more than one minor version away from the cluster's {}.{}", cluster.major, cluster.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_minor_away_is_near_enough() {
        let wanted = Wanted { tool: Version::new(1, 34, 5), cluster: Version::new(1, 34, 4) };
        let said = |version: &str| format!(r#"{{"clientVersion":{{"gitVersion":"{version}"}}}}"#);
        let verdict = |version: &str| fits(&parse(&said(version)).unwrap(), &wanted);
        assert!(verdict("v1.33.0").is_ok() && verdict("v1.35.9").is_ok());
        let why = verdict("v1.32.4-dispatcher").unwrap_err();
        assert!(why.contains("1.34"), "{why}");
        assert!(verdict("v1.36.0").is_err() && verdict("v2.34.0").is_err());
    }
}
