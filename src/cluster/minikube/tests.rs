//! The provider against a scripted engine and a scripted minikube.

use std::path::Path;

use super::super::local::testing::provider;
use super::*;
use crate::config::ProviderKind;
use crate::error::Exit;
use crate::exec::Script;
use crate::task::testing::with_task;

const LABELS: &str = r#"{"todo-bootstrap.dev/cluster":"c"}"#;
const NODE: &str =
    r#"{"ID":"4711","Names":"c","State":"running","Status":"Up","Labels":"","Networks":"c-minikube"}"#;

fn minikube(dir: &Path) -> Provider {
    provider(dir, ProviderKind::Minikube)
}

#[test]
fn a_cluster_of_somebody_else_is_neither_used_nor_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = NODE.replace("c-minikube", "c");
    let script = Script::default()
        .on("docker ps", 0, &foreign)
        .fails("docker network inspect", "Error: No such network: c-minikube");
    let minikube = minikube(dir.path());
    for result in [
        with_task(&script, |task| minikube.state(task).map(drop)).0,
        with_task(&script, |task| minikube.delete(task)).0,
        with_task(&script, |task| minikube.create(task, &mut || ())).0,
    ] {
        assert_eq!(result.unwrap_err().exit(), Exit::Refused);
    }
    assert!(script.ran().iter().all(|line| !line.starts_with("minikube ")), "{:?}", script.ran());
}

#[test]
fn a_volume_of_somebody_else_is_not_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default()
        .on("docker ps", 0, "")
        .fails("docker network inspect --format '{{json .Labels}}'", "Error: No such network: c")
        .on("docker network create", 0, "")
        .on("docker network inspect --format '{{range", 0, "172.18.0.0/16 172.18.0.1")
        .on("docker network rm", 0, "")
        .on("docker network create", 0, "")
        .on("docker volume inspect", 0, "c");
    let error = with_task(&script, |task| minikube(dir.path()).create(task, &mut || ())).0.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    assert!(error.to_string().contains("docker volume rm c"), "{error}");
    assert!(!script.ran().iter().any(|line| line.starts_with("docker volume rm")));
}

#[test]
fn what_is_ours_is_deleted_with_its_volume() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default()
        .on("docker ps", 0, NODE)
        .on("docker network inspect", 0, LABELS)
        .on("docker rm", 0, "")
        .on("docker volume rm c", 0, "")
        .on("docker network disconnect --force c-minikube c", 0, "")
        .on("docker network rm c-minikube", 0, "");
    let minikube = minikube(dir.path());
    std::fs::create_dir_all(home(&minikube)).unwrap();
    with_task(&script, |task| minikube.delete(task)).0.unwrap();
    assert!(!dir.path().join("minikube").exists());
}

#[test]
fn the_users_own_variables_do_not_reach_minikube() {
    let dir = tempfile::tempdir().unwrap();
    let cmd = super::minikube(&minikube(dir.path()), "try").unwrap();
    let of = |name: &str| cmd.env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert!(!cmd.inherit.includes("MINIKUBE_DRIVER"));
    assert!(of("MINIKUBE_HOME").unwrap().to_string_lossy().ends_with("minikube/.minikube"));
    assert!(of("PATH").is_some());
}
