//! `up` is killed (SIGKILL) while a step runs; the next `up` converges.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::bed::{Bed, UP, docker};
use crate::program::{Run, Then};
use crate::registry;
use crate::repair::settled;
use crate::sample::{self, Random};

/// What is removed before, so that the step has work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The whole cluster.
    Down,
    Namespace,
    Secret,
    Deployment,
    /// The application's images in the registry.
    Images,
    /// The application's images in the node.
    NodeImage,
    /// The workload of that name, in any namespace.
    Workload(&'static str),
}

/// A moment at which `up` is killed.
struct Moment {
    before: Before,
    /// The ID of a step.
    step: String,
    /// The event of that step after which the delay starts.
    state: &'static str,
    /// The maximum delay from that event to the kill, in milliseconds.
    within: u64,
}

impl Moment {
    fn new(before: Before, step: &str, within: u64) -> Self {
        Self { before, step: step.to_owned(), state: "started", within }
    }

    /// The moment after the step's end, when its dependents start.
    fn after(before: Before, step: &str, within: u64) -> Self {
        Self { state: "done", ..Self::new(before, step, within) }
    }
}

/// How many of the moments a sampled run uses, and how many of those of Ctrl-C.
const KILLS: usize = 4;
const INTERRUPTS: usize = 1;

/// Ten steps; each has work because of its `before`.
fn moments(image: &str) -> Vec<Moment> {
    vec![
        Moment::new(Before::Down, "cluster", 8000),
        Moment::new(Before::Down, "early-pulls", 15_000),
        Moment::new(Before::Namespace, "namespace", 20),
        Moment::new(Before::Secret, "secrets", 20),
        Moment::new(Before::Deployment, "release", 1500),
        // The checks, which have no `started` if all of them pass at once.
        Moment::after(Before::Deployment, "release", 20),
        Moment::new(Before::Images, &format!("build-{image}"), 300),
        Moment::new(Before::NodeImage, &format!("pull-{image}"), 300),
        Moment::new(Before::Workload("traefik"), "addon-traefik", 500),
        Moment::new(Before::Workload("metrics-server"), "addon-metrics-server", 500),
    ]
}

pub fn sweep(bed: &Bed) {
    let mut random = Random(sample::seed());
    let image = bed.app.images.first().expect("the application has an image").clone();
    let mut moments = moments(&image);
    sample::keep(&mut moments, KILLS, &mut random);
    for moment in &moments {
        die_and_converge(bed, moment, Duration::from_millis(random.below(moment.within)));
    }
    if sample::full() {
        for within in [1, 300, 2000] {
            die_at_every_step(bed, within, &mut random);
        }
    }
    settled(bed);
}

/// From nothing, one `up` after the other is killed in the first step that none was killed in before, until
/// one succeeds: each continues with what the previous one left.
fn die_at_every_step(bed: &Bed, within: u64, random: &mut Random) {
    bed.down();
    let mut hit: BTreeSet<String> = BTreeSet::new();
    loop {
        let after = Duration::from_millis(random.below(within));
        let mut now = None;
        let run = bed.call_in(&bed.project, UP, Duration::from_secs(10 * 60), &mut |event| {
            if now.is_some() || event.state != "started" || hit.contains(&event.step) {
                return Then::GoOn;
            }
            println!("--- SIGKILL {after:?} after the start of {}", event.step);
            now = Some(event.step.clone());
            Then::KillIn(after)
        });
        match (run.code, now) {
            (Some(0), None) => break,
            (None | Some(0), Some(step)) => _ = hit.insert(step),
            (code, _) => panic!("`up` ended with {code:?}:\n{}", run.tail(60)),
        }
    }
    println!("--- killed in {} steps: {hit:?}", hit.len());
    for step in ["cluster", "release"] {
        assert!(hit.contains(step), "{step} had no work: {hit:?}");
    }
    bed.up();
    bed.expect_page();
}

/// Ctrl-C while a step runs: an orderly exit with the right code, and the next `up` converges.
pub fn interrupt(bed: &Bed) {
    let image = bed.app.images.first().expect("the application has an image").clone();
    let mut moments = vec![
        Moment::new(Before::Down, "cluster", 3000),
        Moment::new(Before::Images, &format!("build-{image}"), 100),
        Moment::new(Before::Deployment, "release", 200),
    ];
    sample::keep(&mut moments, INTERRUPTS, &mut Random(sample::seed()));
    for moment in &moments {
        prepare(bed, moment.before);
        println!("--- Ctrl-C after {} {}", moment.step, moment.state);
        let after = Duration::from_millis(moment.within);
        let run = bed.call_in(&bed.project, UP, Duration::from_secs(10 * 60), &mut |event| {
            let hit = event.state == moment.state && event.step == moment.step;
            if hit { Then::InterruptIn(after) } else { Then::GoOn }
        });
        assert_eq!(run.code, Some(130), "Ctrl-C has its own exit code:\n{}", run.tail(30));
        assert!(run.stderr.contains("error: interrupted"), "{}", run.tail(30));
        assert!(run.stderr.contains("help: todo-bootstrap up"), "{}", run.tail(30));
        bed.up();
        bed.expect_page();
    }
    settled(bed);
}

/// A cluster whose creation was interrupted is recreated.
pub fn making(bed: &Bed) {
    die_and_converge(bed, &Moment::new(Before::Down, "cluster", 8000), Duration::from_secs(7));
    settled(bed);
}

fn die_and_converge(bed: &Bed, moment: &Moment, after: Duration) {
    // A step may be faster than the delay; a kill that missed it proves nothing.
    for after in [after, Duration::ZERO, Duration::ZERO] {
        prepare(bed, moment.before);
        println!("--- SIGKILL {after:?} after {} {} ({:?})", moment.step, moment.state, moment.before);
        let killed = die(bed, moment, after);
        bed.up();
        bed.expect_page();
        if killed.code.is_none() {
            return;
        }
        let seen = killed.steps(moment.state);
        assert!(seen.contains(&moment.step.as_str()), "{} had no work: {seen:?}", moment.step);
        println!("--- it ended before its death; once more");
    }
    panic!("step {} could not be hit", moment.step);
}

fn die(bed: &Bed, moment: &Moment, after: Duration) -> Run {
    bed.call_in(&bed.project, UP, Duration::from_secs(10 * 60), &mut |event| {
        if event.state == moment.state && event.step == moment.step {
            Then::KillIn(after)
        } else {
            Then::GoOn
        }
    })
}

fn prepare(bed: &Bed, before: Before) {
    let namespace = bed.app.namespace.as_str();
    match before {
        Before::Down => _ = bed.down(),
        Before::Namespace => _ = bed.kubectl(&["delete", "namespace", namespace]),
        Before::Secret => {
            let name = format!("{}-env", bed.app.name);
            bed.kubectl(&["delete", "secret", &name, "--namespace", namespace]);
        }
        Before::Deployment => {
            bed.kubectl(&["delete", "deployments", "--all", "--namespace", namespace]);
        }
        Before::Images => registry::forget(bed),
        Before::NodeImage => {
            let (node, _) = bed.node_container();
            for tag in node_tags(bed, &node) {
                docker(&["exec", &node, "ctr", "--namespace", "k8s.io", "images", "rm", "--sync", &tag])
                    .expect("ctr images rm");
            }
        }
        Before::Workload(name) => delete_workload(bed, name),
    }
}

/// The names of the application's images in a node.
pub fn node_tags(bed: &Bed, node: &str) -> Vec<String> {
    let args = ["exec", node, "ctr", "--namespace", "k8s.io", "images", "ls", "--quiet"];
    let all = docker(&args).expect("ctr images ls");
    let found: Vec<String> = all.lines().filter(|tag| is_own(bed, tag)).map(str::to_owned).collect();
    assert!(!found.is_empty(), "the application's images are in the node:\n{all}");
    found
}

/// Whether the last part of an image's name is an image of the application.
fn is_own(bed: &Bed, tag: &str) -> bool {
    let name = tag.rsplit('/').next().unwrap_or(tag).split([':', '@']).next().unwrap_or_default();
    bed.app.images.iter().any(|image| name == image)
}

fn delete_workload(bed: &Bed, name: &str) {
    let all = bed.kubectl_json(&["get", "deployments,daemonsets", "--all-namespaces"]);
    let items = all["items"].as_array().expect("a list");
    let item = items.iter().find(|item| item["metadata"]["name"] == name);
    let item = item.unwrap_or_else(|| panic!("no Deployment or DaemonSet is named {name}"));
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_lowercase();
    let (kind, namespace) = (text(&item["kind"]), text(&item["metadata"]["namespace"]));
    bed.kubectl(&["delete", &kind, name, "--namespace", &namespace]);
}
