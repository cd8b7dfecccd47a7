//! What minikube's reasons mean to the user: our own code, one sentence, the command that mends it.
//!
//! Ids and exit codes: `pkg/minikube/reason/{reason,known_issues,exitcodes}.go` of minikube v1.38.1.

mod machine;
mod node;

use super::events::Failure;
use crate::error::{Error, Kind};

/// What a reason means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// A clause without a full stop.
    pub what: &'static str,
    /// An exact command, or the one thing to change.
    pub help: &'static str,
}

/// The finding for a reason's id, else for the group that its beginning or its exit code belongs
/// to. `exit` is the status that minikube ended with, or was to end with.
pub fn find(id: &str, exit: Option<i32>) -> Finding {
    let known = known().find(|(pattern, ..)| matches(pattern, id));
    if let Some((_, code, what, help)) = known {
        return Finding { code, what, help };
    }
    let by_name =
        GROUPS.iter().find(|group| !id.is_empty() && group.0.iter().any(|start| id.starts_with(start)));
    let by_exit = || GROUPS.iter().find(|group| exit.is_some_and(|exit| group.1.contains(&exit)));
    let (code, what, help) =
        by_name.or_else(by_exit).map_or(("minikube-failed", "minikube failed", DOCTOR), |group| group.2);
    Finding { code, what, help }
}

/// The error for the user: our sentence, minikube's own as the cause, the remedy.
pub fn explain(failure: &Failure) -> Error {
    let finding = find(&failure.id, failure.exit_code);
    let exit = match failure.exit_code {
        // Resources, host, driver and provider: the machine has to change first.
        Some(20..=39 | 50..=69) => Kind::HostNotReady,
        _ if failure.id == "MK_INTERRUPTED" => Kind::Interrupted,
        _ => Kind::Failed,
    };
    let said = failure.message.strip_prefix("Exiting due to ").unwrap_or(&failure.message);
    let error = Error::new(exit, format!("minikube failed: {} ({})", finding.what, finding.code))
        .because(said)
        .help(finding.help);
    match failure.url.as_str() {
        "" => error,
        url => error.help(format!("see {url}")),
    }
}

/// `*` in a pattern stands for anything that is not empty.
fn matches(pattern: &str, id: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == id,
        Some((start, end)) => {
            id.len() > start.len() + end.len() && id.starts_with(start) && id.ends_with(end)
        }
    }
}

/// Id or pattern, code, what it means, what to do. Literal ids stand before patterns over them.
type Row = (&'static str, &'static str, &'static str, &'static str);

fn known() -> impl Iterator<Item = &'static Row> {
    machine::ROWS.iter().chain(node::ROWS)
}

const DOCTOR: &str = "todo-bootstrap doctor   # checks what this machine lacks";
const AGAIN: &str = "todo-bootstrap up   # continues from here";
const ANEW: &str =
    "todo-bootstrap down --yes && todo-bootstrap up   # recreates the cluster; its data is lost";
const AUTO: &str = "set cpus = \"auto\" and memory = \"auto\" in [cluster] of the profile";
const NETWORK: &str = "todo-bootstrap up   # continues once the network and HTTPS_PROXY are fixed";
const KIND: &str = "todo-bootstrap up --profile kind   # creates the cluster without minikube";
const OTHER: &str = "remove `driver` from [cluster] of the profile to use the driver that fits this machine";

/// The beginnings of ids, the exit codes, and what all of the group have in common. The names
/// come first in a look-up: some ids end with a code of another group.
type Group =
    (&'static [&'static str], std::ops::RangeInclusive<i32>, (&'static str, &'static str, &'static str));

const GROUPS: &[Group] = &[
    (
        &["MK_", "NOT_FOUND_", "NOT_CONFIGURED_"],
        10..=19,
        ("minikube-program", "minikube itself failed, or does not support the request", DOCTOR),
    ),
    (&["RSRC_"], 20..=29, ("minikube-resources", "this machine lacks a resource", AUTO)),
    (
        &["HOST_"],
        30..=39,
        ("minikube-host", "a problem with this machine or its files prevented minikube from working", DOCTOR),
    ),
    (&["INET_"], 40..=49, ("minikube-internet", "a download from the internet failed", NETWORK)),
    (&["DRV_", "ENV_"], 50..=59, ("minikube-driver", "the driver does not work on this machine", OTHER)),
    (
        &["PROVIDER_", "PR_"],
        60..=69,
        ("minikube-provider", "the software that the driver needs does not work", DOCTOR),
    ),
    (&["IF_"], 70..=79, ("minikube-local-network", "a network on this machine could not be used", DOCTOR)),
    (&["GUEST_"], 80..=89, ("minikube-node", "an operation in the node failed", ANEW)),
    (
        &["RUNTIME_", "RT_", "SSH_"],
        90..=99,
        ("minikube-runtime", "the node's container runtime failed", ANEW),
    ),
    (&["K8S_"], 100..=109, ("minikube-control-plane", "Kubernetes did not start in the node", ANEW)),
    (&["SVC_", "TUNNEL_"], 110..=119, ("minikube-service", "a service in the cluster did not answer", AGAIN)),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids() -> Vec<&'static str> {
        include_str!("recorded/reason-ids.txt").lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn every_id_is_one_of_minikubes() {
        let ids = ids();
        assert!(known().count() >= 35 && ids.len() > 200);
        for (id, ..) in known() {
            let there =
                ids.contains(id) || ids.iter().any(|pattern| pattern.contains('*') && matches(pattern, id));
            assert!(there, "minikube has no reason {id}");
        }
    }

    #[test]
    fn codes_are_kebab_case_and_ids_stand_once_before_their_patterns() {
        let mut seen = HashSet::new();
        for (id, code, what, help) in known() {
            assert!(seen.insert(*id), "{id} stands twice");
            assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
            assert!(!what.ends_with('.') && !help.is_empty(), "{id}");
            if !id.contains('*') {
                assert_eq!(find(id, None), Finding { code, what, help }, "{id} is behind a pattern");
            }
        }
    }

    #[test]
    fn every_reason_belongs_to_a_group() {
        let lost: Vec<_> = ids().into_iter().filter(|id| find(id, None).code == "minikube-failed").collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn an_unknown_reason_is_told_by_its_name_then_by_its_status() {
        let code = |id: &str, exit: Option<i32>| find(id, exit).code;
        assert_eq!(code("PROVIDER_QEMU2_NOT_FOUND", None), "provider-absent");
        assert_eq!(code("GUEST_NEW_THING", Some(29)), "minikube-node");
        assert_eq!(code("SOMETHING", Some(23)), "minikube-resources");
        for (exit, expected) in
            [(10, "program"), (37, "host"), (49, "internet"), (59, "driver"), (69, "provider")]
        {
            assert_eq!(code("", Some(exit)), format!("minikube-{expected}"));
        }
        for (exit, expected) in [(70, "local-network"), (80, "node"), (99, "runtime"), (109, "control-plane")]
        {
            assert_eq!(code("", Some(exit)), format!("minikube-{expected}"));
        }
        assert_eq!((code("", Some(110)), code("", Some(1))), ("minikube-service", "minikube-failed"));
        assert_eq!(code("", None), "minikube-failed");
    }

    #[test]
    fn the_user_reads_our_sentence_and_minikubes_cause() {
        let failure = Failure {
            id: "PROVIDER_VFKIT_NOT_FOUND".to_owned(),
            exit_code: Some(65),
            message: "Exiting due to PROVIDER_VFKIT_NOT_FOUND: not found: exec: \"vfkit\"".to_owned(),
            url: "https://minikube.sigs.k8s.io/docs/drivers/vfkit/".to_owned(),
            ..Failure::default()
        };
        let error = explain(&failure);
        assert_eq!(error.exit(), crate::error::Exit::HostNotReady);
        assert_eq!(error.what(), "minikube failed: vfkit is not installed (vfkit-absent)");
        assert_eq!(error.causes(), ["PROVIDER_VFKIT_NOT_FOUND: not found: exec: \"vfkit\""]);
        assert_eq!(error.hints()[0], "brew install vfkit");
        assert_eq!(explain(&Failure::default()).exit(), crate::error::Exit::Failed);
    }
}
