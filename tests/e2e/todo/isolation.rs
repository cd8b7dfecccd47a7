//! Two concurrent users: neither ever sees or changes the other's data.

use std::process::Command;

use super::{given, program, script};
use crate::bed::Bed;

const OPERATIONS: &str = "1000";

pub fn two_users(bed: &Bed) {
    let address = bed.address();
    let mut python = Command::new(given("TODO_BOOTSTRAP_E2E_PYTHON"));
    python.arg(script(bed, "tests/load/isolation.py")).args(["--url", &address.url()]);
    python.args(["--resolve", &format!("{}=127.0.0.1", address.host), "--operations", OPERATIONS]);
    let said = program(python, &format!("isolation.py --operations {OPERATIONS}"));
    assert!(said.contains(OPERATIONS), "it prints the number of operations: {said}");
}
