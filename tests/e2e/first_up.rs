//! `cargo xtask bench first-up`: a first `up` from nothing beside the plain commands of the specification, on
//! laptops whose internet has a limited link. The cluster of the tests lends the stand-ins.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, docker};
use crate::internet::{Content, Internet, Link, Route};
use crate::laptop::{Daemon, Laptop};
use crate::leftover;
use crate::ordinary::connect;
use crate::path::{self, Traced};
use crate::program::Run;
use crate::provider::KIND;
use crate::published::Published;

/// The rounds, the rate of the link in Mbit/s, and its round trip in ms; what the others are for is said there.
const OPTIONS: [&str; 3] =
    ["TODO_BOOTSTRAP_FIRST_UP_ROUNDS", "TODO_BOOTSTRAP_FIRST_UP_RATE", "TODO_BOOTSTRAP_FIRST_UP_ROUND_TRIP"];
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// The goals for the wall time: a part of that of the plain commands, and a multiple of the longest bound.
const OF_PLAIN: f64 = 0.6;
const OF_BOUND: f64 = 1.3;
const HOST: &str = "todo-app.localhost";
#[test]
#[ignore = "needs a container engine and minutes: cargo xtask bench first-up"]
fn first_up() {
    let [rounds, rate, round_trip] =
        OPTIONS.map(|name| std::env::var(name).ok().and_then(|text| text.parse().ok()));
    // `cargo xtask e2e` includes ignored tests.
    let (Some(rounds), Some(rate), Some(round_trip)) = (rounds, rate, round_trip) else { return };
    let _lock = leftover::only_run_on_this_machine();
    let bed = Bed::new(KIND);
    if !bed.kubeconfig().exists() {
        bed.cold_up();
    }
    bed.up();
    let bench =
        Bench::new(&bed, Route { rate: rate * 125_000, round_trip: Duration::from_millis(round_trip) });
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(bench.ours());
        theirs.push(bench.theirs());
        let last = (&ours[ours.len() - 1].wall, &theirs[theirs.len() - 1]);
        println!("=== todo-bootstrap {}, plain commands {}", seconds(last.0), seconds(last.1));
    }
    docker(&["unpause", &bed.node_container().0]).expect("resume the node");
    bed.down();
    tell(ours, theirs, &bench);
}

struct Bench<'a> {
    bed: &'a Bed,
    route: Route,
    content: Arc<Content>,
    published: std::path::PathBuf,
}

/// One `up`.
struct Ours {
    wall: Duration,
    /// What came through the link, and how much of it was packages.
    bytes: (u64, u64),
    builds: Duration,
    cluster: Duration,
    path: Vec<Traced>,
    steps: Vec<Traced>,
}

impl<'a> Bench<'a> {
    fn new(bed: &'a Bed, route: Route) -> Self {
        let published = Published::new(bed, None);
        plain(&published, bed);
        // The registry of this cluster publishes the stand-ins; its node would only take time from both.
        docker(&["pause", &bed.node_container().0]).expect("pause the node");
        Self { bed, route, content: published.content.into(), published: published.files }
    }

    fn boot(&self, program: Option<&Path>) -> (Laptop, Internet) {
        let mut laptop = Laptop::boot(&self.bed.root, &self.bed.dir, Daemon::Docker, false, program);
        let internet = connect(&laptop, Arc::clone(&self.content), Link::new(Some(self.route)));
        // The engine reads the authorities when it starts.
        laptop.stop_engine();
        laptop.start_engine();
        laptop.give(&self.bed.project, "todo");
        laptop.give(&self.published, "published");
        (laptop, internet)
    }

    fn ours(&self) -> Ours {
        let program = Path::new(env!("CARGO_BIN_EXE_todo-bootstrap"));
        let (laptop, internet) = self.boot(Some(program));
        laptop.sh("cp -r ~/published/project/. ~/todo/").expect("the test's pins of images");
        let call = |line: &str| {
            laptop.run(
                &format!("cd ~/todo && TODO_BOOTSTRAP_PINS=~/published/pins todo-bootstrap {line}"),
                LIMIT,
            )
        };
        let plan: Value = serde_json::from_str(&call("plan --output json").stdout).expect("a plan");
        let began = Instant::now();
        let up = call("up --yes --events json").expect(0);
        let wall = began.elapsed();
        let log = internet.log();
        let events = events(&up);
        let steps: Vec<Traced> = path::traced(&events).into_values().collect();
        let of = |wanted: &dyn Fn(&str) -> bool| union(steps.iter().filter(|step| wanted(&step.step)));
        Ours {
            wall,
            bytes: (log.bytes + log.passed_bytes, log.passed_bytes),
            builds: of(&|step| step.starts_with("build-") && step != "build-tools"),
            cluster: of(&|step| step == "cluster" || step == "cluster-ready"),
            path: path::critical(&plan, &events),
            steps,
        }
    }

    fn theirs(&self) -> Duration {
        let (laptop, _internet) = self.boot(None);
        let run = laptop.run("sh ~/published/plain/plain.sh ~/published/plain ~/todo", LIMIT).expect(0);
        run.stdout.lines().filter(|line| line.starts_with("plain: ")).for_each(|line| println!("{line}"));
        run.took
    }
}

/// When each event was written, since the first.
fn events(up: &Run) -> Vec<(Duration, Value)> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
    let first = at(&up.events.first().expect("events").ts);
    let since = |text: &str| Duration::try_from(at(text).duration_since(first)).unwrap_or_default();
    up.events.iter().map(|event| (since(&event.ts), json!({ "step": event.step }))).collect()
}

/// How long at least one of the steps ran.
fn union<'a>(steps: impl Iterator<Item = &'a Traced>) -> Duration {
    let mut spans: Vec<(Duration, Duration)> = steps.map(|step| (step.began, step.ended)).collect();
    spans.sort();
    let (mut sum, mut until) = (Duration::ZERO, Duration::ZERO);
    for (began, ended) in spans {
        sum += ended.saturating_sub(began.max(until));
        until = until.max(ended);
    }
    sum
}

/// Writes what the plain commands read.
fn plain(published: &Published, bed: &Bed) {
    let dir = published.files.join("plain");
    std::fs::create_dir_all(&dir).expect("create a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("write a file");
    let read = |name: &str| std::fs::read_to_string(bed.root.join(name)).expect("read a file");
    write("plain.sh", &read("tests/laptop/plain.sh"));
    let assign = |text: String, (name, place): (&String, &String)| {
        text + &format!("{}='{place}'\n", name.replace('-', "_"))
    };
    write("places", &published.places.iter().fold(format!("host={HOST}\n"), assign));
    write("env", &expanded(&std::fs::read_to_string(bed.project.join(".env")).expect("the .env of `up`")));
    for addon in ["metrics-server", "traefik"] {
        let manifest = read(&format!("manifests/addons/{addon}/{addon}.yaml"));
        write(
            &format!("{addon}.yaml"),
            &manifest.replace(&format!("{{image:{addon}}}"), &published.places[addon]),
        );
    }
    // The stand-in of the node needs this, and its cgroups are of version 1.
    let versions = crate::bed::read_toml(&bed.root.join("versions.toml"));
    let versions = versions["versions"].as_table().expect("versions");
    let patch = versions.iter().fold(read("offline/images/node/kubeadm-patch.yaml"), |text, (key, value)| {
        text.replace(&format!("{{{key}}}"), value.as_str().unwrap_or_default())
    });
    let port = |container: u16, host: u16| json!({ "containerPort": container, "hostPort": host, "listenAddress": "127.0.0.1" });
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    let node = json!({
        "role": "control-plane", "extraPortMappings": [port(80, 8080), port(443, 8443)],
        "extraMounts": [{ "hostPath": authorities, "containerPath": authorities, "readOnly": true }],
    });
    let config = json!({
        "kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node],
        "kubeadmConfigPatches": ["kind: KubeletConfiguration\nfailCgroupV1: false\n", patch],
    });
    write("kind.yaml", &format!("{config:#}"));
}

/// `kubectl create secret --from-env-file` does not expand `${…}`.
fn expanded(env: &str) -> String {
    let pairs = env.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let fill = |value: &str| {
        pairs.iter().fold(value.to_owned(), |text, (key, value)| text.replace(&format!("${{{key}}}"), value))
    };
    pairs.iter().fold(String::new(), |text, (key, value)| text + &format!("{key}={}\n", fill(value)))
}

fn tell(mut ours: Vec<Ours>, mut theirs: Vec<Duration>, bench: &Bench<'_>) {
    ours.sort_by_key(|run| run.wall);
    theirs.sort();
    let theirs = theirs[theirs.len() / 2];
    let middle = ours.len() / 2;
    let ours = &ours[middle];
    let link = |bytes: u64| Duration::from_nanos(bytes * 1_000_000_000 / bench.route.rate);
    // What this application needs of what is published.
    let (sum, packages) = ours.bytes;
    let pinned = link(sum - packages);
    let bound = pinned.max(ours.builds).max(ours.cluster);
    let (of_plain, of_bound) = (part(ours.wall, theirs), part(ours.wall, bound));
    let megabytes = |bytes: u64| bytes / 1_000_000;
    println!(
        "\n| first `up`, {} Mbit/s, {} ms | median |\n|---|---|",
        bench.route.rate / 125_000,
        bench.route.round_trip.as_millis()
    );
    println!("| `todo-bootstrap up` | {} |", seconds(&ours.wall));
    println!("| the plain commands, in order | {} |", seconds(&theirs));
    println!("| ratio (goal {OF_PLAIN}) | {of_plain:.2} |");
    println!("| bound: {} MB of pinned files ÷ link | {} |", megabytes(sum - packages), seconds(&pinned));
    println!("| bound: image builds | {} |", seconds(&ours.builds));
    println!("| bound: cluster creation | {} |", seconds(&ours.cluster));
    println!("| `up` ÷ the longest bound (goal {OF_BOUND}) | {of_bound:.2} |");
    println!(
        "\n{} MB came through the link, {} MB of them packages: {}",
        megabytes(sum),
        megabytes(packages),
        seconds(&link(sum))
    );
    println!("\ncritical path of the median `up`:\n\n| step | from | to |\n|---|---|---|");
    ours.path.iter().for_each(row);
    println!("\nall its steps:\n");
    let mut steps: Vec<&Traced> = ours.steps.iter().collect();
    steps.sort_by_key(|step| step.began);
    steps.into_iter().for_each(row);
    let missed = [("plain commands", of_plain, OF_PLAIN), ("longest bound", of_bound, OF_BOUND)];
    for (what, got, goal) in missed.into_iter().filter(|(_, got, goal)| got > goal) {
        println!("missed: {got:.2} × the {what}, goal {goal}");
    }
}

fn row(step: &Traced) {
    println!("| {} | {} | {} |", step.step, seconds(&step.began), seconds(&step.ended));
}

fn part(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64()
}

fn seconds(time: &Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[test]
fn overlapping_steps_count_once() {
    let step = |began: u64, ended: u64| Traced {
        step: String::new(),
        began: Duration::from_secs(began),
        ended: Duration::from_secs(ended),
    };
    let steps = [step(9, 12), step(0, 5), step(2, 3), step(4, 7)];
    assert_eq!(union(steps.iter()), Duration::from_secs(10));
}
