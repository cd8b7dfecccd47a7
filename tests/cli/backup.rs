//! `backup`, `restore` and `down` with backups that are already there, and without a cluster that responds.

use std::fs;
use std::path::Path;

use super::{INFO, KUBECONFIG, with_application, write_receipt};
use crate::support::Machine;

const BACKUPS: &str = "state/backups/todo-bootstrap";

/// A machine with an application that has a store.
fn machine() -> Machine {
    let text = "name = \"app\"\nhost = \"app.localhost\"\nchart = \"chart\"\n\
                [[data]]\nname = \"rows\"\nservice = \"store\"\nscript = \"store.sh\"\n";
    with_application(Machine::new()).file("application.toml", text).file("store.sh", "exit 1")
}

/// Writes the backup `name` of `application`, whose format is `format`.
fn write_backup(machine: &Machine, name: &str, application: &str, format: u64) {
    let dir = machine.path(BACKUPS).join(name);
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(dir.join("rows.dump"), "all rows").expect("a dump");
    let digest = sha256(&dir, "rows.dump");
    let manifest = format!(
        r#"{{"format":{format},"created":"2026-01-02T03:04:05Z","reason":"before-down","cluster":"todo-bootstrap",
"application":"{application}","version":"1.0.0","chart":"0.1.0","program":"0.1.0",
"dumps":[{{"store":"rows","schema":"0002","size":8,"sha256":"{digest}"}}]}}"#
    );
    fs::write(dir.join("manifest.json"), manifest).expect("a manifest");
    let digest = format!("{}  manifest.json\n", sha256(&dir, "manifest.json"));
    fs::write(dir.join("manifest.json.sha256"), digest).expect("a digest");
}

/// By another program than ours.
fn sha256(dir: &Path, file: &str) -> String {
    let output = std::process::Command::new("sha256sum").arg(file).current_dir(dir).output();
    let output = output.expect("sha256sum").stdout;
    String::from_utf8(output).expect("text").split(' ').next().expect("a digest").to_owned()
}

#[test]
fn backups_are_listed_with_the_damaged_ones() {
    let machine = machine();
    machine.run(&["backup", "list"]).exits(0).err_has("There are no backups");
    assert!(!machine.path("state/backups").exists(), "listing creates nothing");
    write_backup(&machine, "2026-01-02T030405Z", "app", 1);
    fs::create_dir_all(machine.path(BACKUPS).join("2026-01-03T030405Z")).expect("a folder");
    let screen = machine.run(&["backup", "list"]).exits(0).out_has("before down").out_has("is damaged");
    screen.out_has("app 1.0.0");
    let list = machine.run(&["backup", "list", "--output", "json"]).exits(0).json();
    assert_eq!(list[1]["manifest"]["dumps"][0]["schema"], "0002");
    assert!(list[0]["manifest"].is_null() && list[0]["error"].is_string(), "{list}");
}

#[test]
fn what_is_damaged_is_named_and_not_restored() {
    let machine = machine();
    write_backup(&machine, "2026-01-02T030405Z", "app", 1);
    machine.run(&["backup", "verify"]).exits(0).err_has("is intact: 1 dumps, 8 B");
    fs::write(machine.path(BACKUPS).join("2026-01-02T030405Z/rows.dump"), "all r0ws").expect("a dump");
    for args in [&["backup", "verify"][..], &["restore", "--yes"]] {
        let screen = machine.run(args).exits(1).err_has("is damaged").err_has("rows.dump has the sha256");
        screen.err_has("help: todo-bootstrap backup list");
    }
}

#[test]
fn a_newer_format_and_another_application_are_refused() {
    let machine = machine();
    write_backup(&machine, "2026-01-02T030405Z", "app", 2);
    write_backup(&machine, "2026-01-03T030405Z", "shop", 1);
    let newer = machine.run(&["restore", "2026-01-02T030405Z", "--yes"]).exits(5);
    newer.err_has("a newer version of todo-bootstrap wrote").err_has("help: todo-bootstrap --version");
    let other = machine.run(&["restore", "2026-01-03T030405Z", "--yes"]).exits(5);
    other.err_has("is a backup of shop, not of app");
    machine.run(&["restore", "--yes"]).exits(1).err_has("there is no backup of app");
    machine.run(&["restore", "no", "--yes"]).exits(2).err_has("there is no backup `no`");
}

#[test]
fn a_backup_needs_a_cluster_and_an_application() {
    machine().run(&["backup", "create"]).exits(1).err_has("there is no cluster");
    Machine::new().run(&["backup", "create"]).exits(2).err_has("no application found");
    let machine = machine();
    write_backup(&machine, "2026-01-02T030405Z", "app", 1);
    machine.run(&["restore", "--yes"]).exits(1).err_has("there is no cluster").err_has("todo-bootstrap up");
}

/// A stopped cluster cannot be read: `--yes` is no consent to lose its data.
#[test]
fn down_deletes_no_data_that_it_cannot_save() {
    let machine = machine();
    write_receipt(&machine);
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::write(dir.join("kubeconfig"), KUBECONFIG).expect("a kubeconfig");
    let node = machine.path("node");
    fs::write(&node, "").expect("a node");
    let node = node.display();
    let machine = machine.stub(
        "docker",
        &format!(
            r#"case "$1" in
info) echo '{INFO}';;
ps) test -e {node} && echo '{{"ID":"4711","Names":"todo-bootstrap-control-plane","State":"exited","Networks":"todo-bootstrap-kind"}}';;
rm) rm -f {node};;
network) test "$2" = rm || test ! -e {node} || echo '{{"todo-bootstrap.dev/cluster":"todo-bootstrap"}}';;
*) exit 1;;
esac
exit 0"#
        ),
    );
    let screen =
        machine.run(&["down", "--yes"]).exits(5).err_has("the data cannot be saved, so nothing was deleted");
    screen.err_has("help: todo-bootstrap start").err_has("help: todo-bootstrap down --no-backup");
    assert!(dir.join("receipt.json").is_file() && machine.path("node").exists());
    let without = machine.run(&["down", "--yes", "--no-backup"]);
    assert!(!without.stderr.contains("cannot be saved"), "{without}");
    machine.run(&["down", "--yes", "--delete-backups"]).exits(2).err_has("--no-backup");
}
