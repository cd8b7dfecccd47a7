//! The findings of `doctor` about the machine: a table of probes, each with a stable code.
//!
//! Probes are independent, so they can run in parallel. All except the ports' only use recorded facts.

mod artifacts;
mod certificate;
mod engine;
#[cfg(test)]
mod faults;
mod fix;
mod folders;
mod hosts;
mod kernel;
mod network;
mod round;
mod size;
mod support;

pub use artifacts::{Artifacts, BUNDLE, by_reason};
pub use certificate::{Login, not_after};
pub use fix::Fix;
pub use round::{HostAnswer, Quota, Trouble, ask_all};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::cluster::Need;
use crate::config::Versions;
use crate::data::Data;
use crate::engine::{Engine, Fault};
use crate::error::Result;
use crate::host::{Details, Facts};
use crate::pins::{Due, Images, Support, due};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Ok,
    /// It works, with a disadvantage that the detail names.
    Warn,
    /// `up` will not succeed.
    Fail,
}

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stable, kebab-case; docs/TROUBLESHOOTING.md explains it.
    pub code: &'static str,
    pub title: &'static str,
    pub severity: Severity,
    pub detail: String,
    /// An exact command, or the one thing to change.
    pub remedy: Option<String>,
    /// The remedy as commands that `doctor --fix` runs; `None` if only the user can apply it.
    pub fix: Option<Fix>,
}

/// The pinned versions, and how long they are supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    pub today: Date,
    pub support: Support,
    /// The pinned versions, ordered by the end of their support.
    pub due: Vec<Due>,
}

impl Pinned {
    /// The versions that `data` pins, on the day `today`.
    pub fn load(data: &Data, today: Date) -> Result<Self> {
        let (support, versions) = (Support::load(data)?, Versions::load(data)?);
        let due = due(&support, &versions, &Images::load(data, &versions)?, today);
        Ok(Self { today, support, due })
    }
}

/// The input of the probes.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub facts: &'a Facts,
    pub details: &'a Details,
    pub engine: Option<&'a Engine>,
    pub fault: Option<&'a Fault>,
    /// The minor version of Kubernetes in a new cluster.
    pub kubernetes_minor: u64,
    /// The requirements of the node, its addons and the application's smallest preset together.
    pub need: Need,
    /// The free bytes that `up` requires before it creates a cluster; 0 if there is one.
    pub disk: u64,
    /// The free bytes where the engine stores images, if that is on a disk of this machine.
    pub engine_disk: Option<u64>,
    pub pinned: Option<&'a Pinned>,
    /// What `up` needs; `None` if the files that tell it cannot be read.
    pub artifacts: Option<&'a Artifacts>,
    /// The user of the existing cluster.
    pub login: Option<&'a Login>,
    /// The name or file of the profile.
    pub profile: &'a str,
    pub now: Timestamp,
}

/// A probe of `doctor`.
pub struct Probe {
    pub code: &'static str,
    pub title: &'static str,
    /// Whether it does not depend on the engine, so that it can run while the engine is detected.
    pub alone: bool,
    run: fn(&Inputs<'_>) -> Answer,
}

/// Severity, detail and fix; a fault of the engine has a code and a title of its own.
struct Answer {
    severity: Severity,
    detail: String,
    remedy: Option<String>,
    fault: Option<(&'static str, &'static str)>,
    fix: Option<Fix>,
}

impl Answer {
    fn ok(detail: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, detail: detail.into(), remedy: None, fault: None, fix: None }
    }

    fn warn(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, remedy: Some(remedy.into()), ..Self::ok(detail) }
    }

    fn fail(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Fail, ..Self::warn(detail, remedy) }
    }

    /// A problem that these commands remedy, after a question.
    fn solved(severity: Severity, detail: impl Into<String>, commands: &[String]) -> Self {
        let answer = Self { severity, ..Self::warn(detail, commands.join(" && ")) };
        answer.fixed_by(Fix::asking(commands.iter().cloned()))
    }

    fn fixed_by(self, fix: Fix) -> Self {
        Self { fix: Some(fix), ..self }
    }

    /// Under a code and a title of its own.
    fn called(self, code: &'static str, title: &'static str) -> Self {
        Self { fault: Some((code, title)), ..self }
    }
}

impl Probe {
    pub fn run(&self, inputs: &Inputs<'_>) -> Finding {
        let Answer { severity, detail, remedy, fault, fix } = (self.run)(inputs);
        let (code, title) = fault.unwrap_or((self.code, self.title));
        Finding { code, title, severity, detail, remedy, fix }
    }
}

/// Every probe, in the order in which the findings are shown.
pub const PROBES: &[Probe] = &[
    Probe { code: "host-platform", title: "operating system", alone: false, run: size::platform },
    Probe { code: "host-cpu", title: "CPUs", alone: false, run: size::cpu },
    Probe { code: "host-memory", title: "memory", alone: false, run: size::memory },
    Probe { code: "host-disk", title: "disk", alone: false, run: size::disk },
    Probe { code: "engine-disk", title: "disk of the engine", alone: false, run: size::engine_disk },
    Probe { code: "engine", title: "container engine", alone: false, run: engine::answers },
    Probe { code: "engine-builder", title: "image builder", alone: false, run: engine::builder },
    Probe { code: "port-http", title: "port 80", alone: true, run: |inputs| network::port(inputs, 80) },
    Probe { code: "port-https", title: "port 443", alone: true, run: |inputs| network::port(inputs, 443) },
    Probe { code: "cgroup-version", title: "control groups", alone: false, run: kernel::cgroup_version },
    Probe { code: "cgroup-unmounted", title: "cgroup v1 controllers", alone: false, run: kernel::unmounted },
    Probe { code: "capabilities-cut", title: "capabilities", alone: false, run: kernel::capabilities },
    Probe {
        code: "gateway-ca",
        title: "added certificate authorities",
        alone: false,
        run: network::authorities,
    },
    Probe { code: "proxy-set", title: "proxies", alone: false, run: network::proxies },
    Probe { code: "artifacts", title: "artifacts", alone: false, run: artifacts::available },
    Probe { code: "network", title: "download hosts", alone: false, run: hosts::reachable },
    Probe { code: "rate-limit", title: "rate limits of registries", alone: false, run: hosts::rate_limit },
    Probe { code: "clock-skew", title: "clock", alone: false, run: hosts::clock },
    Probe { code: "folders", title: "folders", alone: false, run: folders::usable },
    Probe { code: "inotify-limit", title: "watched files", alone: false, run: kernel::inotify },
    Probe { code: "credential-helper", title: "credential helpers", alone: false, run: engine::helpers },
    Probe {
        code: "certificate-expired",
        title: "certificate of the cluster's user",
        alone: false,
        run: certificate::of_cluster,
    },
    Probe { code: "support-ends", title: "supported versions", alone: false, run: support::pins },
];

/// The inputs of probes without an engine, where all that `up` needs is there.
#[cfg(test)]
fn inputs(facts: &Facts) -> Inputs<'_> {
    static DETAILS: Details = Details { folders: Vec::new(), inotify: None, helpers: None };
    Inputs {
        facts,
        details: &DETAILS,
        engine: None,
        fault: None,
        kubernetes_minor: 34,
        need: crate::cluster::control_plane(),
        disk: crate::cluster::needed_disk(1, 0),
        engine_disk: None,
        pinned: None,
        artifacts: None,
        login: None,
        profile: "kind",
        now: Timestamp::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::testing::engine;
    use crate::host::recorded::{alpine, debian, macos, micro_vm, windows, wsl};

    fn findings(
        facts: &Facts,
        engine: Option<&Engine>,
        fault: Option<&Fault>,
        kubernetes_minor: u64,
    ) -> Vec<Finding> {
        let inputs = Inputs { engine, fault, kubernetes_minor, ..inputs(facts) };
        PROBES.iter().map(|probe| probe.run(&inputs)).collect()
    }

    fn severity(findings: &[Finding], code: &str) -> Severity {
        findings.iter().find(|finding| finding.code == code).unwrap().severity
    }

    #[test]
    fn every_finding_has_a_code_of_its_own_and_every_trouble_a_remedy() {
        let codes: BTreeSet<_> = PROBES.iter().map(|probe| probe.code).collect();
        assert_eq!(codes.len(), PROBES.len());
        let kebab = |code: &str| {
            code.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        let absent = Fault::Absent;
        for facts in [debian(), alpine(), wsl(), macos(), windows(), micro_vm()] {
            for (engine, fault) in [(Some(engine()), None), (None, Some(&absent))] {
                let findings = findings(&facts, engine.as_ref(), fault, 36);
                let absent = findings.iter().find(|finding| finding.code == "engine-absent");
                let severity = fault.map(|_| Severity::Fail);
                assert_eq!(absent.map(|finding| finding.severity), severity, "a fault brings its code");
                for finding in findings {
                    assert!(kebab(finding.code), "{finding:?}");
                    let trouble = finding.severity != Severity::Ok;
                    assert_eq!(trouble, finding.remedy.is_some(), "{finding:?}");
                    assert!(!finding.detail.is_empty(), "{finding:?}");
                }
            }
        }
    }

    #[test]
    fn the_hardest_machine_works_with_what_we_know_of_it() {
        let engine = engine();
        let found = findings(&micro_vm(), Some(&engine), None, 35);
        assert!(found.iter().all(|finding| finding.severity != Severity::Fail), "{found:?}");
        assert_eq!(severity(&found, "cgroup-version"), Severity::Warn);
        assert_eq!(severity(&found, "capabilities-cut"), Severity::Ok, "the runtime is bounded");
        let podman = Engine { name: "podman".to_owned(), runtime: "crun".to_owned(), ..engine.clone() };
        let found = findings(&micro_vm(), Some(&podman), None, 35);
        assert_eq!(severity(&found, "capabilities-cut"), Severity::Ok, "seen with Podman 5.8");
        let found = findings(&micro_vm(), Some(&Engine { runtime: "runc".to_owned(), ..engine }), None, 38);
        assert_eq!(severity(&found, "cgroup-version"), Severity::Fail);
        assert_eq!(severity(&found, "capabilities-cut"), Severity::Fail);
    }
}
