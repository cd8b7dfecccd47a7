//! The provider against a scripted engine and a scripted kind.

use std::path::Path;

use super::super::local::testing::{provider, write_kubeconfig};
use super::*;
use crate::cluster::{Encryption, State};
use crate::config::ProviderKind;
use crate::exec::Script;
use crate::task::testing::with_task;

const NODE: &str = r#"{"ID":"4711","Names":"c-control-plane","State":"running","Status":"Up","Labels":"","Networks":"c-kind"}"#;
const LABELS: &str = r#"{"todo-bootstrap.dev/cluster":"c"}"#;

fn kind(dir: &Path) -> Provider {
    provider(dir, ProviderKind::Kind)
}

fn position(ran: &[String], prefix: &str) -> Option<usize> {
    ran.iter().position(|line| line.starts_with(prefix))
}

#[test]
fn a_failed_creation_is_explained_and_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default()
        .on("docker ps --all", 0, "")
        .on("docker ps --all", 0, "")
        .on("docker ps --format", 0, "web\t127.0.0.1:80->80/tcp\n")
        .fails("docker network inspect --format '{{json .Labels}}'", "Error: No such network: c-kind")
        .fails("docker network inspect --format '{{json .Labels}}'", "Error: No such network: c-kind")
        .on("docker network create", 0, "")
        .on("docker network inspect --format '{{range", 0, "")
        .on("docker image inspect", 0, "")
        .fails("kind create cluster", "Bind for 127.0.0.1:80 failed: port is already allocated\n")
        .on("docker exec", 1, "")
        .on("docker logs", 1, "")
        .on("docker network inspect --format '{{json .Labels}}'", 0, LABELS)
        .on("docker ps --all", 0, NODE)
        .on("docker rm", 0, "")
        .on("docker network disconnect", 0, "")
        .on("docker network rm", 0, "");
    let error = with_task(&script, |task| kind(dir.path()).create(task, &mut || ())).0.unwrap_err();
    assert!(error.what().contains("port 80 is in use (port-taken)"), "{error}");
    assert_eq!(error.hints()[0], "docker stop web   # frees the port");
    let ran = script.ran();
    let at = |prefix: &str| position(&ran, prefix).unwrap_or_else(|| panic!("{prefix} not in {ran:?}"));
    assert!(
        at("docker network create") < at("kind create cluster --name c --image localhost/node:1 --config -")
    );
    assert!(at("kind create") < at("docker rm --force --volumes"));
    assert!(!ran[at("kind create")].contains(".kube/config"));
    assert!(at("docker rm --force") < at("docker network rm"));
}

/// kind creates it by name there, so that it does not go with its container.
#[test]
fn with_podman_the_nodes_volume_is_deleted_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let script = || {
        Script::default()
            .on("docker ps", 0, NODE)
            .on("docker network inspect", 0, LABELS)
            .on("docker inspect --format '{{range .Mounts}}", 0, "318f\n")
            .on("docker rm", 0, "")
            .on("docker volume rm", 0, "")
            .on("docker network", 0, "")
    };
    let ran = |engine: &str| {
        let mut kind = kind(dir.path());
        engine.clone_into(&mut kind.engine.name);
        let script = script();
        with_task(&script, |task| kind.delete(task)).0.unwrap();
        script.ran()
    };
    let (podman, docker) = (ran("podman"), ran("docker"));
    let at = |line: &str| podman.iter().position(|ran| ran == line);
    assert!(at("docker rm --force --volumes 4711") < at("docker volume rm 318f"), "{podman:?}");
    assert!(at("docker rm --force --volumes 4711").is_some(), "{podman:?}");
    assert!(!docker.iter().any(|line| line.starts_with("docker volume")), "{docker:?}");
}

/// A damaged kubeconfig is as good as lost: starting a complete cluster, whose node carries a mark, writes it again.
#[test]
fn a_lost_kubeconfig_is_told_from_a_half_made_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let state = |kubeconfig: Option<&str>, status: i32, stderr: &str| {
        match kubeconfig {
            Some(text) => std::fs::write(dir.path().join("kubeconfig"), text).unwrap(),
            None => write_kubeconfig(dir.path()),
        }
        let script = Script::default().on("docker ps", 0, NODE).on("docker network inspect", 0, LABELS);
        let script = script.on_err("docker cp", status, "", stderr);
        with_task(&script, |task| kind(dir.path()).state(task)).0
    };
    assert_eq!(state(None, 0, "").unwrap(), State::Running);
    for damaged in ["", "a: [", "current-context: c\n", "\0\0\0"] {
        assert_eq!(
            state(Some(damaged), 0, "").unwrap(),
            State::Stopped { why: "its kubeconfig is lost or damaged".to_owned() },
            "{damaged:?}"
        );
        assert!(matches!(state(Some(damaged), 1, "").unwrap(), State::Partial { .. }));
        assert!(state(Some(damaged), 1, "Error response from daemon: input/output error").is_err());
    }
}

#[test]
fn a_network_that_was_pruned_is_made_again_before_the_node_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let mut mark = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    mark.append_data(&mut header, "todo-bootstrap-whole", &b"mine\n"[..]).unwrap();
    let mark = String::from_utf8(mark.into_inner().unwrap()).unwrap();
    let stopped = NODE.replace("running", "exited");
    let script = Script::default()
        .on("docker ps", 0, &stopped)
        .fails("docker network inspect --format '{{json .Labels}}'", "Error: No such network: c-kind")
        .on("docker cp c-control-plane:/kind/todo-bootstrap-whole", 0, &mark)
        .on("docker network create", 0, "")
        .on("docker network inspect --format '{{range", 0, "")
        .on("docker inspect", 0, "old ")
        .on("docker network inspect --format {{.ID}}", 0, "new")
        .on("docker network disconnect --force c-kind 4711", 0, "")
        .on("docker network connect c-kind 4711", 0, "")
        .on("docker start 4711", 0, "");
    let kind = kind(dir.path());
    // It goes on until the kubeconfig is asked for, as there is no cluster.
    assert!(with_task(&script, |task| kind.start(task)).0.is_err());
    let ran = script.ran();
    let at = |prefix: &str| position(&ran, prefix);
    let order = ["docker network create", "docker network connect c-kind 4711", "docker start 4711"].map(at);
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{ran:?}");
    let create = &ran[order[0].unwrap()];
    assert!(create.contains("todo-bootstrap.dev/instance=mine"), "{create}");
}

#[test]
fn a_port_that_is_taken_at_the_start_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let stopped = NODE.replace("running", "exited");
    let taken = "Bind for 127.0.0.1:80 failed: port is already allocated";
    let script = Script::default()
        .on("docker ps --all", 0, &stopped)
        .on("docker ps --format", 0, "web\t127.0.0.1:80->80/tcp\n")
        .on("docker network inspect --format '{{json .Labels}}'", 0, LABELS)
        .on("docker inspect", 0, "same same")
        .on("docker network inspect --format {{.ID}}", 0, "same")
        .fails("docker start", taken);
    let error = with_task(&script, |task| kind(dir.path()).start(task)).0.unwrap_err();
    assert_eq!(error.what(), "cannot start the cluster: port 80 is in use (port-taken)");
    assert!(error.to_string().contains(taken) && error.to_string().contains("container web"), "{error}");
}

#[test]
fn a_cluster_that_exists_is_not_created_again() {
    let dir = tempfile::tempdir().unwrap();
    write_kubeconfig(dir.path());
    let script = Script::default().on("docker ps", 0, NODE).on("docker network inspect", 0, LABELS);
    assert!(with_task(&script, |task| kind(dir.path()).create(task, &mut || ())).0.is_err());
    assert!(!script.ran().iter().any(|line| line.starts_with("docker rm")), "{:?}", script.ran());
}

/// The key is in the node before that, and the size is set after it.
#[test]
fn nodes_take_images_once_kind_has_configured_them() {
    let dir = tempfile::tempdir().unwrap();
    let said = "Creating cluster \"c\" ...\n • Preparing nodes 📦   ...\n ✓ Preparing nodes 📦\n \
                • Writing configuration 📜  ...\n ✓ Writing configuration 📜\n \
                • Starting control-plane 🕹️  ...\n ✓ Starting control-plane 🕹️\n • Installing CNI 🔌  ...\n";
    let script = |said: &str| {
        Script::default()
            .on("docker image inspect", 0, "")
            .on_err("kind create", 0, "", said)
            .on("docker", 0, "")
    };
    let kind = kind(dir.path());
    kind.save_keys(&Encryption::generate().unwrap()).unwrap();
    for (said, expected) in [(said, vec![2]), (said.split(" • Starting").next().unwrap(), vec![])] {
        let (script, mut times) = (script(said), Vec::new());
        let taking =
            &mut || times.push(script.ran().iter().filter(|ran| !ran.contains("image inspect")).count());
        with_task(&script, |task| create_nodes(&kind, task, taking)).0.unwrap();
        assert_eq!(times, expected, "{:?}", script.ran());
        assert!(script.ran().last().unwrap().starts_with("docker update"), "{:?}", script.ran());
    }
}

#[test]
fn progress_names_each_step_once() {
    assert_eq!(progress(" • Starting control-plane 🕹️  ...").as_deref(), Some("Starting control-plane"));
    assert_eq!(progress("Creating cluster \"c\" ...").as_deref(), Some("Creating cluster \"c\""));
    assert_eq!(progress(" ✓ Starting control-plane 🕹️"), None);
    assert_eq!(progress("Set kubectl context to \"kind-c\""), None);
}

/// Killed between the creation of the container and its start: no network is listed, and nothing is marked yet.
#[test]
fn a_container_that_was_never_connected_belongs_to_the_owner_of_its_network() {
    let created = NODE.replace("running", "created").replace("c-kind", "");
    let state = |network: &str, labels: &str| {
        let script = Script::default()
            .on("docker ps --all", 0, &created)
            .on("docker network inspect --format '{{json .Labels}}'", 0, labels)
            .on("docker inspect --format {{.HostConfig.NetworkMode}} 4711", 0, &format!("{network}\n"))
            .on("docker cp", 1, "");
        let dir = tempfile::tempdir().unwrap();
        with_task(&script, |task| kind(dir.path()).state(task)).0
    };
    assert!(matches!(state("c-kind", LABELS).unwrap(), State::Partial { .. }));
    for (network, labels) in [("bridge", LABELS), ("c-kind", r#"{"todo-bootstrap.dev/cluster":"d"}"#)] {
        let error = state(network, labels).unwrap_err();
        assert!(error.what().contains("did not create"), "{error}");
    }
}

/// For some moments after `docker create` was killed, the container is listed, but cannot be inspected yet.
#[test]
fn a_container_that_is_still_being_created_is_waited_for() {
    let created = NODE.replace("running", "created").replace("c-kind", "");
    let script = Script::default()
        .on("docker ps --all", 0, &created)
        .on("docker ps --all", 0, &created.replace("\"Networks\":\"\"", "\"Networks\":\"c-kind\""))
        .fails("docker inspect", "Error: No such object: 4711")
        .on("docker cp", 1, "")
        .on("docker network inspect --format '{{json .Labels}}'", 0, LABELS);
    let dir = tempfile::tempdir().unwrap();
    let state = with_task(&script, |task| kind(dir.path()).state(task)).0.unwrap();
    assert!(matches!(state, State::Partial { .. }), "{state:?}");
}
