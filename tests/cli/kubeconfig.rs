//! `kubeconfig merge` and `unmerge`, and how `down` uses them, without a cluster.

use std::fs;
use std::path::PathBuf;

use super::INFO;
use crate::support::Machine;

const OWN: &str = "apiVersion: v1
kind: Config
current-context: kind-todo-bootstrap
clusters: [{name: kind-todo-bootstrap, cluster: {server: 'https://127.0.0.1:6443', certificate-authority-data: Q0E=}}]
contexts: [{name: kind-todo-bootstrap, context: {cluster: kind-todo-bootstrap, user: kind-todo-bootstrap}}]
users: [{name: kind-todo-bootstrap, user: {client-certificate-data: Q1JU, client-key-data: S0VZ}}]
";

pub(super) const MINE: &str = "apiVersion: v1
clusters:
- cluster:
    server: https://work.example
  name: work
contexts:
- context:
    cluster: work
    user: work
  name: work
current-context: work
kind: Config
users:
- name: work
  user:
    token: t
";

/// A machine with a cluster's state and a kubeconfig of the user.
pub(super) fn machine() -> Machine {
    let machine = Machine::new();
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let receipt =
        r#"{"schema":1,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind"}"#;
    fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    fs::write(dir.join("kubeconfig"), OWN).expect("a kubeconfig");
    fs::create_dir(machine.path("home/.kube")).expect("a folder");
    fs::write(config(&machine), MINE).expect("a kubeconfig");
    machine
}

pub(super) fn config(machine: &Machine) -> PathBuf {
    machine.path("home/.kube/config")
}

fn text(machine: &Machine) -> String {
    fs::read_to_string(config(machine)).expect("a kubeconfig")
}

#[test]
fn merged_once_and_taken_out_again() {
    let machine = machine();
    let screen = machine.run(&["kubeconfig", "merge"]).exits(0);
    screen.err_has("added cluster, user and context `todo-bootstrap` to [machine]/home/.kube/config");
    let merged = text(&machine);
    assert!(
        merged.contains("current-context: work\n") && merged.contains("client-key-data: S0VZ"),
        "{merged}"
    );
    machine.run(&["kubeconfig", "merge"]).exits(0).err_has("unchanged");
    assert_eq!(text(&machine), merged);
    let screen = machine.run(&["kubeconfig", "merge", "--set-current", "--output", "json"]).exits(0);
    assert_eq!(screen.json()["previous_context"], "work", "{screen}");
    assert!(text(&machine).contains("current-context: todo-bootstrap\n"));
    machine.run(&["kubeconfig", "unmerge"]).exits(0).err_has("removed").err_has("is `work` again");
    assert_eq!(text(&machine), MINE);
    machine.run(&["kubeconfig", "unmerge"]).exits(0).err_has("no entries from todo-bootstrap");
    let beside = fs::read_dir(machine.path("home/.kube")).expect("a folder").count();
    assert_eq!(beside, 1, "no lock, no copy");
}

#[test]
fn a_file_that_was_made_for_it_goes_again() {
    let machine = machine().env("KUBECONFIG", "one/config:other");
    machine.run(&["kubeconfig", "merge", "--set-current"]).exits(0).err_has("[machine]/work/one/config");
    assert!(machine.path("work/one/config").is_file());
    machine
        .run(&["kubeconfig", "unmerge", "--file", "other"])
        .exits(0)
        .err_has("no entries from todo-bootstrap");
    machine.run(&["kubeconfig", "unmerge", "--file", "one/config"]).exits(0).err_has("removed");
    assert!(!machine.path("work/one/config").exists());
    assert_eq!(text(&machine), MINE);
}

#[test]
fn what_stands_in_the_way_is_told_and_nothing_is_changed() {
    let machine = machine();
    let own = machine.path("state/clusters/todo-bootstrap/kubeconfig").display().to_string();
    machine
        .run(&["kubeconfig", "merge", "--file", &own])
        .exits(2)
        .err_has("is already the cluster's own kubeconfig");
    let foreign = MINE.replace("  name: work\ncontexts", "  name: todo-bootstrap\ncontexts");
    for (broken, code, why) in [
        ("users:\n- {name: a\n  user: b\n".to_owned(), 1, "line 2"),
        (format!("{MINE}---\nkind: Config\n"), 1, "several YAML documents"),
        (foreign, 5, "kubectl config delete-cluster todo-bootstrap"),
    ] {
        fs::write(config(&machine), &broken).expect("write");
        machine.run(&["kubeconfig", "merge"]).exits(code).err_has(why).err_has("help:");
        assert_eq!(text(&machine), broken);
    }
    Machine::new().run(&["kubeconfig", "merge"]).exits(1).err_has("there is no cluster");
    Machine::new().run(&["kubeconfig", "unmerge"]).exits(0).err_has("no entries from todo-bootstrap");
}

/// No error about a kubeconfig quotes a line of it, which may contain a key.
#[test]
fn a_damaged_kubeconfig_is_not_quoted() {
    const KEY: &str = "LS0tQ0FOQVJZLS0t";
    let whole = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:1\n\
         contexts:\n- name: c\n  context:\n    cluster: c\n    user: c\nusers:\n- name: c\n  user:\n    \
         client-certificate-data: {KEY}\n    client-key-data: {KEY}\n"
    );
    for damaged in [
        String::new(),
        whole[..whole.len() - 30].to_owned(),
        whole.replace('v', "\0"),
        // Wrong indentation before and after the key.
        whole.replace("    client-key-data", "   client-key-data"),
        format!("{whole}   tail: {KEY}\n"),
        whole.replace("client-key-data: ", "client-key-data:\n  "),
        // YAML, but not a kubeconfig.
        whole.replace("  user:\n    client-certificate-data: ", "  user: "),
        format!("users: {KEY}\n"),
        format!("{KEY}\n"),
        whole.replace("client-key-data: ", "client-key-data: *"),
        whole.replace("client-key-data: ", "client-key-data: !"),
        whole.replace("client-key-data: ", &format!("{KEY}: a\n    {KEY}: ")),
        whole.replace("client-key-data: ", "client-key-data: \""),
        whole.replace("client-key-data: ", "client-key-data: {"),
        // An invalid key.
        whole.clone(),
    ] {
        let machine = machine();
        let own = machine.path("state/clusters/todo-bootstrap/kubeconfig");
        fs::write(&own, &damaged).expect("write");
        fs::write(config(&machine), &damaged).expect("write");
        for args in [
            &["status"][..],
            &["status", "--output", "json"],
            &["check"],
            &["check", "--output", "json"],
            &["env", "diff"],
            &["logs"],
            &["url"],
            &["plan", "-v"],
            &["kubeconfig", "merge"],
            &["kubeconfig", "unmerge"],
        ] {
            let screen = machine.run(args);
            let all = format!("{screen}");
            assert!(!all.contains(&KEY[..8]) && !all.contains("panicked"), "{args:?}\n{damaged}\n{all}");
        }
        // The user's kubeconfig is damaged, ours is valid.
        fs::write(&own, OWN).expect("write");
        let all = machine.run(&["kubeconfig", "merge"]).to_string();
        assert!(!all.contains(&KEY[..8]), "{damaged}\n{all}");
    }
}

#[test]
fn comments_are_kept_in_a_copy() {
    let machine = machine();
    fs::write(config(&machine), format!("# by hand\n{MINE}")).expect("write");
    machine.run(&["kubeconfig", "merge"]).exits(0).err_has("config.todo-bootstrap-backup");
    let copy = fs::read_to_string(machine.path("home/.kube/config.todo-bootstrap-backup")).expect("a copy");
    assert!(copy.starts_with("# by hand\n"));
}

#[test]
fn down_takes_it_out_and_says_so_before() {
    // An engine in which nothing of the cluster is left.
    let body = format!(
        "case \"$1\" in info) echo '{INFO}';; network) echo 'Error: No such network' >&2; exit 1;; esac"
    );
    let machine = machine().stub("docker", &body);
    machine.run(&["kubeconfig", "merge"]).exits(0);
    let screen = machine.run(&["down", "--yes"]).exits(0);
    screen.err_has("removes cluster, user and context `todo-bootstrap` from [machine]/home/.kube/config");
    assert_eq!(text(&machine), MINE);
    assert!(!machine.path("state/clusters/todo-bootstrap").exists());
}
