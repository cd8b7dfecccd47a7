//! A changed key of `.env` is shown before it is applied, and restarts only the services that use it.

use std::path::Path;

use super::{API, pods};
use crate::bed::Bed;
use crate::steady::expect_unchanged;

const KEY: &str = "OPENAI_API_KEY";
const VALUE: &str = "sk-e2e-0123456789abcdef0123456789abcdef";

pub fn changed_key(bed: &Bed) {
    let file = bed.project.join(".env");
    let equal = bed.call(&["env", "diff"]).expect(0);
    assert!(!equal.stdout.contains(KEY), "nothing differs yet:\n{}", equal.stdout);
    let before = pods(bed);
    set(&file, KEY, VALUE);
    stay_inside(&file);

    for args in [&["env", "diff"][..], &["plan"]] {
        let told = bed.call(args).expect(0);
        assert!(told.stdout.contains(KEY), "`{}` names the key:\n{}", args.join(" "), told.stdout);
        for secret in [VALUE, &VALUE[8..]] {
            assert!(!told.stdout.contains(secret) && !told.stderr.contains(secret), "a value was shown");
        }
    }
    assert_eq!(pods(bed), before, "showing it changes nothing");

    bed.up();
    let after = pods(bed);
    for (service, uids) in &before {
        if service == API {
            assert!(uids.iter().all(|uid| !after[service].contains(uid)), "{service} uses {KEY}");
        } else {
            assert_eq!(&after[service], uids, "{service} does not use {KEY}");
        }
    }
    expect_unchanged(&bed.up());
}

/// The model of the key that a scene sets must not be called, nor anything else outside.
pub fn stay_inside(file: &Path) {
    set(file, "AI_MOCK", "true");
}

/// The file's value of a key.
pub fn get(file: &Path, key: &str) -> String {
    let text = std::fs::read_to_string(file).expect("the .env that `up` created");
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    value.unwrap_or_else(|| panic!("{key} is not in .env")).to_owned()
}

/// Changes the value of a key in the file, which `up` writes with one line per key.
pub fn set(file: &Path, key: &str, value: &str) {
    let old = std::fs::read_to_string(file).expect("the .env that `up` created");
    let start = format!("{key}=");
    assert_eq!(old.lines().filter(|line| line.starts_with(&start)).count(), 1, "{key} is not in .env once");
    let line = |line: &str| {
        if line.starts_with(&start) { format!("{start}{value}\n") } else { format!("{line}\n") }
    };
    std::fs::write(file, old.lines().map(line).collect::<String>()).expect("write .env");
}
