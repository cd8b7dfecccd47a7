//! Two installations on one engine, and a pruned network: the instance decides ownership, not the name.

use std::fs;

use super::{INFO, with_application};
use crate::support::Machine;

/// Created by versions without instances.
const OLD: &str = r#"{"todo-bootstrap.dev/cluster":"todo-bootstrap"}"#;
const THEIRS: &str = r#"{"todo-bootstrap.dev/cluster":"todo-bootstrap","todo-bootstrap.dev/instance":"theirs","todo-bootstrap.dev/state":"/root/.local/state/todo-bootstrap"}"#;
const OURS: &str = r#"{"todo-bootstrap.dev/cluster":"todo-bootstrap","todo-bootstrap.dev/instance":"i"}"#;

/// A machine with the receipt of a cluster, and an engine with a node of that name in state `state`, on a
/// network with these labels (no network if it was pruned), with this mark in the node.
fn machine(complete: bool, state: &str, labels: Option<&str>, mark: Option<&str>) -> Machine {
    let machine = Machine::new();
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let receipt = format!(
        r#"{{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind","complete":{complete}}}"#
    );
    fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    fs::write(dir.join("kubeconfig"), super::KUBECONFIG).expect("a kubeconfig");
    let (node, network, tar) = (machine.path("node"), machine.path("network"), machine.path("mark.tar"));
    fs::write(&node, state).expect("a node");
    if let Some(labels) = labels {
        fs::write(&network, labels).expect("a network");
    }
    if let Some(mark) = mark {
        let mut archive = tar::Builder::new(fs::File::create(&tar).expect("a tar"));
        let mut header = tar::Header::new_gnu();
        header.set_size(mark.len() as u64);
        archive.append_data(&mut header, "todo-bootstrap-whole", mark.as_bytes()).expect("a mark");
        archive.finish().expect("a tar");
    }
    let (node, network, tar) = (node.display(), network.display(), tar.display());
    let body = format!(
        r#"case "$1 $2" in
info*) echo '{INFO}';;
ps*) case "$*" in *kind.cluster*) test -s {node} &&
  printf '{{"ID":"4711","Names":"todo-bootstrap-control-plane","State":"%s","Networks":"todo-bootstrap-kind"}}\n' "$(cat {node})";; esac;;
'network inspect') cat {network} 2>/dev/null || {{ echo 'Error: No such network' >&2; exit 1; }};;
'network rm') rm {network};;
cp*) cat {tar} 2>/dev/null || {{ echo 'Error: Could not find the file in container' >&2; exit 1; }};;
stop*) printf exited >{node};;
rm*) printf '' >{node};;
inspect*) ;;
*) exit 1;;
esac
exit 0"#
    );
    machine.stub("docker", &body)
}

/// Commands that change the cluster.
fn changes(machine: &Machine) -> Vec<String> {
    let changing = ["stop", "start", "rm", "network rm", "network connect", "network create"];
    let mut calls = machine.calls("docker");
    calls.retain(|call| changing.iter().any(|verb| call.starts_with(verb)));
    calls
}

#[test]
fn the_cluster_of_another_installation_is_left_alone() {
    for (complete, labels, mark, whose) in [
        (true, Some(THEIRS), None, "/root/.local/state/todo-bootstrap"),
        (false, Some(OLD), None, "another user of this engine"),
        (true, None, Some("theirs\n"), "another user of this engine"),
        (false, None, Some(""), "another user of this engine"),
        (true, None, None, "that todo-bootstrap did not create"),
    ] {
        for args in [&["stop"][..], &["start"], &["down", "--yes"], &["down", "--yes", "--purge"]] {
            let machine = machine(complete, "exited", labels, mark);
            let screen = machine.run(args).exits(5).err_has(whose).err_has("help: ");
            assert_eq!(changes(&machine), Vec::<String>::new(), "{args:?} {labels:?}\n{screen}");
            assert!(machine.path("state/clusters/todo-bootstrap/receipt.json").is_file());
        }
    }
}

/// As after `sudo todo-bootstrap up`: there is no receipt, and the cluster is not ours.
#[test]
fn without_a_receipt_the_cluster_of_another_is_not_taken_for_gone() {
    for args in [&["stop"][..], &["start"], &["down", "--yes"], &["up", "--yes"]] {
        let machine = with_application(machine(false, "running", Some(THEIRS), None));
        fs::remove_dir_all(machine.path("state/clusters")).expect("no receipt");
        let screen = machine.run(args).exits(5).err_has("/root/.local/state/todo-bootstrap");
        assert_eq!(changes(&machine), Vec::<String>::new(), "{args:?}\n{screen}");
        let left = fs::read_dir(machine.path("state")).into_iter().flatten().count();
        assert_eq!(left, 0, "{args:?}: nothing is made");
    }
}

#[test]
fn our_own_cluster_is_stopped_and_deleted_whatever_became_of_its_network() {
    for (labels, mark) in [
        (Some(OURS), Some("i\n")),
        (Some(OURS), None),
        (Some(OLD), Some("")),
        (None, Some("i\n")),
        (None, Some("")),
    ] {
        let machine = machine(true, "exited", labels, mark);
        machine.run(&["stop"]).exits(0).err_has("is already stopped");
        machine.run(&["status"]).exits(1).err_has("is stopped").err_has("help: todo-bootstrap start");
        machine.run(&["down", "--yes"]).exits(0);
        assert!(changes(&machine).iter().any(|call| call.starts_with("rm ")), "{labels:?}");
        assert!(!machine.path("network").exists() && !machine.path("state/clusters/todo-bootstrap").exists());
    }
}
