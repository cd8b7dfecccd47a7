//! `secrets rotate` where there is nothing to rotate.

use std::fs;

use super::{INFO, KUBECONFIG};
use crate::support::Machine;

/// A machine with the receipt of a cluster, whose node is stopped.
fn machine(encrypted: &str) -> Machine {
    let machine = Machine::new();
    let dir = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&dir).expect("a folder");
    let receipt = format!(
        r#"{{"schema":2,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind","made":{{"cluster":{{"complete":true{encrypted}}}}}}}"#
    );
    fs::write(dir.join("receipt.json"), receipt).expect("a receipt");
    fs::write(dir.join("kubeconfig"), KUBECONFIG).expect("a kubeconfig");
    let body = format!(
        r#"case "$1" in
info) echo '{INFO}';;
ps) echo '{{"ID":"4711","Names":"todo-bootstrap-control-plane","State":"exited","Networks":"todo-bootstrap-kind"}}';;
network) echo '{{"todo-bootstrap.dev/cluster":"todo-bootstrap"}}';;
*) exit 1;;
esac"#
    );
    machine.stub("docker", &body)
}

#[test]
fn a_cluster_is_needed_that_runs_and_encrypts_its_secrets() {
    let rotate = |machine: &Machine| machine.run(&["secrets", "rotate"]);
    rotate(&Machine::new()).exits(1).err_has("there is no cluster").err_has("help: todo-bootstrap up");
    // An earlier version created it.
    let old = rotate(&machine("")).exits(5);
    old.err_has("does not encrypt its Secrets").err_has("help: todo-bootstrap down && todo-bootstrap up");
    let stopped = rotate(&machine(r#","secrets_encrypted":true"#)).exits(1);
    stopped.err_has("is stopped").err_has("help: todo-bootstrap start");
}

#[test]
fn the_help_says_that_passwords_stay_the_same() {
    let help = Machine::new().run(&["secrets", "rotate", "--help"]).exits(0);
    help.out_has("does not change the values of Secrets").out_has("edit .env and run `up`");
}
