//! The built program on a real cluster, driven as a user drives it.
//!
//! One cluster for the whole run, with its own name, ports and state; the cache is the user's, as
//! making its content anew takes longest. `docker` and `kubectl` are used for sabotage and for
//! looking only. What the run started, it ends by its id.
// The fence is the tool's, this drives it from outside; and a test ends by panicking.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::expect_used, clippy::unwrap_used)]

mod bed;
mod broken;
mod gone;
mod http;
mod kill;
mod persist;
mod program;
mod repair;
mod steady;
mod supply;

use std::time::{Duration, Instant};

use bed::Bed;

type Scene = (&'static str, fn(&Bed));

/// Every scene finds the cluster up, and leaves it so; the last two take it down.
const SCENES: &[Scene] = &[
    ("from nothing to an address that answers", steady::first_up),
    ("the node has the size that the profile says", steady::node_size),
    ("status, check and plan say so", steady::reports),
    ("a second up changes nothing", steady::second_up),
    ("a deleted Deployment is named and repaired", repair::deployment),
    ("a Secret edited by hand is named and repaired", repair::secret),
    ("a stopped node is named and repaired", repair::node),
    ("a killed engine is named and repaired", repair::engine),
    ("data outlives its pod", persist::note),
    ("a chart that cannot become ready shows why", broken::crashing),
    ("a tampered tool is never used", supply::tool),
    ("a bundle with a flipped byte is refused by name", supply::bundle),
    ("Ctrl-C ends in order, and up goes on from there", kill::interrupt),
    ("up converges after being killed at any step", kill::sweep),
    ("down leaves nothing of ours", gone::down),
    ("down --purge undoes what was done to the machine", gone::purge),
];

#[test]
#[ignore = "needs a container engine and minutes: cargo xtask e2e"]
fn a_real_cluster() {
    let bed = Bed::new();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, scene) in SCENES {
        println!("\n=== scene: {name}");
        let started = Instant::now();
        bed.enter(name);
        scene(&bed);
        times.push((name, started.elapsed()));
    }
    println!("\n=== scenes");
    for (name, time) in times {
        println!("{:>7.1} s  {name}", time.as_secs_f64());
    }
}
