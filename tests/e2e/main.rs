//! The built program on a real cluster, driven as a user drives it.
//!
//! One cluster per provider and run, with names, ports and state of their own; the cache is the user's, as
//! making its content anew takes longest. `docker` and `kubectl` are used for sabotage and for
//! looking only. What the run started, it ends by its id.
// The fence is the tool's, this drives it from outside; and a test ends by panicking.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::expect_used, clippy::unwrap_used)]

mod bed;
mod broken;
mod engine;
mod gone;
mod guide;
mod http;
mod kill;
mod leftover;
mod offline;
mod persist;
mod program;
mod provider;
mod repair;
mod steady;
mod supply;
mod todo;

use std::time::{Duration, Instant};

use bed::Bed;
use provider::{KIND, MINIKUBE};

type Scene = (&'static str, fn(&Bed));

/// The application beside the sources: from nothing, and all that its users rely on.
const TODO: &[Scene] = &[
    ("./install.sh --up: from nothing to an address that answers", steady::installed),
    ("all pods run, none was started twice", todo::at_first_try),
    ("the node has the size that the profile says", steady::node_size),
    ("status, check and plan say so", steady::reports),
    ("a second up changes nothing", steady::second_up),
    ("a browser adds, completes and deletes a task", todo::browser),
    ("a client calls the five tools", todo::five_tools),
    ("rows and keys outlive their pods", todo::survives),
    ("a changed key is shown, and restarts its users only", todo::changed_key),
    ("a secret's value stands nowhere else", todo::nowhere_else),
    ("the journey names the hop that is broken", todo::hops),
    ("the journey needs nothing from outside", todo::without_egress),
    ("--mock makes do without a model's key", todo::mocked),
    ("two users never see what is the other's", todo::two_users),
    ("the first specification's values work", todo::seed_000),
    ("the API server takes every values file", todo::values_files),
    ("url, status, logs, restart", todo::commands),
    ("a hosts entry on request, a forwarded port, followed logs", todo::names_and_ports),
];

/// What every provider has to do; with the application, and each scene leaves the cluster up.
const PROVIDER: &[Scene] = &[
    ("the node has the size that the profile says", steady::node_size),
    ("somebody else's cluster of that name is left alone", provider::foreign),
    ("rows are there after stop and start", provider::stop_and_start),
    ("a stopped node is named and repaired", repair::node),
    ("a paused node is named and woken", provider::paused),
    ("rows are there after the engine was killed", provider::killed_engine),
];

/// A small application beside it, on the same cluster, and all that can go wrong. Every scene finds
/// the cluster up, and leaves it so.
const HELLO: &[Scene] = &[
    ("another application comes to an address that answers", steady::another_up),
    ("a deleted Deployment is named and repaired", repair::deployment),
    ("a Secret edited by hand is named and repaired", repair::secret),
    ("data outlives its pod", persist::note),
    ("a chart that cannot become ready shows why", broken::crashing),
    ("a tampered tool is never used", supply::tool),
    ("a bundle with a flipped byte is refused by name", supply::bundle),
    ("Ctrl-C ends in order, and up goes on from there", kill::interrupt),
    ("up converges after being killed at any step", kill::sweep),
];

const KINDS_END: &[Scene] = &[
    ("a bundle is enough where there is no way out", offline::up),
    ("the guide's commands for kind work", guide::kind),
    ("down leaves nothing of ours", gone::down),
];

/// What only minikube has, around what every provider has to do.
const MINIKUBES: &[Scene] = &[
    ("minikube: from nothing to an address that answers", steady::first_up),
    ("all pods run, none was started twice", todo::at_first_try),
    ("a second up changes nothing", steady::second_up),
    ("the user's own minikube sees nothing of ours", provider::own_home),
    ("a damaged record of minikube's costs no data", provider::damaged_record),
];

const MINIKUBES_END: &[Scene] = &[
    ("a cluster that is cut short while it is made is made anew", kill::making),
    ("the guide's commands for minikube work", guide::minikube),
    ("down leaves nothing of minikube", gone::down),
    ("down --purge undoes what was done to the machine", gone::purge),
];

#[test]
#[ignore = "needs a container engine and minutes: cargo xtask e2e"]
fn a_real_cluster() {
    let _lock = leftover::only_run_on_this_machine();
    let mut times: Vec<(&'static str, Duration)> = Vec::new();
    let mut from = std::env::var("TODO_BOOTSTRAP_E2E_FROM").ok();
    {
        let mut bed = Bed::new(KIND);
        let project = bed.project.clone();
        play(&bed, TODO, &mut from, &mut times);
        play(&bed, PROVIDER, &mut from, &mut times);
        bed.turn_to(bed.root.join("examples/hello"));
        play(&bed, HELLO, &mut from, &mut times);
        bed.turn_to(project);
        play(&bed, KINDS_END, &mut from, &mut times);
    }
    let bed = Bed::new(MINIKUBE);
    for scenes in [MINIKUBES, PROVIDER, MINIKUBES_END] {
        play(&bed, scenes, &mut from, &mut times);
    }
    assert_eq!(from, None, "no scene has this in its name");
    println!("\n=== scenes");
    for (name, time) in times {
        println!("{:>7.1} s  {name}", time.as_secs_f64());
    }
}

/// Plays the scenes; those before the first that has `from` in its name are left out, for whoever
/// works on a later one with the cluster that an earlier run kept.
fn play(bed: &Bed, scenes: &[Scene], from: &mut Option<String>, times: &mut Vec<(&'static str, Duration)>) {
    for (name, scene) in scenes {
        if let Some(text) = from.take() {
            if !name.contains(&text) {
                *from = Some(text);
                continue;
            }
            bed.up();
        }
        println!("\n=== scene: {name}");
        let started = Instant::now();
        bed.enter(name);
        scene(bed);
        times.push((name, started.elapsed()));
    }
}
