//! `down`, `stop` and `start` are cut off (SIGKILL or Ctrl-C) while a step runs: the same command, run
//! again, converges, and nothing is orphaned: containers, networks, volumes and files are compared.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::bed::{Bed, Engine};
use crate::program::{Run, Then};
use crate::repair::settled;
use crate::sample::{self, Random};

const DOWN: &[&str] = &["down", "--yes", "--events", "json"];
const STOP: &[&str] = &["stop", "--events", "json"];
const START: &[&str] = &["start", "--yes", "--events", "json"];

/// How many moments a sampled run uses.
const MOMENTS: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Signal {
    Kill,
    Interrupt,
}

struct Moment {
    command: &'static [&'static str],
    step: String,
    signal: Signal,
}

pub fn cut_off(bed: &Bed) {
    let mut random = Random(sample::seed());
    let mut moments = Vec::new();
    for (command, steps) in
        [(DOWN, &["cluster", "registry", "state"][..]), (STOP, &["stop"]), (START, &["cluster"])]
    {
        for step in steps {
            for signal in [Signal::Kill, Signal::Interrupt] {
                moments.push(Moment { command, step: (*step).to_owned(), signal });
            }
        }
    }
    if sample::full() {
        moments.extend(later_steps_of_start(bed));
    }
    sample::keep(&mut moments, MOMENTS, &mut random);
    let expected = Inventory::of(bed);
    for moment in &moments {
        cut_and_repeat(bed, moment, Duration::from_millis(random.below(2500)));
        bed.up();
        bed.expect_page();
        Inventory::of(bed).expect(&expected, moment);
    }
    settled(bed);
}

/// Every step that has work after `stop`, except the cluster, which is among the moments already.
fn later_steps_of_start(bed: &Bed) -> Vec<Moment> {
    bed.call(STOP).expect(0);
    let start = bed.call(START).expect(0);
    let steps = start.steps("started").into_iter().filter(|step| *step != "cluster");
    steps.map(|step| Moment { command: START, step: step.to_owned(), signal: Signal::Kill }).collect()
}

fn cut_and_repeat(bed: &Bed, moment: &Moment, after: Duration) {
    let Moment { command, step, signal } = moment;
    if *command == START {
        bed.call(STOP).expect(0);
    }
    println!("--- {signal:?} {after:?} after the start of {step}, in {command:?}");
    let mut seen = false;
    let cut = bed.call_in(&bed.project, command, Duration::from_secs(10 * 60), &mut |event| {
        if event.step != *step || event.state != "started" {
            return Then::GoOn;
        }
        seen = true;
        match signal {
            Signal::Kill => Then::KillIn(after),
            Signal::Interrupt => Then::InterruptIn(after),
        }
    });
    assert!(seen, "step {step} had no work:\n{}", cut.tail(40));
    expect_cut(&cut, command, *signal);
    bed.call(command).expect(0);
    if *command == DOWN {
        let (now, before) = (Engine::now(), bed.before());
        let left: Vec<_> = now.containers.difference(&before.containers).collect();
        assert!(left.is_empty(), "containers are left after {command:?}: {left:?}");
        let left: Vec<_> = now.networks.difference(&before.networks).collect();
        assert!(left.is_empty(), "networks are left after {command:?}: {left:?}");
        assert!(!bed.cluster_state().exists(), "the state of the cluster is left");
    }
}

/// A step may be faster than the delay; the run then ended well.
fn expect_cut(cut: &Run, command: &[&str], signal: Signal) {
    match (cut.code, signal) {
        (None, Signal::Kill) | (Some(0), _) => {}
        (Some(130), Signal::Interrupt) => {
            assert!(cut.stderr.contains(&format!("help: todo-bootstrap {}", command[0])), "{}", cut.tail(30));
        }
        (code, _) => panic!("{signal:?} ended {command:?} with {code:?}:\n{}", cut.tail(40)),
    }
}

/// What exists while the cluster is up. Containers and volumes have new ids after each creation, so they are
/// counted; networks and files have stable names.
#[derive(Debug, PartialEq, Eq)]
struct Inventory {
    containers: usize,
    volumes: usize,
    networks: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Inventory {
    fn of(bed: &Bed) -> Self {
        let (engine, before) = (Engine::now(), bed.before());
        let mut files = BTreeSet::new();
        collect(&bed.state, &bed.state, &mut files);
        Self {
            containers: engine.containers.difference(&before.containers).count(),
            volumes: engine.volumes.difference(&before.volumes).count(),
            networks: engine.networks.difference(&before.networks).cloned().collect(),
            files,
        }
    }

    fn expect(&self, expected: &Self, moment: &Moment) {
        let Moment { command, step, signal } = moment;
        assert_eq!(self, expected, "after {signal:?} in step {step} of {command:?}");
    }
}

/// All files below `dir`, except logs and journals, which tell what ran.
fn collect(root: &Path, dir: &Path, files: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path == root.join("backups") {
            // `down` saves the data of each cluster.
        } else if path.is_dir() {
            collect(root, &path, files);
        } else if !name.contains("journal") && !name.contains(".log") {
            files.insert(path.strip_prefix(root).unwrap_or(&path).display().to_string());
        }
    }
}
