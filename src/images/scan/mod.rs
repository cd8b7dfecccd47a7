//! Known vulnerabilities in an image, found by a scanner that is installed on this machine.

mod grype;
mod trivy;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::files::sha256_file;
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// From harmless to grave. Trivy knows no `negligible`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Unknown,
    Negligible,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Negligible, Self::Unknown];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// A word that no scanner uses today counts as unknown, never as harmless.
    pub fn parse(text: &str) -> Self {
        let known = Self::ALL.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(text));
        known.unwrap_or(Self::Unknown)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub id: String,
    pub package: String,
    pub installed: String,
    /// The versions that fix it; empty if there is none.
    pub fixed: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Trivy,
    Grype,
}

/// A scanner on PATH, or one that `tools install` fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scanner {
    pub kind: Kind,
    pub path: PathBuf,
    pub sha256: String,
}

impl Scanner {
    /// The first of trivy and grype on PATH.
    pub fn find(process_env: &ProcessEnv) -> Result<Option<Self>> {
        let Some(path) = process_env.env.get("PATH") else { return Ok(None) };
        for kind in Kind::ALL {
            if let Ok(path) = which::which_in(kind.name(), Some(path), &process_env.cwd) {
                let sha256 = sha256_file(&path)?.0;
                return Ok(Some(Self { kind, path, sha256 }));
            }
        }
        Ok(None)
    }

    /// The findings of the image `name`, the gravest first, without access to the engine or the registry.
    pub fn scan(&self, task: &Task<'_>, name: &str, archive: &Path) -> Result<Vec<Finding>> {
        task.say(format!("scanning {name} with {}", self.kind.name()));
        let cmd = Cmd::new(&self.path, format!("scan {name}")).inherit(Inherit::Scanner);
        let cmd = match self.kind {
            Kind::Trivy => cmd.args(["image", "--input"]).path(archive).args(trivy::OPTIONS),
            Kind::Grype => cmd.arg(format!("docker-archive:{}", archive.display())).args(grype::OPTIONS),
        };
        let output = task.run(&cmd).map_err(|error| self.help(error))?;
        let read = match self.kind {
            Kind::Trivy => trivy::parse(&output.stdout),
            Kind::Grype => grype::parse(&output.stdout),
        };
        let mut findings = read.map_err(|error| {
            let what = format!("cannot {}: `{}` printed no valid report", cmd.purpose, cmd.argv());
            self.help(Error::failed(what).because(error))
        })?;
        findings.sort_by(|a, b| {
            (b.severity, &a.package, &a.id, &a.installed).cmp(&(a.severity, &b.package, &b.id, &b.installed))
        });
        findings.dedup();
        Ok(findings)
    }

    fn help(&self, error: Error) -> Error {
        let name = self.kind.name();
        error.help(format!(
            "{name} --version   # the scanner needs its vulnerability database; see its manual"
        ))
    }
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Trivy, Self::Grype];

    pub fn name(self) -> &'static str {
        match self {
            Self::Trivy => "trivy",
            Self::Grype => "grype",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn scanner(kind: Kind) -> Scanner {
        Scanner { kind, path: kind.name().into(), sha256: "aa".to_owned() }
    }

    fn scan(script: &Script, kind: Kind) -> Result<Vec<Finding>> {
        with_task(script, |task| scanner(kind).scan(task, "web:1", Path::new("/tmp/x/image.tar"))).0
    }

    #[test]
    fn the_gravest_comes_first_and_nothing_twice() {
        let one = |id: &str, severity: &str| {
            format!(
                r#"{{"VulnerabilityID":"{id}","PkgName":"p","InstalledVersion":"1","Severity":"{severity}"}}"#
            )
        };
        let all = [one("A", "LOW"), one("B", "CRITICAL"), one("A", "LOW"), one("C", "NEW")].join(",");
        let script = Script::default().on(
            "trivy image --input /tmp/x/image.tar",
            0,
            &format!(r#"{{"Results":[{{"Vulnerabilities":[{all}]}}]}}"#),
        );
        let found = scan(&script, Kind::Trivy).unwrap();
        let said: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.severity)).collect();
        assert_eq!(said, [("B", Severity::Critical), ("A", Severity::Low), ("C", Severity::Unknown)]);
    }

    #[test]
    fn a_scanner_that_fails_is_an_error_and_no_clean_image() {
        let script = Script::default().on_err(
            "grype docker-archive:/tmp/x/image.tar",
            1,
            "",
            "failed to load vulnerability db",
        );
        let error = scan(&script, Kind::Grype).unwrap_err().to_string();
        assert!(error.contains("failed to load") && error.contains("help: grype --version"), "{error}");
        let script = Script::default().on("trivy image", 0, "{}");
        assert!(scan(&script, Kind::Trivy).unwrap().is_empty());
        let script = Script::default().on("trivy image", 0, "");
        assert!(scan(&script, Kind::Trivy).is_err());
    }
}
