//! `stop` and `start` with a stub engine.

use std::fs;

use super::{INFO, KUBECONFIG};
use crate::support::Machine;

/// A cluster whose node is in state `state` until `docker stop`; no node if that is empty.
fn machine(state: &str) -> Machine {
    let machine = Machine::new();
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let receipt = r#"{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind","complete":true}"#;
    fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    fs::write(dir.join("kubeconfig"), KUBECONFIG).expect("a kubeconfig");
    let file = machine.path("node");
    fs::write(&file, state).expect("a state");
    let file = file.display();
    let body = format!(
        r#"case "$1" in
info) echo '{INFO}';;
ps) test -s {file} && printf '{{"ID":"4711","Names":"todo-bootstrap-control-plane","State":"%s","Networks":"todo-bootstrap-kind"}}\n' "$(cat {file})";;
network) echo '{{"todo-bootstrap.dev/cluster":"todo-bootstrap"}}';;
stop) printf exited >{file};;
*) exit 1;;
esac
exit 0"#
    );
    machine.stub("docker", &body)
}

#[test]
fn stop_and_start_need_a_cluster() {
    let machine = Machine::new();
    machine.run(&["stop"]).exits(0).err_has("nothing to stop");
    machine.run(&["start"]).exits(5).err_has("there is no cluster").err_has("help: todo-bootstrap up");
}

#[test]
fn a_running_cluster_is_stopped_once() {
    let machine = machine("running");
    machine.run(&["stop"]).exits(0).err_has("is stopped; its data is kept");
    machine.run(&["stop"]).exits(0).err_has("is already stopped");
    let stops = machine.calls("docker").into_iter().filter(|call| call.starts_with("stop")).count();
    assert_eq!(stops, 1);
    let screen = machine.run(&["status"]).exits(1);
    screen.err_has("cluster `todo-bootstrap` is stopped").err_has("help: todo-bootstrap start");
}

#[test]
fn a_deleted_cluster_is_neither_stopped_nor_created() {
    let machine = machine("");
    machine.run(&["stop"]).exits(1).err_has("no longer exists").err_has("help: todo-bootstrap up");
    machine.run(&["start"]).exits(5).err_has("no longer exists").err_has("help: todo-bootstrap up");
}

#[test]
fn start_needs_the_application() {
    machine("exited").run(&["start"]).exits(2).err_has("no application found");
}

/// The stub engine cannot run the registry, so `up` fails at that step.
#[test]
fn start_runs_up_with_the_application_in_the_receipt() {
    let machine = machine("exited").env("HTTPS_PROXY", "http://127.0.0.1:1");
    let shop = machine.path("shop");
    fs::create_dir_all(shop.join("chart")).expect("a folder");
    let text = "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n";
    fs::write(shop.join("application.toml"), text).expect("an application");
    fs::write(shop.join("chart/Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .expect("a chart");
    let dir = machine.path("state/clusters/todo-bootstrap");
    let receipt = fs::read_to_string(dir.join("receipt.json")).expect("a receipt");
    let application = format!(r#""application":"{}","complete""#, shop.display());
    fs::write(dir.join("receipt.json"), receipt.replace(r#""complete""#, &application)).expect("a receipt");
    machine.run(&["start"]).fails();
    let journal = fs::read_to_string(dir.join("journal.jsonl")).expect("a journal");
    assert!(journal.contains(r#""run":"up""#), "{journal}");
    let receipt = fs::read_to_string(dir.join("receipt.json")).expect("a receipt");
    assert!(receipt.contains(r#""instance": "i""#), "the cluster keeps its instance: {receipt}");
    assert!(receipt.contains(&shop.display().to_string()), "{receipt}");
}

#[test]
fn stop_needs_the_engine() {
    let machine = machine("running").stub("docker", "echo 'Is the docker daemon running?' >&2; exit 1");
    machine.run(&["stop"]).exits(3).err_has("cannot determine the state of cluster `todo-bootstrap`");
}

#[test]
fn the_dashboard_needs_a_cluster() {
    let none = Machine::new().run(&["open", "--dashboard"]).exits(1);
    none.err_has("there is no cluster").err_has("help: todo-bootstrap up");
}
