//! The built program on a real cluster, used as a user uses it.
//!
//! One cluster per provider and run, with its own name, ports and state. The cache is the user's, because
//! filling it takes longest. `docker` and `kubectl` are used only for sabotage and
//! inspection. The run ends what it started, by id.
// These rules apply to the program, not to tests; and a test fails by panicking.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::expect_used, clippy::unwrap_used)]

mod bed;
mod broken;
mod corporate;
mod encryption;
mod engine;
mod files;
mod first_up;
mod gone;
mod guide;
mod http;
mod ingress;
mod internet;
mod kill;
mod laptop;
mod laptop_root;
mod laptop_scenes;
mod leftover;
mod lifecycle;
mod nodes;
mod offline;
mod ordinary;
#[path = "../../xtask/devtools/src/pack.rs"]
mod pack;
#[path = "../../xtask/src/path.rs"]
mod path;
mod pending;
mod persist;
mod policies;
mod program;
mod provider;
mod published;
mod registry;
mod repair;
mod sample;
mod steady;
mod supply;
mod todo;

use std::time::{Duration, Instant};

use bed::Bed;
use provider::{KIND, KIND_NODES, MINIKUBE};
use sample::{ALWAYS, COMPLETE_RUN, Random};

/// What a scene proves, its function, and its approximate duration in seconds if sampling is enough.
type Scene = (&'static str, fn(&Bed), u32);

/// The application in the checkout: from nothing, and all that its users rely on.
const TODO: &[Scene] = &[
    ("./install.sh --up: from nothing to an address that responds", steady::installed, ALWAYS),
    ("all pods run, none was restarted", todo::at_first_try, ALWAYS),
    ("the node has the size in the profile", steady::node_size, ALWAYS),
    ("status, check and plan agree", steady::reports, ALWAYS),
    ("a second up changes nothing", steady::second_up, ALWAYS),
    ("a browser adds, completes and deletes a task", todo::browser, ALWAYS),
    ("a client calls the five tools", todo::five_tools, ALWAYS),
    ("rows and keys outlive their pods", todo::survives, 30),
    (
        "a backup restores rows and keys; what is damaged, newer or killed changes nothing",
        todo::restored,
        ALWAYS,
    ),
    ("a backup of a large database needs little memory", todo::streamed, 40),
    ("down saves the data, and the next up offers the backup", todo::saved_by_down, 240),
    ("a changed key is shown, and restarts only the services that use it", todo::changed_key, 40),
    ("a secret's value is nowhere else", todo::nowhere_else, ALWAYS),
    ("the journey names the broken segment", todo::hops, 120),
    ("the journey needs nothing from outside", todo::without_egress, ALWAYS),
    ("--mock works without a model's key", todo::mocked, 40),
    ("an environment changes tools, log level and TLS", todo::environments, 180),
    ("two users never see each other's data", todo::two_users, ALWAYS),
    ("the first specification's values work", todo::seed_000, 90),
    ("a database outside of the cluster, behind a pooler, by .env only", todo::outside, 60),
    ("SQLite, no cache and no accounts, each by .env only", todo::switched_off, 100),
    ("the API server accepts every values file", todo::values_files, 30),
    ("url, status, logs, restart", todo::commands, 40),
    (
        "rows outlive an upgrade from the previous chart, a rollback, and its undoing",
        todo::upgrade_and_rollback,
        150,
    ),
    ("scale is kept by up, and refused without capacity", todo::scaled_by_hand, 70),
    ("the autoscaler adds pods under load and removes them; no request fails", todo::scaled_under_load, 240),
    ("a value that the chart does not know is named", todo::unknown_value, ALWAYS),
    (
        "a profile with another ingress controller: it replaces the former one, at the same address",
        ingress::replaced,
        200,
    ),
    ("a hosts entry on request, a forwarded port, followed logs", todo::names_and_ports, 30),
];

/// The behavior required of every provider, with the application; each scene leaves the cluster running.
const PROVIDER: &[Scene] = &[
    ("the node has the size in the profile", steady::node_size, ALWAYS),
    ("encryption: no value of a Secret is in etcd's files", encryption::at_rest, ALWAYS),
    ("encryption: a killed rotation of the key continues", encryption::rotate, 120),
    ("encryption: a lost copy of the key is restored", encryption::lost_copy, 100),
    ("a foreign cluster of the same name is not touched", provider::foreign, 20),
    ("another installation does not touch the cluster", provider::another_installation, ALWAYS),
    ("rows are kept after stop and start", provider::stop_and_start, 60),
    ("rows are kept after the network was pruned", provider::pruned_network, 60),
    ("a stopped node is reported and repaired", repair::node, 50),
    ("network policies: pods reach what the diagram shows, and nothing else", policies::matrix, ALWAYS),
    ("network policies: one that blocks DNS is named", policies::dns_blocked, 30),
    ("a paused node is reported and resumed", provider::paused, 20),
    ("rows are kept after the engine was killed", provider::killed_engine, 60),
];

/// The small sample application on the same cluster, and failures. Every scene finds the cluster running
/// and leaves it running.
const HELLO: &[Scene] = &[
    ("another application gets an address that responds", steady::another_up, ALWAYS),
    ("a deleted Deployment is reported and repaired", repair::deployment, ALWAYS),
    ("a Secret edited by hand is reported and repaired", repair::secret, ALWAYS),
    ("data outlives its pod", persist::note, 20),
    ("a chart that cannot become ready shows why", broken::crashing, 90),
    ("a release that a killed Helm left pending is repaired", pending::repaired, 70),
    ("a rollback whose images are gone is refused", pending::images_gone, 60),
    ("an interrupted renewal of certificates is repeated", repair::certificates, 40),
    ("a deleted registry container is recreated", registry::deleted, 30),
    ("a registry whose port is in use gets another one", registry::port_taken, 30),
    ("a part that the registry lost is pushed again", registry::part_lost, 60),
    ("a registry that nodes cannot reach is reconnected", registry::cut_off, 40),
    ("a tampered tool is never used", supply::tool, 30),
    ("a bundle with a flipped byte is refused", supply::bundle, 60),
    ("Ctrl-C ends up cleanly, and the next up continues", kill::interrupt, ALWAYS),
    ("up converges after being killed at any step", kill::sweep, ALWAYS),
    ("down, stop and start converge after being cut off at any step", lifecycle::cut_off, ALWAYS),
];

const KINDS_END: &[Scene] = &[
    ("a bundle is sufficient without a network", offline::up, ALWAYS),
    ("a laptop with Docker 28 and a release: published tools and images, no root", ordinary::docker, ALWAYS),
    ("the guide's chapters for every provider work", guide::chapters, 120),
    ("the runbook's commands work", guide::runbook, COMPLETE_RUN),
    ("the guide's commands for kind work", guide::kind, 180),
    ("down leaves nothing of ours", gone::down, ALWAYS),
];

/// An ordinary machine next to this one: each scene boots its own laptop.
const LAPTOPS: &[Scene] = &[
    ("a laptop with Docker 28 for a user without root", laptop_scenes::docker, ALWAYS),
    ("a laptop with Docker 28, a bundle and no network", laptop_scenes::docker_offline, ALWAYS),
    ("a laptop with Podman", laptop_scenes::podman, ALWAYS),
];

/// Scenes for minikube only, combined with those for every provider.
const MINIKUBES: &[Scene] = &[
    ("minikube: from nothing to an address that responds", steady::first_up, ALWAYS),
    ("all pods run, none was restarted", todo::at_first_try, ALWAYS),
    ("a second up changes nothing", steady::second_up, ALWAYS),
    ("the user's own minikube sees nothing of ours", provider::own_home, ALWAYS),
    ("a damaged minikube profile loses no data", provider::damaged_record, 60),
];

const MINIKUBES_END: &[Scene] = &[
    ("a cluster whose creation was interrupted is recreated", kill::making, 130),
    ("the guide's commands for minikube work", guide::minikube, 200),
    ("down leaves nothing of minikube", gone::down, ALWAYS),
    ("down --purge removes what was installed on the machine", gone::purge, ALWAYS),
];

/// On a cluster of several nodes, which the scene itself creates and deletes.
const NODES: &[Scene] = &[(
    "three nodes: from nothing to replicas that outlive a drained and a lost node",
    nodes::drained_and_lost,
    400,
)];

/// The parts in order: on kind, then on minikube.
const PARTS: [&[Scene]; 9] =
    [TODO, PROVIDER, HELLO, KINDS_END, LAPTOPS, NODES, MINIKUBES, PROVIDER, MINIKUBES_END];

#[test]
#[ignore = "needs a container engine and minutes: cargo xtask e2e"]
fn a_real_cluster() {
    let _lock = leftover::only_run_on_this_machine();
    let mut run = Run::new();
    {
        let mut bed = Bed::new(KIND);
        let project = bed.project.clone();
        run.play(&bed, TODO);
        run.play(&bed, PROVIDER);
        bed.turn_to(bed.root.join("examples/hello"));
        run.play(&bed, HELLO);
        bed.turn_to(project);
        run.play(&bed, KINDS_END);
        run.play(&bed, LAPTOPS);
        run.close(&bed);
    }
    {
        let bed = Bed::new(KIND_NODES);
        run.play(&bed, NODES);
        run.close(&bed);
    }
    let bed = Bed::new(MINIKUBE);
    for scenes in [MINIKUBES, PROVIDER, MINIKUBES_END] {
        run.play(&bed, scenes);
    }
    run.close(&bed);
    run.finish();
}

/// A run through the parts.
struct Run {
    /// For each scene of all parts, whether it is in the sample.
    chosen: std::vec::IntoIter<bool>,
    /// The first scene to run is the one whose name contains this, to continue with the cluster that an
    /// earlier run kept.
    from: Option<String>,
    /// Only the scenes whose names contain one of these texts, separated by `|`, on a cluster that is created
    /// for them and deleted after them.
    only: Option<String>,
    times: Vec<(Scene, Option<Duration>)>,
}

impl Run {
    fn new() -> Self {
        let seed = sample::seed();
        println!("TODO_BOOTSTRAP_E2E_SEED={seed}");
        let seconds: Vec<u32> = PARTS.concat().iter().map(|(_, _, seconds)| *seconds).collect();
        let chosen = sample::choose(&seconds, sample::full(), &mut Random(seed));
        let from = std::env::var("TODO_BOOTSTRAP_E2E_FROM").ok();
        let only = std::env::var("TODO_BOOTSTRAP_E2E_ONLY").ok();
        Self { chosen: chosen.into_iter(), from, only, times: Vec::new() }
    }

    /// A scene finds the cluster up, unless it is the one that creates it.
    fn prepare(bed: &Bed, name: &str) {
        if name.contains("from nothing") {
            return;
        }
        if !bed.kubeconfig().exists() {
            bed.cold_up();
        }
        bed.up();
    }

    fn close(&self, bed: &Bed) {
        if self.only.is_some() && bed.cluster_state().exists() {
            bed.down();
        }
    }

    fn play(&mut self, bed: &Bed, scenes: &[Scene]) {
        for scene @ (name, play, _) in scenes {
            let mut chosen = self.chosen.next().expect("each part is in PARTS");
            if let Some(text) = &self.only {
                chosen = text.split('|').any(|text| name.contains(text));
                if !chosen {
                    continue;
                }
                Self::prepare(bed, name);
            }
            let mut begins = false;
            if let Some(text) = self.from.take() {
                if !name.contains(&text) {
                    self.from = Some(text);
                    continue;
                }
                bed.up();
                begins = true;
            }
            if !chosen && !begins {
                println!("\n=== scene, not in this sample: {name}");
                self.times.push((*scene, None));
                continue;
            }
            println!("\n=== scene: {name}");
            let started = Instant::now();
            bed.enter(name);
            play(bed);
            self.times.push((*scene, Some(started.elapsed())));
        }
    }

    fn finish(self) {
        assert_eq!(self.from, None, "no scene has this in its name");
        assert!(!self.times.is_empty(), "no scene has {:?} in its name", self.only);
        println!("\n=== scenes (about as long as the table of scenes says)");
        for ((name, _, about), time) in &self.times {
            let about = match *about {
                ALWAYS | COMPLETE_RUN => String::new(),
                about => format!("({about} s)"),
            };
            match time {
                Some(time) => println!("{:>7.1} s {about:>8}  {name}", time.as_secs_f64()),
                None => println!("left out  {about:>8}  {name}"),
            }
        }
        println!("all of them: cargo xtask soak");
    }
}

/// What a run proves, whatever its seed is.
#[test]
fn what_users_rely_on_is_in_every_sample() {
    let always = |scenes: &[Scene]| -> Vec<&'static str> {
        scenes.iter().filter(|(_, _, seconds)| *seconds == ALWAYS).map(|(name, _, _)| *name).collect()
    };
    for part in [TODO, MINIKUBES] {
        let always = always(part);
        for needed in ["from nothing to an address", "a second up"] {
            assert!(always.iter().any(|name| name.contains(needed)), "{needed} is not in {always:?}");
        }
    }
    for part in [KINDS_END, MINIKUBES_END] {
        assert!(always(part).iter().any(|name| name.starts_with("down leaves nothing")));
    }
    assert!(always(KINDS_END).iter().any(|name| name.starts_with("a bundle is sufficient")));
}

/// Each requirement of the specifications has a scene, and each scene that the document names exists.
#[test]
fn every_requirement_names_scenes_that_exist() {
    let document = include_str!("../../docs/PROOFS.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).skip(1).collect();
    let scenes = PARTS.concat();
    for row in &rows {
        let scene = row.last().expect("a row has columns");
        assert!(scenes.iter().any(|(name, _, _)| name == scene), "there is no scene \"{scene}\"");
    }
    let proved = |number: u32| rows.iter().any(|row| row[0] == format!("S{number}"));
    let open: Vec<u32> = (1..=21).filter(|number| !proved(*number)).collect();
    assert_eq!(open, [0; 0], "requirements without a scene");
}
