//! Runs kube-score on what the application's chart renders: each critical finding is an error, or ignored for a written reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::setup;
use crate::shell::{self, Result, root};

/// The reason for each ignored check, by the name that `kube-score list` gives it.
const IGNORED: &str = "tests/chart/kube-score.json";
/// The oldest version that the chart accepts.
const KUBERNETES: &str = "v1.30";
/// The grade of critical findings (`scorecard.GradeCritical` in kube-score).
const CRITICAL: u64 = 1;

pub(crate) struct Score {
    program: PathBuf,
    ignored: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

impl Score {
    pub(crate) fn new() -> Result<Self> {
        let program = setup::go_tool("github.com/zegl/kube-score/cmd/kube-score")?;
        let text = std::fs::read_to_string(root().join(IGNORED));
        let text = text.map_err(|error| format!("cannot read {IGNORED}: {error}"))?;
        let ignored = serde_json::from_str(&text).map_err(|error| format!("{IGNORED}: {error}"))?;
        Ok(Self { program, ignored, used: BTreeSet::new() })
    }

    /// Checks the objects that the chart renders from the values files `what`.
    pub(crate) fn check(&mut self, what: &str, rendered: &str) -> Result {
        let args = ["score", "--kubernetes-version", KUBERNETES, "--output-format", "json", "-"];
        // The status only tells whether there are critical findings.
        let call = shell::cmd(&root(), &self.program, args).stdin_bytes(rendered).unchecked();
        let output = call.read().map_err(|error| format!("cannot start kube-score: {error}"))?;
        let objects: Vec<Value> =
            serde_json::from_str(&output).map_err(|error| format!("kube-score printed no JSON: {error}"))?;
        let wrong = self.not_ignored(&objects);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("kube-score, with {what}:\n  {}", wrong.join("\n  ")))
        }
    }

    fn not_ignored(&mut self, objects: &[Value]) -> Vec<String> {
        let mut wrong = Vec::new();
        for object in objects {
            for finding in list(&object["checks"]).iter().filter(|one| critical(one)) {
                let id = finding["check"]["id"].as_str().unwrap_or_default();
                if self.ignored.contains_key(id) {
                    self.used.insert(id.to_owned());
                } else {
                    let comments = list(&finding["comments"]).iter();
                    let said: Vec<&str> = comments.filter_map(|one| one["summary"].as_str()).collect();
                    let name = object["object_name"].as_str().unwrap_or_default();
                    wrong.push(format!("{name}: {id}: {}", said.join("; ")));
                }
            }
        }
        wrong
    }

    /// Fails if a check is ignored that finds nothing.
    pub(crate) fn finish(self) -> Result {
        let unused: Vec<&String> = self.ignored.keys().filter(|id| !self.used.contains(*id)).collect();
        println!("kube-score found nothing critical; {} checks are ignored ({IGNORED})", self.used.len());
        if unused.is_empty() {
            Ok(())
        } else {
            Err(format!("{IGNORED}: nothing needs {unused:?}: remove it"))
        }
    }
}

fn critical(finding: &Value) -> bool {
    finding["grade"] == CRITICAL && finding["skipped"] != true
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_findings_need_a_reason_and_reasons_a_finding() {
        let finding = |id: &str, grade: u64, skipped: bool| {
            serde_json::json!({
                "check": { "id": id }, "grade": grade, "skipped": skipped,
                "comments": [{ "summary": format!("{id} is wrong") }],
            })
        };
        let objects = [serde_json::json!({
            "object_name": "Deployment/apps/v1//web",
            "checks": [finding("a", 1, false), finding("b", 1, false), finding("c", 5, false), finding("d", 1, true)],
        })];
        let score = |ignored: &[&str]| Score {
            program: PathBuf::new(),
            ignored: ignored.iter().map(|id| ((*id).to_owned(), "known".to_owned())).collect(),
            used: BTreeSet::new(),
        };
        assert_eq!(score(&["a"]).not_ignored(&objects), ["Deployment/apps/v1//web: b: b is wrong"]);
        let mut all = score(&["a", "b", "c"]);
        assert!(all.not_ignored(&objects).is_empty());
        assert!(all.finish().unwrap_err().contains("nothing needs [\"c\"]"));
    }
}
