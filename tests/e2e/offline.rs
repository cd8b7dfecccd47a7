//! A bundle is sufficient for a machine without a network.
//!
//! The bundle is created with what the machine has. Then home, cache and state are new, the engine
//! loses every image that is in the bundle, and neither the program (including its children) nor any
//! container can reach anything outside. The program runs with a separate group, by which iptables
//! recognizes it, so that no other process is affected; this needs root and iptables.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bed::{Bed, UP, docker, output};
use crate::http::Address;
use crate::program::{Run, Then, run};

/// A group id that no system assigns.
const GROUP: u32 = 58_231;
/// An address reserved for documentation: no host has it.
const NOWHERE: &str = "203.0.113.1";
const LIMIT: Duration = Duration::from_secs(25 * 60);

pub fn up(bed: &Bed) {
    let dir = bed.dir.join("offline");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("remove an older home");
    }
    let machine = Machine { bed, bundle: dir.join("bundle.tar"), dir };
    for folder in ["home", "cache", "state"] {
        std::fs::create_dir_all(machine.dir.join(folder)).expect("create a folder");
    }
    let digest = made_twice(bed, &machine.bundle);
    let target = format!("{}/6443", node_address(bed));
    assert!(reaches(&target), "without the block, the program's group reaches a node");
    let block = Block::new();
    assert!(!reaches(&target), "the block holds for the program");
    machine.fetches_nothing();
    let held = block.held();
    assert!(!node_reaches_outside(bed), "the block holds for containers");
    assert!(block.held() > held, "what a node sent outside was stopped by our rule");
    bed.down();
    machine.forget_images();
    let down = Down { machine: &machine };
    let run = machine
        .run(&[UP, &["--strict", "--bundle", &machine.shown(), "--bundle-sha256", &digest]].concat())
        .expect(0);
    came_from_the_bundle(&run);
    let address = Address::find(&run.stdout, &bed.app.hosts).expect("`up` ends with the address");
    bed.set_address(address);
    bed.expect_page();
    machine.run(&["check"]).expect(0);
    assert!(!reaches(&format!("{}/6443", node_address(bed))), "the block held to the end");
    assert!(!node_reaches_outside(bed), "the block held to the end");
    drop(down);
    drop(block);
    bed.up();
    let target = format!("{}/6443", node_address(bed));
    assert!(reaches(&target), "afterwards as before");
    std::fs::remove_dir_all(&machine.dir).expect("remove the home");
}

/// Creates the bundle twice: both are identical. Returns the digest of its manifest.
fn made_twice(bed: &Bed, bundle: &std::path::Path) -> String {
    let mut digests = Vec::new();
    let again = bundle.with_file_name("again.tar");
    for path in [bundle, &again] {
        let run = bed.call(&["bundle", "create", &path.to_string_lossy()]).expect(0);
        digests.push(run.stdout.trim().to_owned());
    }
    assert_eq!(digests[0], digests[1], "one content has one digest");
    let mut compare = Command::new("cmp");
    output({
        compare.arg(bundle).arg(&again);
        compare
    })
    .expect("both bundles are the same to the byte");
    std::fs::remove_file(again).expect("remove the second bundle");
    digests.swap_remove(0)
}

fn node_address(bed: &Bed) -> String {
    let (node, _) = bed.node_container();
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    docker(&["inspect", "--format", format, &node]).expect("the node's address").trim().to_owned()
}

/// Whether a process of the program's group can connect.
fn reaches(target: &str) -> bool {
    let mut bash = Command::new("timeout");
    bash.args(["3", "bash", "-c", &format!("</dev/tcp/{target}")]).gid(GROUP);
    bash.output().expect("bash runs").status.success()
}

fn node_reaches_outside(bed: &Bed) -> bool {
    let (node, _) = bed.node_container();
    let connect = format!("timeout 3 bash -c '</dev/tcp/{NOWHERE}/443'");
    docker(&["exec", &node, "sh", "-c", &connect]).is_ok()
}

fn came_from_the_bundle(run: &Run) {
    let mut count = 0;
    for event in run.events.iter().filter(|event| ["done", "unchanged"].contains(&event.state.as_str())) {
        let fetched = ["tool-", "image-", "base-"].iter().any(|kind| event.step.starts_with(kind));
        if fetched || event.step == "node-image" {
            count += 1;
            assert!(event.message.ends_with("(bundle)"), "{}: {}", event.step, event.message);
        }
    }
    assert!(count > 5, "only {count} artifacts were asked for");
    for word in ["copying ", "building "] {
        assert!(!run.said(word), "`{word}` was printed:\n{}", run.tail(60));
    }
}

/// A machine with only the bundle and an engine.
struct Machine<'a> {
    bed: &'a Bed,
    dir: PathBuf,
    bundle: PathBuf,
}

impl Machine<'_> {
    fn shown(&self) -> String {
        self.bundle.to_string_lossy().into_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bed.command(args);
        // No proxy: a proxy on this machine would be a way out.
        for key in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(key);
        }
        command
            .env("HOME", self.dir.join("home"))
            .env("TODO_BOOTSTRAP_CACHE", self.dir.join("cache"))
            .env("TODO_BOOTSTRAP_STATE", self.dir.join("state"))
            .gid(GROUP);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        println!("$ todo-bootstrap {}   (without a network)", args.join(" "));
        let mut command = self.command(args);
        command.arg("--profile").arg(&self.bed.profile).arg("--dir").arg(&self.bed.project);
        run(command, LIMIT, &mut |_| Then::GoOn)
    }

    /// With an empty cache and no bundle, nothing can be obtained.
    fn fetches_nothing(&self) {
        let cache = self.dir.join("empty");
        let mut command = self.command(&["tools", "path", "kind", "--strict"]);
        let run = run(
            {
                command.env("TODO_BOOTSTRAP_CACHE", &cache);
                command
            },
            LIMIT,
            &mut |_| Then::GoOn,
        );
        assert!(run.code != Some(0), "kind was obtained from somewhere: {}", run.tail(20));
        std::fs::remove_dir_all(&cache).expect("remove the empty cache");
    }

    /// Removes every image of the bundle that the engine has by its name. The registry of this cache is
    /// new, so it has none.
    fn forget_images(&self) {
        let list = self.bed.read(&["bundle", "inspect", &self.shown(), "--output", "json"]).expect(0);
        let list: Value = serde_json::from_str(&list.stdout).expect("JSON");
        let entries = list["entries"].as_array().expect("entries");
        for image in &self.bed.app.images {
            let built = format!("app-{image}");
            let has = entries.iter().any(|entry| entry["name"] == *built);
            assert!(has, "the bundle has the application's image {image}");
        }
        for reference in entries.iter().filter_map(|entry| entry["reference"].as_str()) {
            let _ = docker(&["image", "rm", "--force", reference]);
            let left = docker(&["image", "inspect", reference]);
            assert!(left.is_err(), "the engine still has {reference}");
        }
    }
}

/// Deletes what was created without a network, whatever happened: the bed does not know about it.
struct Down<'a> {
    machine: &'a Machine<'a>,
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("TODO_BOOTSTRAP_E2E_KEEP").is_some() {
            println!("kept for you: TODO_BOOTSTRAP_STATE={}", self.machine.dir.join("state").display());
            return;
        }
        // Including the cache, because its registry has a volume.
        let run = self.machine.run(&["down", "--yes", "--purge", "--no-backup"]);
        if !std::thread::panicking() {
            run.expect(0);
        }
    }
}

/// While this value lives, rejects what leaves the program's group except by the loopback interface, and
/// what leaves containers except to other containers.
struct Block;

const TABLES: [&str; 2] = ["iptables", "ip6tables"];
const OUTPUT: &str = "OUTPUT ! -o lo -m owner --gid-owner 58231 -j REJECT";
/// The names of the engine's bridges, except its first. The rules are in the engine's chain for user rules:
/// creating a network moves that chain to the start of FORWARD again, before other rules.
const FORWARD: [&str; 2] =
    ["DOCKER-USER -i br-+ ! -o br-+ -j REJECT", "DOCKER-USER -i docker0 ! -o docker0 -j REJECT"];

impl Block {
    fn new() -> Self {
        // Left by a killed run.
        Self::lift();
        for rule in [&[OUTPUT][..], &FORWARD].concat() {
            Self::rule("iptables", "-I", rule).expect("iptables (as root)");
            // Without IPv6 there is nothing to reject, and no such table or chain.
            let _ = Self::rule("ip6tables", "-I", rule);
        }
        Self
    }

    fn rule(table: &str, verb: &str, rule: &str) -> Result<String, String> {
        let mut command = Command::new(table);
        command.args(["-w", verb]).args(rule.split(' '));
        output(command)
    }

    fn lift() {
        for table in TABLES {
            for rule in [&[OUTPUT][..], &FORWARD].concat() {
                while Self::rule(table, "-D", rule).is_ok() {}
            }
        }
    }

    /// How many packets of containers were rejected.
    #[allow(clippy::unused_self)] // asked only while it lives
    fn held(&self) -> u64 {
        let mut command = Command::new("iptables");
        command.args(["-w", "-L", "DOCKER-USER", "-v", "-x", "-n"]);
        let text = output(command).expect("iptables lists its rules");
        let ours = text.lines().filter(|line| line.contains("br-+") && line.contains("REJECT"));
        ours.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        Self::lift();
    }
}

#[test]
fn the_rules_name_the_programs_group() {
    assert!(OUTPUT.contains(&format!("--gid-owner {GROUP} ")));
}
