//! Separates runs: cluster names unique to each checkout, one run at a time on a machine, and removal of
//! clusters whose run was killed. An engine that restarts also restarts their nodes, and a machine with
//! two cores would then run two clusters.

use std::fs::File;
use std::path::Path;

use crate::bed::docker;
use crate::provider::{KIND, MINIKUBE};

/// The prefix of all clusters of these tests, whoever runs them.
pub const PREFIX: &str = "todo-bootstrap-e2e";

/// The lock is per machine: what does not belong to the run that holds it belongs to no run.
pub fn only_run_on_this_machine() -> File {
    let path = std::env::temp_dir().join(format!("{PREFIX}.lock"));
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if file.try_lock().is_err() {
        println!("=== another run is going on; waiting for {}", path.display());
        file.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    file
}

/// A cluster name that no other checkout's run uses; stored with the state.
pub fn cluster_name(dir: &Path) -> String {
    let file = dir.join("run-id");
    let id = std::fs::read_to_string(&file).unwrap_or_else(|_| {
        let id = format!("{:08x}", getrandom::u32().expect("a random number"));
        std::fs::write(&file, &id).expect("write the run's id");
        id
    });
    format!("{PREFIX}-{}", id.trim())
}

/// Removes nodes and volumes of test clusters that are not `ours`.
pub fn sweep(ours: &str) {
    for label in [KIND.label, MINIKUBE.label] {
        let filter = format!("label={label}");
        let format = format!("{{{{.ID}}}}\t{{{{.Label \"{label}\"}}}}");
        let list = ["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format];
        remove(&list, ours, &["rm", "--force", "--volumes"]);
        let format = format!("{{{{.Name}}}}\t{{{{.Label \"{label}\"}}}}");
        let list = ["volume", "ls", "--filter", &filter, "--format", &format];
        remove(&list, ours, &["volume", "rm", "--force"]);
    }
}

fn remove(list: &[&str], ours: &str, remove: &[&str]) {
    for line in docker(list).expect("a list from docker").lines() {
        let (id, cluster) = line.split_once('\t').expect("id and cluster");
        if cluster.starts_with(PREFIX) && !cluster.starts_with(ours) {
            println!("=== {cluster} was left by a run that did not end in order");
            docker(&[remove, &[id]].concat()).expect("docker removes it");
        }
    }
}
