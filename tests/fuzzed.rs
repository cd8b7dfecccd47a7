//! Runs the fuzz targets without a fuzzer: their seeds, and seeded mutations of these.
//!
//! `TODO_BOOTSTRAP_FUZZ=N` sets the number of mutations for each target; that run is ignored here.

use std::fs;

use crate::support::root;

#[path = "../fuzz/bodies.rs"]
mod bodies;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 3] =
    [("archive", bodies::archive), ("pin", bodies::pin), ("manifest", bodies::manifest)];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = root().join("fuzz/seeds").join(target);
    let entries = fs::read_dir(&dir).expect("the seeds");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", dir.display());
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// A small generator, so that a failure can be reproduced from its number.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }
}

/// Up to four mutations of a seed: bytes changed, inserted, removed, repeated or cut off, or a part of
/// another seed appended.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let to = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(7) {
            0 => bytes.insert(at, random.byte()),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let part = bytes[at..to].to_vec();
                bytes.splice(at..at, part);
            }
            3 => bytes.truncate(at),
            4 => {
                let other = &seeds[random.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
            _ => {
                for byte in bytes.iter_mut().skip(at).take(1) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

fn run(count: u64) {
    for (target, body) in TARGETS {
        let seeds = seeds(target);
        for seed in &seeds {
            body(seed);
        }
        for number in 1..=count {
            let bytes = changed(&seeds, &mut Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let result = std::panic::catch_unwind(|| body(&bytes));
            assert!(result.is_ok(), "{target}: change {number} of its seeds");
        }
    }
}

#[test]
fn some_changes_of_the_seeds() {
    run(300);
}

#[test]
#[ignore = "as long as one likes: TODO_BOOTSTRAP_FUZZ=1000000"]
fn many_changes_of_the_seeds() {
    let count = std::env::var("TODO_BOOTSTRAP_FUZZ").expect("TODO_BOOTSTRAP_FUZZ is a number");
    run(count.parse().expect("TODO_BOOTSTRAP_FUZZ is a number"));
}

/// The seeds are valid, so that a mutation breaks something that worked.
#[test]
fn every_seed_is_read() {
    for bytes in seeds("manifest") {
        todo_bootstrap::bundle::Manifest::parse(&bytes).expect("a manifest");
    }
    for bytes in seeds("pin") {
        todo_bootstrap::tools::Pin::parse("pin.toml", std::str::from_utf8(&bytes).expect("text"))
            .expect("a pin");
    }
    let dir = tempfile::tempdir().expect("a folder");
    for bytes in seeds("archive") {
        let (from, to) = (dir.path().join("archive"), dir.path().join("tool"));
        fs::write(&from, bytes).expect("write");
        todo_bootstrap::fetch::extract_member(&from, "bin/tool", &to, 0o755).expect("an archive");
    }
}
