//! The registry's life, with an engine from a script.

use super::*;
use crate::engine::testing::{engine, with_task};
use crate::exec::Script;

fn recorded(cache: &Path, port: u16) -> Record {
    let mut record = Record::new();
    record.instance = "0123456789abcdef".to_owned();
    record.port = port;
    record.save(cache).unwrap();
    record
}

fn listed(state: &str, networks: &str) -> String {
    format!(
        r#"{{"ID":"4711","Names":"todo-bootstrap-registry-01234567","State":"{state}","Status":"","Labels":"{LABEL}=0123456789abcdef","Networks":"{networks}"}}"#
    )
}

#[test]
fn without_a_record_nothing_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let (found, _) = with_task(&script, |task| LocalRegistry::find(task, &engine(), dir.path()));
    assert!(found.unwrap().is_none() && script.ran().is_empty());
}

#[test]
fn containers_are_ours_by_the_instance_alone() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), 1);
    let script = Script::default().on("docker ps", 0, "").on("docker volume inspect", 0, "x\n");
    let (owned, _) = with_task(&script, |task| LocalRegistry::owned(task, &engine(), dir.path()));
    assert_eq!(owned.unwrap(), [("volume", "todo-bootstrap-registry-01234567".to_owned())]);
    assert!(script.ran()[0].contains(&format!("--filter label={LABEL}=0123456789abcdef")));
}

#[test]
fn one_that_another_cluster_uses_stays() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), 1);
    for (networks, gone) in [("bridge,a-kind", true), ("bridge", true), ("bridge,a-kind,b-kind", false)] {
        let script =
            Script::default().on("docker ps", 0, &listed("running", networks)).on("docker rm", 0, "");
        let (removed, _) =
            with_task(&script, |task| LocalRegistry::remove(task, &engine(), dir.path(), "a-kind"));
        assert_eq!(removed.unwrap(), gone, "{networks}");
        assert_eq!(script.ran().iter().any(|argv| argv.starts_with("docker rm")), gone);
    }
}

#[test]
fn a_taken_port_is_passed_over_and_the_next_one_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = recorded(dir.path(), 47_001);
    let taken = "Bind for 127.0.0.1:47001 failed: port is already allocated";
    let script = Script::default()
        .on_err("docker volume inspect", 1, "", "Error: no such volume")
        .on("docker volume create", 0, "")
        .on_err("docker run", 125, "", taken)
        .on("docker rm", 0, "")
        .on("docker run", 0, "4711");
    let (made, _) =
        with_task(&script, |task| make(task, &engine(), dir.path(), &mut record, "localhost/registry:3"));
    made.unwrap();
    assert_ne!(record.port, 47_001);
    assert_eq!(Record::load(dir.path()).unwrap().unwrap().port, record.port);
    let argv = script.ran().pop().unwrap();
    for part in [
        format!("--publish 127.0.0.1:{}:5000", record.port),
        "--cap-drop ALL".to_owned(),
        "--read-only".to_owned(),
        "todo-bootstrap-registry-01234567:/var/lib/registry".to_owned(),
    ] {
        assert!(argv.contains(&part), "{part}: {argv}");
    }
}

#[test]
fn another_fault_of_the_engine_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = recorded(dir.path(), 47_002);
    let script = Script::default()
        .on("docker volume inspect", 0, &format!(r#"{{"{LABEL}":"0123456789abcdef"}}"#))
        .on_err("docker run", 125, "", "exec format error")
        .on("docker rm", 0, "");
    let (made, _) = with_task(&script, |task| make(task, &engine(), dir.path(), &mut record, "r:3"));
    assert!(made.unwrap_err().to_string().contains("exec format error"));
    assert_eq!(script.ran().iter().filter(|argv| argv.starts_with("docker run")).count(), 1);
}
