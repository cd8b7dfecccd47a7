//! Trivy, <https://trivy.dev>.

use serde::Deserialize;

use super::{Finding, Severity};

pub(super) const OPTIONS: [&str; 7] =
    ["--scanners", "vuln", "--format", "json", "--quiet", "--exit-code", "0"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    /// Absent where it found nothing to look at.
    results: Option<Vec<Scanned>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scanned {
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    pkg_name: String,
    #[serde(default)]
    installed_version: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    severity: String,
}

pub(super) fn parse(text: &[u8]) -> serde_json::Result<Vec<Finding>> {
    let report: Report = serde_json::from_slice(text)?;
    let all = report.results.into_iter().flatten().filter_map(|scanned| scanned.vulnerabilities).flatten();
    let finding = |found: Vulnerability| Finding {
        severity: Severity::parse(&found.severity),
        id: found.id,
        package: found.pkg_name,
        installed: found.installed_version,
        fixed: found.fixed_version,
    };
    Ok(all.map(finding).collect())
}
