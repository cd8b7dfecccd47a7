//! Grype, <https://github.com/anchore/grype>.

use serde::Deserialize;

use super::{Finding, Severity};

pub(super) const OPTIONS: [&str; 3] = ["--output", "json", "--quiet"];

#[derive(Deserialize)]
struct Report {
    matches: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default)]
    severity: String,
    fix: Option<Fix>,
}

#[derive(Deserialize)]
struct Fix {
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    #[serde(default)]
    version: String,
}

pub(super) fn parse(text: &[u8]) -> serde_json::Result<Vec<Finding>> {
    let report: Report = serde_json::from_slice(text)?;
    let finding = |found: Match| Finding {
        severity: Severity::parse(&found.vulnerability.severity),
        id: found.vulnerability.id,
        package: found.artifact.name,
        installed: found.artifact.version,
        fixed: found.vulnerability.fix.and_then(|fix| fix.versions).unwrap_or_default().join(", "),
    };
    Ok(report.matches.into_iter().map(finding).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = br#"{"matches":[{"vulnerability":{"id":"CVE-1","severity":"High",
            "fix":{"versions":["2","3"],"state":"fixed"}},"artifact":{"name":"a","version":"1"}},
            {"vulnerability":{"id":"CVE-2","severity":"Negligible"},"artifact":{"name":"b"}}]}"#;
        let found = parse(text).unwrap();
        assert_eq!((found[0].severity, found[0].fixed.as_str()), (Severity::High, "2, 3"));
        assert_eq!(found[1].severity, Severity::Negligible);
    }
}
