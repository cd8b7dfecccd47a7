//! What must hold while nothing is broken.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;

use crate::bed::{Bed, CPUS, MEMORY_GIB, docker};
use crate::http::Address;
use crate::program::Run;

/// Commands that query the live state every time, or print the size and the address.
const ALWAYS_RUN: &[&str] = &["checks", "preset", "summary"];

pub fn first_up(bed: &Bed) {
    prove(bed, &bed.cold_up());
}

/// `./install.sh --up` and its checks, including the complete journey of a user.
pub fn installed(bed: &Bed) {
    let up = bed.install_and_up();
    prove(bed, &up);
    let journey = bed.call(&["check", "journey", "--output", "json"]).expect(0);
    assert!(journey.stdout.contains("\"passed\": true"), "{}", journey.stdout);
}

fn prove(bed: &Bed, up: &Run) {
    let address = Address::find(&up.stdout, &bed.app.hosts).expect("`up` ends with the address");
    let wanted = bed.taken.local_addr().expect("an address").port();
    assert_ne!(address.port, wanted, "a port that is taken cannot have been used");
    up.expect_said(&wanted.to_string());
    bed.set_address(address);
    bed.expect_page();
    expect_well_formed(up);
    let mode = std::fs::metadata(bed.kubeconfig()).expect("a kubeconfig of its own").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the kubeconfig is private");
    bed.expect_users_kube_config_untouched();
}

pub fn another_up(bed: &Bed) {
    let port = bed.address().port;
    bed.up();
    bed.expect_page();
    assert_eq!(bed.address().port, port, "one ingress controller serves both");
}

fn expect_well_formed(up: &Run) {
    assert!(!up.events.is_empty(), "no events were written:\n{}", up.tail(20));
    for event in &up.events {
        assert!(event.ts.contains('T') && event.ts.ends_with('Z'), "{event:?}");
        assert!(!event.step.is_empty(), "{event:?}");
        let known = ["started", "progress", "done", "unchanged", "failed", "warning"];
        assert!(known.contains(&event.state.as_str()), "{event:?}");
        if let (Some(current), Some(total)) = (event.current, event.total) {
            assert!(current <= total, "{event:?}");
        }
    }
    for step in up.steps("started") {
        let ends = up.steps("done").iter().filter(|done| **done == step).count();
        assert_eq!(ends, 1, "step {step} started and has to end once");
    }
}

pub fn node_size(bed: &Bed) {
    let (node, running) = bed.node_container();
    assert!(running, "{node} runs");
    let format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}";
    let limits = docker(&["inspect", "--format", format, &node]).expect("docker inspect");
    let limits: Vec<i64> = limits.split_whitespace().filter_map(|part| part.parse().ok()).collect();
    let memory = i64::try_from(MEMORY_GIB << 30).expect("fits");
    assert_eq!(limits[0], memory, "the container's limit is the profile's");
    assert!(limits[1] > 0 || limits[2] > 0, "the container's CPU is limited: {limits:?}");
    let nodes = bed.kubectl_json(&["get", "nodes"]);
    let allocatable = &nodes["items"][0]["status"]["allocatable"];
    assert_eq!(allocatable["cpu"], CPUS, "kubectl describe node shows the profile's CPUs");
    let shown = allocatable["memory"].as_str().expect("memory");
    assert_eq!(shown, format!("{MEMORY_GIB}Gi"), "kubectl describe node shows the profile's memory");
}

pub fn reports(bed: &Bed) {
    let status = bed.call(&["status", "--output", "json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).expect("`status --output json` is JSON");
    let status = status.to_string();
    for part in [&bed.cluster, &bed.app.hosts[0]] {
        assert!(status.contains(part), "`status` names {part}: {status}");
    }
    let check = bed.call(&["check", "--output", "json"]).expect(0);
    let outcomes: Value = serde_json::from_str(&check.stdout).expect("`check --output json` is JSON");
    let text = outcomes.to_string();
    assert!(text.contains("\"passed\":true"), "some check passed: {text}");
    assert!(!text.contains("\"passed\":false"), "no check failed: {text}");
    let plan = bed.call(&["plan", "--output", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("`plan --output json` is JSON");
    assert!(plan.to_string().contains("\"unchanged\""), "{plan}");
    bed.call(&["doctor"]).expect(0);
}

/// Three times; the duration is printed, and `cargo xtask bench` compares it with its limit.
pub fn second_up(bed: &Bed) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let up = bed.up();
        expect_unchanged(&up);
        best = best.min(up.took);
    }
    println!("second up: {} ms", best.as_millis());
}

/// This run changed nothing.
#[track_caller]
pub fn expect_unchanged(up: &Run) {
    let worked = up.steps("started").into_iter().chain(up.steps("done"));
    let worked: Vec<&str> = worked.filter(|step| !ALWAYS_RUN.contains(step)).collect();
    assert!(worked.is_empty(), "nothing was to be done, but: {worked:?}\n{}", up.tail(40));
    assert!(!up.steps("unchanged").is_empty(), "no step was probed:\n{}", up.tail(20));
}
