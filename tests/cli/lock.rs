//! One command at a time changes a cluster: the lock is taken before anything is read.

use std::fs;

use super::{INFO, with_application, write_receipt};
use crate::support::Machine;

/// A machine with a cluster's receipt and an application; whenever the engine is called, a stub tries to take
/// the lock, and records the result.
fn machine(answer: &str) -> Machine {
    let machine = with_application(Machine::new());
    write_receipt(&machine);
    let (lock, log) = (machine.path("state/locks/todo-bootstrap"), machine.path("tried"));
    let body = format!(
        "mkdir -p '{dir}'; if flock --nonblock '{lock}' true; then echo free; else echo held; fi >>'{log}'\n\
         case \"$1\" in info) {answer};; network) echo 'Error: No such network' >&2; exit 1;; esac",
        dir = machine.path("state/locks").display(),
        lock = lock.display(),
        log = log.display(),
    );
    machine.stub("docker", &body)
}

#[test]
#[cfg(target_os = "linux")]
fn no_command_asks_or_reads_before_it_has_the_lock() {
    for args in [&["up"][..], &["start"], &["stop"], &["down", "--yes"]] {
        let machine = machine("echo 'permission denied' >&2; exit 1");
        let screen = machine.run(args);
        let tried = fs::read_to_string(machine.path("tried")).unwrap_or_default();
        assert!(tried.contains("held"), "{args:?}: the engine was not asked\n{screen}");
        assert!(!tried.contains("free"), "{args:?}: {tried}\n{screen}");
    }
}

#[test]
fn what_another_command_works_on_is_refused() {
    let machine = machine(&format!("echo '{INFO}'"));
    fs::create_dir_all(machine.path("state/locks")).expect("a folder");
    let lock = fs::File::create(machine.path("state/locks/todo-bootstrap")).expect("a lock");
    lock.lock().expect("the lock");
    for args in [
        &["up", "--yes"][..],
        &["start"],
        &["stop"],
        &["restart"],
        &["down", "--yes"],
        &["kubeconfig", "merge"],
    ] {
        machine
            .run(args)
            .exits(5)
            .err_has("another todo-bootstrap process is working")
            .err_has("help: ps -fp");
    }
    assert!(machine.calls("docker").is_empty());
    // Closing it is not enough: a process that another test is starting can hold a copy of the descriptor.
    lock.unlock().expect("release the lock");
    machine.run(&["down", "--yes"]).exits(0);
    assert!(!machine.path("state/clusters/todo-bootstrap").exists());
    assert!(!machine.path("state/locks").exists(), "no lock is left");
}
