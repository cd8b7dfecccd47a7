//! `down` with a stub engine: the receipt of what cannot be deleted is kept.

use std::fs;

use crate::support::Machine;

const FAULTS: [(&str, &str); 3] = [
    ("permission denied", "permission denied while trying to connect to the Docker daemon socket"),
    (
        "not running",
        "Cannot connect to the Docker daemon at tcp://10.0.0.7:2375. Is the docker daemon running?",
    ),
    ("unusable", "Error response from daemon: client version 1.54 is too new"),
];

/// A machine with the receipt of a complete cluster (with `more` added to it).
fn machine(more: &str) -> Machine {
    let machine = Machine::new();
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let receipt = format!(
        r#"{{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind"{more}}}"#
    );
    fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    machine
}

fn failing(said: &str) -> String {
    format!("echo '{said}' >&2; exit 1")
}

#[test]
fn an_engine_that_does_not_answer_keeps_the_receipt() {
    for (fault, said) in FAULTS {
        let machine = machine(r#","complete":true"#).stub("docker", &failing(said));
        for args in [&["down", "--yes"][..], &["down", "--yes", "--purge"]] {
            let screen = machine.run(args).exits(3).err_has("cannot delete cluster `todo-bootstrap`");
            screen.err_has("because").err_has(said).err_has("help:");
            assert!(machine.path("state/clusters/todo-bootstrap/receipt.json").is_file(), "{fault}");
            assert!(machine.path("cache").is_dir(), "{fault}");
        }
    }
}

#[test]
fn a_damaged_receipt_of_the_machine_does_not_count_as_empty() {
    let machine = Machine::new().stub("docker", &failing(FAULTS[1].1));
    fs::write(machine.path("state/host.json"), "{").expect("a damaged receipt");
    machine
        .run(&["down", "--purge", "--yes"])
        .exits(1)
        .err_has("cannot parse the receipt")
        .err_has("help: mv ");
    assert!(machine.path("cache").is_dir() && machine.path("state/host.json").is_file());
}

#[test]
fn with_nothing_to_delete_nothing_is_created() {
    for args in [&["down", "--yes"][..], &["down", "--yes", "--purge"]] {
        let machine = Machine::new().stub("docker", &failing(FAULTS[1].1));
        machine.run(args).exits(0);
        assert!(!machine.path("state").exists(), "an empty directory is left behind");
    }
}

/// An engine may be running although PATH has no client: something listens on its socket.
#[test]
fn a_client_that_is_not_on_path_keeps_the_receipt() {
    let machine = machine(r#","complete":true"#).env("DOCKER_HOST", "tcp://10.0.0.7:2375");
    machine.run(&["down", "--yes", "--purge"]).exits(3).err_has("cannot delete").err_has("help:");
    assert!(machine.path("state/clusters/todo-bootstrap/receipt.json").is_file());
}

/// `up` failed before it created anything, so the engine contains nothing that could be orphaned.
#[test]
fn a_cluster_that_was_never_begun_needs_no_engine() {
    for args in [&["down", "--yes"][..], &["down", "--yes", "--purge"]] {
        let machine = machine("").stub("docker", &failing(FAULTS[0].1));
        machine.run(args).exits(0);
        // Without --purge, the journal of `down` is kept.
        let left = if args.contains(&"--purge") { "state" } else { "state/clusters" };
        assert!(!machine.path(left).exists(), "{left} is left behind");
    }
}

/// The registry outlives its clusters; its record is in the cache.
#[test]
fn the_registry_of_earlier_clusters_is_purged_or_kept_whole() {
    let record = r#"{"schema":1,"instance":"01234567-89ab","port":5001}"#;
    let machine = Machine::new().stub("docker", &failing(FAULTS[0].1));
    fs::write(machine.path("cache/registry.json"), record).expect("a record");
    machine.run(&["down", "--yes", "--purge"]).exits(3).err_has("cannot delete the local registry");
    assert!(machine.path("cache/registry.json").is_file());
    let volume = machine.path("volume");
    fs::write(&volume, "").expect("a volume");
    let volume = volume.display();
    let info = r#"{"Driver":"overlay2","CgroupVersion":"2","NCPU":4,"MemTotal":16000000000,"ServerVersion":"28.0.1","ClientInfo":{"Version":"28.0.1","Plugins":[{"Name":"buildx"}]}}"#;
    let machine = machine.stub(
        "docker",
        &format!(
            "case \"$1 $2\" in info*) echo '{info}';; 'volume rm') rm {volume};; \
             'volume inspect') test -e {volume} || {{ echo 'No such volume' >&2; exit 1; }};; esac"
        ),
    );
    machine.run(&["down", "--yes", "--purge"]).exits(0);
    assert!(!machine.path("volume").exists() && !machine.path("cache").exists());
}

/// A `down` that was killed while it deleted the state had deleted the receipt already.
#[test]
fn the_rest_of_a_deleted_state_is_deleted() {
    let machine = machine("").stub("docker", &failing(FAULTS[0].1));
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::remove_file(dir.join("receipt.json")).expect("the receipt");
    fs::write(dir.join("kubeconfig"), "").expect("a file");
    machine.run(&["down", "--yes"]).exits(0).err_has("was deleted");
    assert!(!dir.exists());
    machine.run(&["down", "--yes"]).exits(0).err_has("nothing to delete");
}

#[test]
fn purging_a_clean_machine_deletes_nothing() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("cache")).expect("no cache");
    machine.run(&["down", "--purge", "--yes"]).exits(0).err_has("There is nothing to delete");
}
