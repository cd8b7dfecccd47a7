//! Current laptops: the complete workflow with current engines, as their users run it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::http::Address;
use crate::laptop::{Daemon, Laptop};

/// With every artifact in the cache, on two processors: images are built, a cluster is created.
const UP: Duration = Duration::from_secs(20 * 60);
const SHORT: Duration = Duration::from_secs(5 * 60);
/// Old pods are gone by then.
const GONE: Duration = Duration::from_secs(60);
/// A string in the application's source, and the response to expect after it was changed.
const SOURCE: &str = "services/backend/todo_api/health.py";
const OLD: &str = r#"return {"accounts": "#;
const NEW: &str = r#"return {"changed": "by the test", "accounts": "#;
const PATH: &str = "/api/config";

/// Docker 28 with containerd's image store and buildx, for a user without root.
pub fn docker(bed: &Bed) {
    let mut laptop = boot(bed, Daemon::Docker, true);
    laptop.plug_in();
    let info = laptop.sh("docker info --format '{{json .DriverStatus}}'").expect("docker info");
    assert!(info.contains("io.containerd.snapshotter"), "containerd stores the images: {info}");
    there_and_back(bed, &mut laptop, "");
}

/// The same with only a bundle, created on this machine by its own engine, and no network.
pub fn docker_offline(bed: &Bed) {
    let (bundle, digest) = bundle(bed);
    let mut laptop = boot(bed, Daemon::Docker, false);
    laptop.give_file(&bundle, "bundle.tar");
    assert!(!laptop.has_way_out(), "the laptop is connected to something");
    let alone = laptop.run("todo-bootstrap tools path kind --strict", SHORT);
    assert_ne!(alone.code, Some(0), "kind was had from somewhere:\n{}", alone.tail(20));
    there_and_back(bed, &mut laptop, &format!("--strict --bundle ~/bundle.tar --bundle-sha256 {digest}"));
    let _ = std::fs::remove_file(bundle);
}

/// Podman 5, for root.
pub fn podman(bed: &Bed) {
    let mut laptop = boot(bed, Daemon::Podman, true);
    laptop.plug_in();
    there_and_back(bed, &mut laptop, "");
}

fn boot(bed: &Bed, daemon: Daemon, cached: bool) -> Laptop {
    let program = Path::new(env!("CARGO_BIN_EXE_todo-bootstrap"));
    let laptop = Laptop::boot(&bed.root, &bed.dir, daemon, cached, Some(program));
    laptop.give(&bed.project, "todo");
    laptop
}

/// `up`, the checks, a change, `up` again, `down`, and nothing is left. A laptop without a network is
/// connected for the change: an image is built then, and its packages come from registries.
fn there_and_back(bed: &Bed, laptop: &mut Laptop, how: &str) {
    let before = Engine::now(laptop);
    let up = format!("cd ~/todo && todo-bootstrap up --yes --events json {how}");
    let first = laptop.run(&up, UP).expect(0);
    println!("first up: {:.1} s", first.took.as_secs_f64());
    let address = Address::find(&first.stdout, &bed.app.hosts).expect("`up` ends with the address");
    assert!(!answers(laptop, &address).contains("by the test"), "the code is not changed yet");
    laptop.run("cd ~/todo && todo-bootstrap check", SHORT).expect(0);
    let again = laptop.run(&up, SHORT).expect(0);
    crate::steady::expect_unchanged(&again);
    if !laptop.is_plugged_in() {
        assert!(!laptop.has_way_out(), "the laptop was connected meanwhile");
        laptop.plug_in();
    }
    laptop
        .sh(&format!("cd ~/todo && sed -i 's/{OLD}/{NEW}/' {SOURCE} && grep -q changed {SOURCE}"))
        .expect("sed");
    let changed = laptop.run(&up, UP).expect(0);
    println!("up after a change: {:.1} s", changed.took.as_secs_f64());
    // A terminating pod may still get a request.
    let end = Instant::now() + GONE;
    loop {
        let answer = answers(laptop, &address);
        if answer.contains("by the test") {
            break;
        }
        assert!(Instant::now() < end, "the old code answers: {answer}\n{}", changed.tail(40));
        std::thread::sleep(Duration::from_millis(500));
    }
    down(laptop, &before);
}

#[track_caller]
fn answers(laptop: &Laptop, address: &Address) -> String {
    let url = format!("http://{}:{}{PATH}", address.host, address.port);
    let resolve = format!("--resolve {}:{}:127.0.0.1", address.host, address.port);
    laptop.sh(&format!("curl --silent --show-error --fail --max-time 10 {resolve} {url}")).expect("an answer")
}

fn down(laptop: &Laptop, before: &Engine) {
    laptop.run("cd ~/todo && todo-bootstrap down --yes", SHORT).expect(0);
    let left = Engine::now(laptop).without(before);
    assert_eq!(left.containers, BTreeSet::new(), "containers");
    assert_eq!(left.networks, BTreeSet::new(), "networks");
    // The image volume makes the next `up` fast.
    assert!(left.volumes.iter().all(|name| name.contains("registry")), "volumes: {:?}", left.volumes);
    // The cache that is purged is a separate one with the record of the registry: the user's cache is a mount,
    // which cannot be deleted.
    let purge = "mkdir ~/purged && cp ~/.cache/todo-bootstrap/registry.json ~/purged && cd ~/todo && \
                 TODO_BOOTSTRAP_CACHE=~/purged todo-bootstrap down --purge --yes";
    laptop.run(purge, SHORT).expect(0);
    let left = Engine::now(laptop).without(before);
    assert_eq!(left, Engine::default(), "after --purge");
}

/// An engine's objects, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Engine {
    containers: BTreeSet<String>,
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
}

impl Engine {
    pub fn now(laptop: &Laptop) -> Self {
        let client = laptop.daemon.client();
        let names = |list: &str| -> BTreeSet<String> {
            let said = laptop.sh(&format!("{client} {list}")).expect("a list");
            said.lines().map(str::to_owned).collect()
        };
        Self {
            containers: names("ps --all --format '{{.Names}}'"),
            networks: names("network ls --format '{{.Name}}'"),
            volumes: names("volume ls --format '{{.Name}}'"),
        }
    }

    pub fn without(&self, other: &Self) -> Self {
        let less =
            |own: &BTreeSet<String>, other: &BTreeSet<String>| own.difference(other).cloned().collect();
        Self {
            containers: less(&self.containers, &other.containers),
            networks: less(&self.networks, &other.networks),
            volumes: less(&self.volumes, &other.volumes),
        }
    }
}

/// A bundle created here, and its digest.
fn bundle(bed: &Bed) -> (PathBuf, String) {
    let path = bed.dir.join("laptop.tar");
    let made = bed.call(&["bundle", "create", &path.to_string_lossy()]).expect(0);
    (path, made.stdout.trim().to_owned())
}
