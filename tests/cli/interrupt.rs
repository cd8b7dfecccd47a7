//! Signals while the engine is queried and at other times: exit code 130, and no process is left.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{with_application, write_receipt};
use crate::support::{Machine, PROGRAM};

/// Much longer than a loaded machine needs, and shorter than the engine takes to respond.
const PATIENCE: Duration = Duration::from_secs(15);

/// An engine that takes a minute to respond.
fn machine() -> Machine {
    let machine = with_application(Machine::new());
    write_receipt(&machine);
    let pid = machine.path("pid").display().to_string();
    machine.stub("docker", &format!("echo $$ >'{pid}.new'; mv '{pid}.new' '{pid}'; exec sleep 60"))
}

/// Starts the program (with `env`, which sets how SIGHUP is handled) and waits until it queries the engine.
fn start(machine: &Machine, hang_up: &str, args: &[&str]) -> Child {
    let _ = fs::remove_file(machine.path("pid"));
    let mut command = machine.command(Path::new("/usr/bin/env"));
    command.arg(format!("--{hang_up}-signal=HUP")).arg(PROGRAM).args(args);
    let output = fs::File::create(machine.path("output")).expect("a file");
    let child =
        command.stdout(output.try_clone().expect("a copy")).stderr(output).spawn().expect("it starts");
    until(|| machine.path("pid").exists().then_some(()), &format!("{args:?} asks the engine"));
    child
}

#[track_caller]
fn until<T>(mut look: impl FnMut() -> Option<T>, what: &str) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("the signal is sent");
}

/// How the program ended, and its output.
#[track_caller]
fn ended(machine: &Machine, mut child: Child, what: &str) -> (Option<i32>, String) {
    let status = until(|| child.try_wait().expect("a status"), what);
    (status.code(), fs::read_to_string(machine.path("output")).expect("the output"))
}

#[test]
fn one_signal_ends_each_command_that_asks_the_engine() {
    let machine = machine();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for args in [
            &["up"][..],
            &["up", "--yes"],
            &["start"],
            &["stop"],
            &["down", "--yes"],
            &["down", "--yes", "--purge"],
            &["doctor"],
        ] {
            let child = start(&machine, "default", args);
            send(&child, signal);
            let (code, said) = ended(&machine, child, &format!("{args:?} after {signal:?}"));
            assert_eq!(code, Some(130), "{args:?} after {signal:?}: {said}");
            assert!(said.contains("error: interrupted"), "{args:?} after {signal:?}: {said}");
            let engine = fs::read_to_string(machine.path("pid")).expect("a pid");
            assert!(!Path::new("/proc").join(engine.trim()).exists(), "the client still runs");
        }
    }
    assert!(machine.path("state/clusters/todo-bootstrap/receipt.json").is_file());
}

/// Closing a terminal makes both the kernel and the shell send the signal.
#[test]
fn a_second_hang_up_does_not_cut_the_end_short() {
    let machine = machine().stub(
        "docker",
        "trap 'sleep 1; exit 1' TERM; echo $$ >\"$HOME/../pid\"; while :; do sleep 0.1; done",
    );
    let child = start(&machine, "default", &["stop"]);
    send(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::HUP);
    let (code, said) = ended(&machine, child, "stop");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("error: interrupted"), "{said}");
}

#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let machine = machine();
    let mut child = start(&machine, "ignore", &["stop"]);
    send(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a status").is_none(), "it goes on");
    send(&child, Signal::INT);
    assert_eq!(ended(&machine, child, "stop").0, Some(130));
}
