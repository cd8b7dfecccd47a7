//! `plan`: whether `up` can succeed, and what a reader learns.

use std::fs;

use super::INFO;
use crate::fetch::bed::{platform, version};
use crate::support::serve::Server;
use crate::support::{Machine, Screen};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Runs `plan` on a machine with Docker and this Go. The release hosts of tools do not answer, unlike the
/// registries.
fn plan(go: &str, args: &[&str]) -> Screen {
    let machine = Machine::new().stub("docker", &format!("[ \"$1\" = info ] && echo '{INFO}'"));
    let machine = machine.stub("go", "exit 1").env("TODO_BOOTSTRAP_PINS", "pins");
    fs::write(machine.path("VERSION"), format!("{go}\n")).expect("the version of Go");
    for tool in ["kubectl", "helm", "kind"] {
        let dir = machine.path("work/pins").join(tool);
        fs::create_dir_all(&dir).expect("a folder");
        let (version, platform, sha256) = (version(tool), platform(), "0".repeat(64));
        let pin = format!(
            "version = \"{version}\"\nurl = \"{NOWHERE}/{tool}\"\nsources = [\"https://a.test\", \"https://b.test\"]\n\
             [platforms.\"{platform}\"]\nsha256 = \"{sha256}\"\nsize = 1000000\n"
        );
        fs::write(dir.join("pin.toml"), pin).expect("a pin");
    }
    let registry = Server::new(machine.path("work"), Vec::new());
    let at = registry.url().replace("http://", "");
    let mirrors = format!("docker.io={at},registry.k8s.io={at}");
    let machine = machine.env("TODO_BOOTSTRAP_REGISTRY_MIRROR", &mirrors);
    machine.run(&[&["plan"], args].concat())
}

#[test]
fn what_can_be_had_from_nowhere_ends_the_plan_with_the_reasons() {
    let screen = plan("go1.4", &[]).exits(3);
    assert!(!screen.stdout.contains("To apply it"), "{screen}");
    let screen = screen
        .out_has("This would change:")
        .err_has("error: `up` cannot succeed: something that it needs is not available")
        .err_has("helm, kubectl")
        .err_has("127.0.0.1:9")
        .err_has("is go1.4, Go 1.26.4 or newer is needed")
        .err_has("help: todo-bootstrap doctor")
        .err_has("help: todo-bootstrap up --bundle PATH");
    assert!(!screen.stderr.contains("metrics-server"), "images are available: {screen}");
    let json = plan("go1.4", &["--output", "json"]).exits(3).json();
    let outlook = |name: &str| {
        let artifacts = json["artifacts"].as_array().cloned().unwrap_or_default();
        artifacts.into_iter().find(|artifact| artifact["name"] == name).map(|found| found["outlook"].clone())
    };
    assert!(outlook("kubectl").is_some_and(|outlook| outlook["lost"]["reason"].is_string()), "{json}");
}

#[test]
fn what_is_built_from_source_is_available() {
    let screen = plan("go1.26.4", &[]).exits(0);
    assert!(!screen.stdout.contains("not available"), "{screen}");
    screen
        .out_has("(or builds it from source if that is not reachable)")
        .out_has("at 100 Mbit/s, the downloads take")
        .out_has("To apply it:  todo-bootstrap up");
}

#[test]
fn a_dry_run_is_the_plan() {
    let machine = Machine::new();
    let [plan, dry] = [&["plan"][..], &["up", "--dry-run"]].map(|args| machine.run(args));
    assert_eq!((plan.code, &plan.stdout, &plan.stderr), (dry.code, &dry.stdout, &dry.stderr));
}
