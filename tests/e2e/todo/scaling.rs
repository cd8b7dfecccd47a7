//! The number of pods: set by hand, and by the autoscaler under load, without a failed request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::releases::presets;
use super::{API, DATABASE, TOOLS, pods};
use crate::bed::{Bed, UP};
use crate::files::{copy_of, edit};
use crate::http::Address;
use crate::program::Then;
use crate::sample;
use crate::steady::expect_unchanged;

const LIMIT: Duration = Duration::from_secs(10 * 60);
/// The most pods of the API in this scene.
const MOST: i64 = 3;

pub fn by_hand(bed: &Bed) {
    bed.call(&["scale", TOOLS, "2"]).expect(0).expect_said("keeps this number");
    let count = || pods(bed)[TOOLS].len();
    assert_eq!(count(), 2);
    let kept = format!("service {TOOLS}: 2 replicas instead of 1, as set with `scale`");
    bed.up().expect_said(&kept);
    assert_eq!(count(), 2, "`up` keeps the number");
    expect_unchanged(&bed.up());
    let plan = bed.call(&["plan"]).expect(0).stdout;
    assert!(plan.contains(&kept), "{plan}");

    for (service, number, code, said) in [
        (TOOLS, "90", 3, "there is room for"),
        (DATABASE, "2", 5, "volume of its own"),
        ("mcp-servre", "2", 2, "did you mean"),
        (TOOLS, "101", 2, "101"),
    ] {
        bed.call(&["scale", service, number]).expect(code).expect_said(said);
    }
    assert_eq!(count(), 2, "a refusal changes nothing");

    bed.call(&["scale", TOOLS, "0"]).expect(0).expect_said("sets the chart's number again");
    assert_eq!(pods(bed).get(TOOLS), None);
    bed.up();
    assert_eq!(count(), 1, "the next `up` starts a stopped service again");
    expect_unchanged(&bed.up());
}

/// The API scales from 2 to 3 pods and back. Meanwhile it is restarted, and a pod is deleted.
pub fn under_load(bed: &Bed) {
    let project = with_autoscaler(bed);
    bed.call_in(&project, UP, LIMIT, &mut |_| Then::GoOn).expect(0);
    let call = |args: &[&str]| bed.call_in(&project, args, LIMIT, &mut |_| Then::GoOn);
    call(&["scale", API, "3"]).expect(5).expect_said("is scaled by its autoscaler");
    assert_eq!(wait_for(bed, 2), 2, "the minimum");

    let (light, heavy) = (Load::start(&bed.address(), 1, 100), Load::start(&bed.address(), 4, 15));
    assert_eq!(wait_for(bed, MOST), MOST, "it scales up");
    call(&["restart", API]).expect(0);
    let pod = first_pod(bed);
    bed.kubectl(&["delete", "pod", &pod, "--namespace", &bed.app.namespace]);
    assert_eq!(wait_for(bed, MOST), MOST, "the deleted pod is replaced");
    heavy.end("the heavy load");
    assert_eq!(wait_for(bed, 2), 2, "it scales down");
    light.end("the light load");
    call(&["check", "autoscalers"]).expect(0);

    without_metrics(bed, &project);
    bed.up();
    expect_unchanged(&bed.up());
}

/// The cause is named although the autoscaler itself has not noticed it yet.
fn without_metrics(bed: &Bed, project: &std::path::Path) {
    let namespace = ["--namespace", "kube-system"];
    bed.kubectl(&[&["scale", "deployment", "metrics-server", "--replicas=0"], &namespace[..]].concat());
    let label = "app.kubernetes.io/name=metrics-server";
    bed.kubectl(
        &[&["wait", "--for=delete", "pod", "--selector", label, "--timeout=60s"], &namespace[..]].concat(),
    );
    let check = bed.call_in(project, &["check", "autoscalers"], LIMIT, &mut |_| Then::GoOn).expect(4);
    check.expect_said(&format!("{API} cannot scale"));
    println!("named after {:.1} s", check.took.as_secs_f64());
}

/// The smallest preset with an autoscaler for the API. Small requests, so that a test can be a load; short windows,
/// except in a complete run.
fn with_autoscaler(bed: &Bed) -> PathBuf {
    let copy = copy_of(bed, "autoscaler");
    let windows = if sample::full() { "" } else { ", scaleUpAfter: 0, scaleDownAfter: 15" };
    let off = "  backend:\n    replicas: 1\n    autoscaling: {enabled: false}\n    resources:\n      requests: {cpu: 150m";
    let on = format!(
        "  backend:\n    replicas: 1\n    autoscaling: {{enabled: true, min: 2, max: {MOST}, cpu: 70, memory: 80{windows}}}\n    \
         resources:\n      requests: {{cpu: 50m"
    );
    edit(&presets(bed, &copy).join("tiny.yaml"), off, &on);
    copy
}

/// Waits until the API has so many ready pods, and no others; returns the last number seen.
fn wait_for(bed: &Bed, wanted: i64) -> i64 {
    let (started, end) = (Instant::now(), Instant::now() + LIMIT);
    let mut last = -1;
    loop {
        let deployment = bed.kubectl_json(&["get", "deployment", API, "--namespace", &bed.app.namespace]);
        let status = |key: &str| deployment["status"][key].as_i64().unwrap_or_default();
        let (all, ready) = (status("replicas"), status("readyReplicas"));
        if all != last {
            println!("--- {API}: {all} pods after {} s", started.elapsed().as_secs());
            last = all;
        }
        if (all == wanted && ready == wanted) || Instant::now() > end {
            return ready;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

fn first_pod(bed: &Bed) -> String {
    let label = format!("app.kubernetes.io/component={API}");
    let list = bed.kubectl_json(&["get", "pods", "--selector", &label, "--namespace", &bed.app.namespace]);
    crate::bed::names(&list).into_iter().next().expect("a pod")
}

/// Requests to the API through the ingress, until it is ended.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    /// How often each failure occurred.
    failed: Arc<Mutex<BTreeMap<String, usize>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// `threads` users, each of whom pauses so many milliseconds after each response.
    fn start(address: &Address, threads: usize, pause: u64) -> Self {
        let mut load =
            Self { stop: Arc::default(), sent: Arc::default(), failed: Arc::default(), threads: vec![] };
        for _ in 0..threads {
            let (stop, sent, failed) = (load.stop.clone(), load.sent.clone(), load.failed.clone());
            let address = address.clone();
            load.threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let failure = match address.get("/api/health") {
                        Ok(reply) if reply.status == 200 => None,
                        Ok(reply) => Some(format!("status {}: {}", reply.status, reply.body.trim())),
                        Err(error) => Some(error),
                    };
                    sent.fetch_add(1, Ordering::Relaxed);
                    if let Some(failure) = failure {
                        *failed.lock().expect("the failures").entry(failure).or_default() += 1;
                    }
                    std::thread::sleep(Duration::from_millis(pause));
                }
            }));
        }
        load
    }

    /// Fails if a request failed.
    fn end(self, name: &str) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a thread of the load"));
        let (sent, failed) = (self.sent.load(Ordering::Relaxed), self.failed.lock().expect("the failures"));
        println!("{name}: {sent} requests, failed: {failed:?}");
        assert!(sent > 0 && failed.is_empty(), "{name}: of {sent} requests failed: {failed:?}");
    }
}
