//! Everyday commands: status, url, logs, restart.

use serde_json::Value;

use super::{API, add_task, delete_task, pods};
use crate::bed::Bed;
use crate::program::Run;
use crate::steady::expect_unchanged;

pub fn commands(bed: &Bed) {
    let url = bed.call(&["url"]).expect(0);
    assert_eq!(url.stdout.trim(), bed.address().url());

    let status = json(&bed.call(&["status", "--output", "json"]).expect(0));
    let services = status["services"].as_array().expect("services");
    let names: Vec<&str> = services.iter().filter_map(|service| service["service"].as_str()).collect();
    assert_eq!(names.len(), pods(bed).len(), "a line per service: {names:?}");
    let table = bed.call(&["status"]).expect(0).stdout;
    assert!(names.iter().all(|name| table.contains(name)), "{table}");

    let id = add_task(bed, "seen in the log");
    delete_task(bed, id);
    let logs = bed.call(&["logs", API, "--tail", "50"]).expect(0);
    assert!(logs.stdout.contains(&format!("/api/tasks/{id}")), "the request is in the log:\n{}", logs.stdout);
    let unknown = bed.call(&["logs", "backedn"]).expect(2);
    unknown.expect_said("did you mean");

    let before = pods(bed);
    bed.call(&["restart", API]).expect(0);
    let after = pods(bed);
    for (service, uids) in &before {
        let same = &after[service] == uids;
        assert_eq!(same, service != API, "only {API} was restarted: {before:?} {after:?}");
    }
    expect_unchanged(&bed.up());
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).expect("JSON")
}
