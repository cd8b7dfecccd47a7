//! Reports pinned versions that are about to lose support, according to `doctor`.

use serde_json::Value;

use crate::shell::{Result, binary, cmd, root};

/// The code of the finding.
const CODE: &str = "support-ends";

/// Prints a warning if a version is about to lose support. This is not a failure: otherwise every
/// old checkout would fail.
pub(crate) fn tell() -> Result {
    let doctor = cmd(&root(), &binary(), ["doctor", "--output", "json"]);
    // `doctor` also reports on the machine, and fails if that is not ready.
    let output = doctor.stdout_capture().stderr_null().unchecked().run();
    let output = output.map_err(|error| format!("cannot start {}: {error}", binary().display()))?;
    println!("{}", told(&output.stdout)?);
    Ok(())
}

fn told(findings: &[u8]) -> Result<String> {
    let findings: Vec<Value> =
        serde_json::from_slice(findings).map_err(|error| format!("`doctor` printed no JSON: {error}"))?;
    let finding = findings.iter().find(|finding| finding["code"] == CODE);
    let finding = finding.ok_or_else(|| format!("`doctor` has no finding {CODE}"))?;
    let detail = finding["detail"].as_str().unwrap_or_default();
    Ok(match finding["severity"].as_str() {
        Some("ok") => detail.to_owned(),
        _ => format!("WARNING: {detail}: pin newer versions (cargo xtask pins update, versions.toml)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_from_what_is_fine() {
        let finding = |severity: &str| {
            format!(
                r#"[{{"code": "a"}}, {{"code": "support-ends", "severity": "{severity}", "detail": "X ends"}}]"#
            )
        };
        assert_eq!(told(finding("ok").as_bytes()).unwrap(), "X ends");
        assert!(told(finding("warn").as_bytes()).unwrap().starts_with("WARNING: X ends: "));
        assert!(told(b"[]").unwrap_err().contains(CODE));
        assert!(told(b"error").unwrap_err().contains("no JSON"));
    }
}
