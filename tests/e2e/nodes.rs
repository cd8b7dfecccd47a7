//! A cluster of three nodes: replicas on different nodes, and a client that asks all the time while a node is drained
//! and another time lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bed::{Bed, UP, docker};
use crate::http::Address;
use crate::repair::settled;
use crate::todo::{DATABASE, add_task, titles};
use crate::{gone, todo};

/// The preset needs more requests than the two CPUs of one node of this size, see `bed::CPUS`.
const PRESET: &str = "normal";
const LARGER: &str = "full";
/// Several times what the cluster needs to notice that a node is lost (50 s), and to stop sending requests to it.
const NOTICED: Duration = Duration::from_secs(5 * 60);
/// This many correct answers in a row mean that no request goes to a lost pod any more.
const IN_A_ROW: usize = 60;

pub fn drained_and_lost(bed: &Bed) {
    created(bed);
    let title = "written before nodes were drained and lost";
    add_task(bed, title);
    drained(bed);
    lost(bed);
    assert!(titles(bed).contains(&title.to_owned()), "the row is kept");
    stopped_and_started(bed);
    assert!(titles(bed).contains(&title.to_owned()), "the row is kept");
    bed.call(&[UP, &["--preset", LARGER]].concat()).expect(0);
    bed.expect_page();
    expect_spread(bed);
    deleted_node(bed);
    gone::down(bed);
}

/// One node of this size has no room for the preset; three have.
fn created(bed: &Bed) {
    bed.call(&["plan", "--nodes", "1", "--preset", PRESET]).expect(3).expect_said("does not fit");
    for preset in [PRESET, LARGER] {
        let plan = bed.call(&["plan", "--preset", preset]).expect(0);
        assert!(plan.stdout.contains("3 nodes: the first one runs the control plane"), "{}", plan.tail(40));
        println!(
            "{}",
            plan.stdout.lines().filter(|line| line.contains("preset ")).collect::<Vec<_>>().join("\n")
        );
    }
    bed.call_in(&bed.project, &[UP, &["--preset", PRESET, "--timeout", "60m"]].concat(), COLD, &mut |_| {
        crate::program::Then::GoOn
    })
    .expect(0);
    bed.up();
    bed.expect_page();
    todo::at_first_try(bed);
    println!("{}", bed.kubectl(&["get", "nodes", "--output", "wide", "--label-columns", ZONE]));
    expect_each_node(bed);
    expect_spread(bed);
    let budgets = bed.kubectl_json(&["get", "poddisruptionbudgets", "--namespace", &bed.app.namespace]);
    assert_eq!(
        crate::bed::names(&budgets),
        ["backend", "frontend"],
        "a budget for each service with several pods"
    );
    let refused = bed.call(&["up", "--yes", "--nodes", "2"]).expect(5);
    refused.expect_said("has 3 nodes, and --nodes requests 2");
    refused.expect_said("todo-bootstrap down && todo-bootstrap up --nodes 2");
}

const COLD: Duration = Duration::from_secs(65 * 60);
const ZONE: &str = "topology.kubernetes.io/zone";

/// Each node has its part of the memory, all CPUs, the settings of registries, and figures of metrics-server.
fn expect_each_node(bed: &Bed) {
    let nodes = containers(bed);
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    let mut zones = BTreeSet::new();
    let list = bed.kubectl_json(&["get", "nodes"]);
    for node in list["items"].as_array().expect("a list") {
        let name = node["metadata"]["name"].as_str().expect("a name");
        assert_eq!(node["status"]["allocatable"]["cpu"], crate::bed::CPUS, "{name}");
        zones.insert(node["metadata"]["labels"][ZONE].to_string());
        let limits =
            docker(&["inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", name]);
        let wanted = format!("{} {}000000000", crate::bed::MEMORY_GIB << 30, crate::bed::CPUS);
        assert_eq!(limits.expect("its limits").trim(), wanted, "{name}");
        let files = docker(&["exec", name, "sh", "-c", "ls /etc/containerd/certs.d/*/hosts.toml"]);
        assert!(files.expect("its files").contains("registry.todo-bootstrap.internal"), "{name}");
    }
    assert_eq!(zones.len(), 3, "each node is a zone: {zones:?}");
    let usage = bed.kubectl(&["top", "nodes"]);
    println!("{usage}");
    for node in nodes.keys() {
        let line = usage.lines().find(|line| line.split_whitespace().next() == Some(node)).expect("a line");
        assert!(!line.contains("<unknown>"), "{line}");
    }
    // The ingress controller is on the node whose ports are published.
    let ingress = bed.kubectl(&[
        "get",
        "pods",
        "--namespace",
        "kube-system",
        "--selector",
        TRAEFIK,
        "--output",
        "wide",
    ]);
    assert!(ingress.contains(&format!("{}-control-plane", bed.cluster)), "{ingress}");
}

/// The nodes that run the application.
const WORKERS: usize = 2;
const TRAEFIK: &str = "app.kubernetes.io/name=traefik";

/// The names of the nodes' containers, and whether each is running.
fn containers(bed: &Bed) -> BTreeMap<String, bool> {
    let label = format!("label={}={}", bed.provider.label, bed.cluster);
    let text = docker(&["ps", "--all", "--filter", &label, "--format", "{{.Names}}\t{{.State}}"]);
    let text = text.expect("docker ps");
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, state)| (name.to_owned(), state == "running")).collect()
}

/// The nodes of the ready pods, by service.
fn places(bed: &Bed) -> BTreeMap<String, Vec<String>> {
    let list = bed.kubectl_json(&["get", "pods", "--namespace", &bed.app.namespace]);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in list["items"].as_array().expect("a list") {
        let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
        let ready = ready.filter(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let service = pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str();
        let node =
            pod["spec"]["nodeName"].as_str().filter(|_| pod["metadata"]["deletionTimestamp"].is_null());
        if let (Some(service), Some(node), 1) = (service, node, ready.count()) {
            places.entry(service.to_owned()).or_default().push(node.to_owned());
        }
    }
    places
}

/// The replicas of each service are on different nodes, and none is on the control plane.
fn expect_spread(bed: &Bed) {
    let places = places(bed);
    println!("{places:#?}");
    let replicated = places.iter().filter(|(_, nodes)| nodes.len() > 1);
    let mut count = 0;
    for (service, nodes) in replicated {
        let different: BTreeSet<&String> = nodes.iter().collect();
        // The autoscaler may have added one.
        assert_eq!(different.len(), nodes.len().min(WORKERS), "{service} runs on {nodes:?}");
        count += 1;
    }
    assert_eq!(count, 2, "two services have replicas");
    let on_control_plane = places.values().flatten().any(|node| node.ends_with("-control-plane"));
    assert!(!on_control_plane, "{places:?}");
}

/// The node that runs replicas, but not the database, whose volume is on its node.
fn without_database(bed: &Bed) -> String {
    let places = places(bed);
    let database = &places[DATABASE][0];
    let mut nodes = containers(bed).into_keys();
    nodes.find(|node| node != database && !node.ends_with("-control-plane")).expect("another worker")
}

fn drained(bed: &Bed) {
    let node = without_database(bed);
    let client = Client::start(bed);
    client.expect_answers(IN_A_ROW);
    let drain = ["drain", &node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"];
    println!("{}", bed.kubectl(&drain));
    // The other node has room for all that is not bound to the drained one by a volume.
    each_answers(bed);
    client.expect_answers(IN_A_ROW);
    let report = client.stop();
    println!("=== drained {node}: {report}");
    assert_eq!(report.failed, Vec::<String>::new(), "no request fails while a node is drained");
    let left = places(bed);
    assert!(left.values().flatten().all(|other| *other != node), "{left:?}");
    bed.kubectl(&["uncordon", &node]);
    spread_again(bed);
    expect_spread(bed);
}

/// The scheduler does not move pods back, but a restart does. While the pods that it replaces still fill the other
/// node, a new one may have no room there; the second restart finds it.
fn spread_again(bed: &Bed) {
    for _ in 0..2 {
        bed.kubectl(&["rollout", "restart", "deployment", "--namespace", &bed.app.namespace]);
        rolled_out(bed);
        // The drain also moved addons, which `up` waits for.
        bed.up();
    }
}

/// Waits until each Deployment has a ready pod.
fn each_answers(bed: &Bed) {
    let (deployments, end) = (bed.deployments(), Instant::now() + NOTICED);
    loop {
        let places = places(bed);
        if deployments.iter().all(|name| places.contains_key(name)) {
            return;
        }
        assert!(Instant::now() < end, "not every Deployment has a ready pod: {places:?}");
        std::thread::sleep(Duration::from_secs(2));
    }
}

fn rolled_out(bed: &Bed) {
    for name in bed.deployments() {
        let name = format!("deployment/{name}");
        bed.kubectl(&["rollout", "status", &name, "--timeout=180s", "--namespace", &bed.app.namespace]);
    }
}

fn lost(bed: &Bed) {
    let node = without_database(bed);
    let client = Client::start(bed);
    client.expect_answers(IN_A_ROW);
    docker(&["stop", "-t", "5", &node]).expect("docker stop");
    client.expect_answers(IN_A_ROW);
    let report = client.stop();
    println!("=== lost {node}: {report}");
    for failed in report.failed.iter().take(5) {
        println!("    {failed}");
    }
    let status = bed.call(&["status"]);
    assert!(status.stdout.contains(&format!("node {node} NOT ready")), "{}", status.tail(40));
    let up = bed.up();
    up.expect_said(&format!("the node container {node} is stopped"));
    assert!(containers(bed).values().all(|running| *running), "all nodes run again");
    settled(bed);
}

/// The renewal of expired certificates is part of `start`; the mark of an interrupted one enforces it.
fn stopped_and_started(bed: &Bed) {
    let control_plane = format!("{}-control-plane", bed.cluster);
    docker(&["exec", &control_plane, "touch", "/kind/todo-bootstrap-renewing"]).expect("docker exec");
    bed.call(&["stop"]).expect(0);
    let nodes = containers(bed);
    assert!(nodes.len() == 3 && nodes.values().all(|running| !running), "{nodes:?}");
    bed.call(&["start", "--yes"]).expect(0).expect_said("renewing them");
    assert!(containers(bed).values().all(|running| *running), "all nodes run again");
    settled(bed);
}

/// kind adds no node to a cluster, and recreating the cluster would delete the data on the others.
fn deleted_node(bed: &Bed) {
    let node = without_database(bed);
    docker(&["rm", "--force", "--volumes", &node]).expect("docker rm");
    for args in [UP, &["start", "--yes"]] {
        let refused = bed.call(args).expect(5);
        refused.expect_said(&format!("the container {node} no longer exists"));
        refused.expect_said("help: todo-bootstrap down && todo-bootstrap up");
    }
    assert_eq!(containers(bed).len(), 2, "nothing was deleted");
}

/// What a client noticed.
struct Report {
    asked: usize,
    failed: Vec<String>,
    /// From the last answer before a failure to the first one after it; the longest.
    gap: Duration,
    /// From the first failure to the last one.
    disturbed: Duration,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (asked, failed) = (self.asked, self.failed.len());
        let (gap, disturbed) = (self.gap.as_secs_f64(), self.disturbed.as_secs_f64());
        write!(
            f,
            "{failed} of {asked} requests failed, within {disturbed:.1} s; the longest time without an answer: {gap:.1} s"
        )
    }
}

#[derive(Default)]
struct Seen {
    asked: usize,
    /// Correct answers since the last failure, or since this was reset.
    in_a_row: usize,
    failed: Vec<String>,
    first_failure: Option<Instant>,
    last_failure: Option<Instant>,
    last_answer: Option<Instant>,
    gap: Duration,
}

/// Asks for a page of the frontend and for one of the API in turn, until it is stopped.
struct Client {
    seen: Arc<Mutex<Seen>>,
    end: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

const PATHS: [&str; 2] = ["/healthz", "/api/health"];

impl Client {
    fn start(bed: &Bed) -> Self {
        let (seen, end) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (address, mine, ended) = (bed.address(), seen.clone(), end.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for path in PATHS {
                    ask(&address, path, &mine);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self { seen, end, thread }
    }

    /// Waits for this many correct answers in a row from now on.
    fn expect_answers(&self, count: usize) {
        self.seen.lock().expect("the lock").in_a_row = 0;
        let end = Instant::now() + NOTICED;
        while self.seen.lock().expect("the lock").in_a_row < count {
            let failed = self.seen.lock().expect("the lock").failed.last().cloned();
            assert!(Instant::now() < end, "no {count} answers in a row; the last failure: {failed:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stop(self) -> Report {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().expect("the client ends");
        let seen = self.seen.lock().expect("the lock");
        let disturbed = seen.first_failure.zip(seen.last_failure).map(|(first, last)| last - first);
        Report {
            asked: seen.asked,
            failed: seen.failed.clone(),
            gap: seen.gap,
            disturbed: disturbed.unwrap_or_default(),
        }
    }
}

fn ask(address: &Address, path: &str, seen: &Mutex<Seen>) {
    let began = Instant::now();
    let reply = address.get(path);
    let (now, mut seen) = (Instant::now(), seen.lock().expect("the lock"));
    seen.asked += 1;
    match reply {
        Ok(reply) if reply.status == 200 => {
            seen.in_a_row += 1;
            if let Some(last) = seen.last_answer.replace(now) {
                seen.gap = seen.gap.max(now - last);
            }
        }
        other => {
            seen.in_a_row = 0;
            seen.first_failure.get_or_insert(began);
            seen.last_failure = Some(now);
            let what =
                other.map_or_else(|error| error, |reply| format!("{} {path}: {}", reply.status, reply.body));
            seen.failed.push(format!("after {:.1} s: {what}", (now - began).as_secs_f64()));
        }
    }
}
