//! Commands for running services (`logs`, `restart`, `url`, `open`) without a cluster; the hosts entry.

use std::path::Path;

use crate::support::Machine;

const PROJECT: &str =
    "name = \"shop\"\nhost = \"shop.local\"\naliases = [\"shop.localhost\"]\nchart = \"chart\"\n";
const HOSTS: &str = "127.0.0.1 localhost\n10.0.0.5 nas # mine\n";
const LINE: &str = "127.0.0.1 shop.local # todo-bootstrap\n";

/// A machine with a project in its working directory and a separate hosts file.
fn machine() -> Machine {
    let machine = Machine::new()
        .file("application.toml", PROJECT)
        .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .file("hosts", HOSTS);
    let hosts = machine.path("work/hosts").display().to_string();
    machine.env("TODO_BOOTSTRAP_HOSTS", &hosts)
}

fn hosts(machine: &Machine) -> String {
    std::fs::read_to_string(machine.path("work/hosts")).expect("the hosts file")
}

#[test]
fn without_a_cluster_each_says_how_to_get_one() {
    for args in
        [&["logs"][..], &["logs", "-f", "web"], &["restart"], &["url"], &["open"], &["url", "--port-forward"]]
    {
        let screen = machine().run(args).exits(1);
        assert_eq!(screen.stdout, "", "{screen}");
        screen.err_has("there is no cluster").err_has("help: todo-bootstrap up");
    }
}

#[test]
fn without_an_application_each_says_so() {
    for args in
        [&["logs"][..], &["restart", "web"], &["url"], &["open"], &["url", "--add-hosts-entry", "--yes"]]
    {
        Machine::new()
            .run(args)
            .exits(2)
            .err_has("no application found")
            .err_has("help: todo-bootstrap up --dir");
    }
}

#[test]
fn a_hosts_entry_needs_consent() {
    let machine = machine();
    machine.run(&["url", "--add-hosts-entry"]).exits(5).err_has("127.0.0.1 shop.local").err_has("--yes");
    assert_eq!(hosts(&machine), HOSTS);
    let left = std::fs::read_dir(machine.path("state")).expect("list").count();
    assert_eq!(left, 0, "nothing is recorded");
}

#[test]
fn a_hosts_entry_comes_once_and_goes_without_a_trace() {
    let machine = machine();
    for said in ["points shop.local to this machine; `down` removes it again", "already"] {
        machine.run(&["url", "--add-hosts-entry", "--yes"]).exits(0).err_has(said);
        assert_eq!(hosts(&machine), format!("{HOSTS}{LINE}"));
    }
    machine.run(&["url", "--remove-hosts-entry"]).exits(0).err_has("removed from");
    assert_eq!(hosts(&machine), HOSTS);
    machine.run(&["url", "--remove-hosts-entry"]).exits(0).err_has("no entry from todo-bootstrap");
}

#[test]
fn down_takes_the_entry_out_and_nothing_else() {
    let machine = machine();
    machine.run(&["url", "--add-hosts-entry", "--yes"]).exits(0);
    std::fs::write(machine.path("work/hosts"), format!("{HOSTS}{LINE}10.0.0.6 late\n")).expect("write");
    machine
        .run(&["down", "--yes"])
        .exits(0)
        .err_has("removes the line `127.0.0.1 shop.local # todo-bootstrap`");
    assert_eq!(hosts(&machine), format!("{HOSTS}10.0.0.6 late\n"));
    machine.run(&["down", "--yes"]).exits(0).err_has("nothing to delete");
}

#[test]
fn a_name_that_somebody_leads_elsewhere_is_left_alone() {
    let machine = machine().file("hosts", "10.0.0.5 shop.local\n");
    machine.run(&["url", "--add-hosts-entry", "--yes"]).exits(5).err_has("10.0.0.5").err_has("line 1");
    assert_eq!(hosts(&machine), "10.0.0.5 shop.local\n");
}

#[test]
fn the_ways_of_url_exclude_each_other_and_ports_are_checked() {
    machine().run(&["url", "--add-hosts-entry", "--remove-hosts-entry"]).exits(2);
    machine().run(&["open", "--port-forward", "70000"]).exits(2);
    machine().run(&["logs", "--previous", "--follow"]).exits(2);
    machine().run(&["logs", "--since", "soon"]).exits(2).err_has("30m");
}

/// The cluster's kubeconfig exists, but neither the cluster nor an engine.
#[test]
fn a_cluster_whose_engine_is_gone_is_explained() {
    let machine = machine();
    let dir = machine.path("state/clusters/todo-bootstrap");
    std::fs::create_dir_all(&dir).expect("a folder");
    let text = "current-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
                users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";
    write(&dir.join("kubeconfig"), text);
    for command in ["status", "logs", "url"] {
        let screen = machine.run(&[command]).exits(1);
        screen
            .err_has("cluster `todo-bootstrap` is not running")
            .err_has("no container engine is installed")
            .err_has("help:");
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("write a file");
}
