//! The behavior required of every provider, tested against each of them. The application's row
//! still exists after all scenes.

use std::process::Command;
use std::time::Duration;

use crate::bed::{Bed, docker, read_toml};
use crate::program::{Then, run};
use crate::repair::{self, settled};
use crate::todo::{add_task, delete_task, titles};

/// The provider of the bed's cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Also the name of its profile.
    pub name: &'static str,
    /// The suffix of the cluster's name.
    pub ending: &'static str,
    /// The label of the cluster's containers.
    pub label: &'static str,
    /// The suffix of the node's container name.
    pub suffix: &'static str,
    pub nodes: u32,
}

pub const KIND: Provider =
    Provider { name: "kind", ending: "", label: "io.x-k8s.kind.cluster", suffix: "-control-plane", nodes: 1 };
/// Three nodes: the control plane, and two that run the application.
pub const KIND_NODES: Provider = Provider { ending: "-nodes", nodes: 3, ..KIND };
pub const MINIKUBE: Provider =
    Provider { name: "minikube", ending: "-mk", label: "name.minikube.sigs.k8s.io", suffix: "", nodes: 1 };

/// A cluster of the same name that somebody else created is neither used nor deleted.
pub fn foreign(bed: &Bed) {
    const NAME: &str = "todo-bootstrap-e2e-foreign";
    let mut profile = read_toml(&bed.profile);
    let cluster = profile.get_mut("cluster").and_then(|value| value.as_table_mut()).expect("[cluster]");
    cluster.insert("name".to_owned(), NAME.into());
    let file = bed.dir.join("foreign.toml");
    std::fs::write(&file, toml::to_string(&profile).expect("TOML")).expect("write the profile");

    let node = format!("{NAME}{}", bed.provider.suffix);
    let label = format!("{}={NAME}", bed.provider.label);
    let image = docker(&["inspect", "--format", "{{.Image}}", &bed.node_container().0]).expect("an image");
    docker(&["create", "--name", &node, "--label", &label, image.trim()]).expect("docker create");
    let refused = ["up", "down"].map(|verb| {
        let mut command = bed.command(&[verb, "--yes", "--profile"]);
        command.arg(&file).arg("--dir").arg(&bed.project);
        run(command, Duration::from_secs(5 * 60), &mut |_| Then::GoOn)
    });
    let there = docker(&["inspect", "--format", "{{.State.Status}}", &node]);
    docker(&["rm", "--volumes", &node]).expect("docker rm");
    assert_eq!(there.expect("it is there").trim(), "created", "it was not touched");
    for refused in refused {
        let refused = refused.expect(5);
        refused.expect_said("that todo-bootstrap did not create");
        refused.expect_said("help:");
    }
}

/// Another installation on the same engine (another user, or root by sudo) uses the same cluster name, and
/// does not affect ours.
pub fn another_installation(bed: &Bed) {
    let state = bed.dir.join("another-state");
    for verb in ["up", "stop", "down"] {
        let mut command = bed.command(&[verb, "--yes", "--profile"]);
        command.arg(&bed.profile).arg("--dir").arg(&bed.project).env("TODO_BOOTSTRAP_STATE", &state);
        let refused = run(command, Duration::from_secs(2 * 60), &mut |_| Then::GoOn).expect(5);
        refused.expect_said("belongs to another installation");
        refused.expect_said(&bed.state.to_string_lossy());
    }
    assert!(bed.node_container().1, "the node runs");
    bed.expect_page();
    // `down` removes an empty state directory.
    let _ = std::fs::remove_dir_all(state);
}

/// `docker network prune` deletes the network of a stopped cluster.
pub fn pruned_network(bed: &Bed) {
    let title = "written before the network was removed";
    let id = add_task(bed, title);
    let (node, _) = bed.node_container();
    let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}";
    let networks = docker(&["inspect", "--format", networks, &node]).expect("docker inspect");
    bed.call(&["stop"]).expect(0);
    for network in networks.split_whitespace() {
        docker(&["network", "rm", network]).expect("docker network rm");
    }
    bed.call(&["start", "--yes"]).expect(0);
    assert!(titles(bed).contains(&title.to_owned()));
    settled(bed);
    delete_task(bed, id);
}

pub fn stop_and_start(bed: &Bed) {
    let title = "written before the cluster was stopped";
    let id = add_task(bed, title);
    bed.call(&["stop"]).expect(0);
    assert!(!bed.node_container().1, "the node is stopped");
    bed.call(&["stop"]).expect(0);
    bed.call(&["status"]).expect(1).expect_said("todo-bootstrap start");
    bed.call(&["start", "--yes"]).expect(0);
    assert!(titles(bed).contains(&title.to_owned()));
    settled(bed);
    delete_task(bed, id);
}

pub fn paused(bed: &Bed) {
    let (node, _) = bed.node_container();
    docker(&["pause", &node]).expect("docker pause");
    bed.up().expect_said(&node);
    assert!(bed.node_container().1, "{node} runs again");
    settled(bed);
}

pub fn killed_engine(bed: &Bed) {
    let title = "written before the engine was killed";
    let id = add_task(bed, title);
    repair::engine(bed);
    assert!(titles(bed).contains(&title.to_owned()));
    delete_task(bed, id);
}

/// minikube's profile of the cluster is damaged while the cluster is stopped.
pub fn damaged_record(bed: &Bed) {
    let title = "written before the record was damaged";
    let id = add_task(bed, title);
    bed.call(&["stop"]).expect(0);
    let home = bed.cluster_state().join("minikube/.minikube");
    let record = home.join("profiles").join(&bed.cluster).join("config.json");
    let half = std::fs::read_to_string(&record).expect("minikube's record");
    std::fs::write(&record, &half[..half.len() / 2]).expect("damage it");
    bed.up().expect_said("its copy is used");
    assert!(titles(bed).contains(&title.to_owned()));
    delete_task(bed, id);
}

/// What the user's own minikube sees: nothing of ours.
pub fn own_home(bed: &Bed) {
    let home = bed.dir.join("users-home");
    std::fs::create_dir_all(&home).expect("create a home");
    let mut list = Command::new(bed.tool("minikube"));
    list.args(["profile", "list", "--output", "json"]).env("MINIKUBE_HOME", &home).env("HOME", &home);
    let output = list.output().expect("minikube runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains(&bed.cluster), "{said}");
    bed.expect_users_kube_config_untouched();
}
