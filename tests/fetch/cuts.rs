//! The connection is cut at seeded offsets; the process is killed at seeded moments.
//!
//! `TODO_BOOTSTRAP_SOAK=1` (`cargo xtask soak`) runs the full numbers, `TODO_BOOTSTRAP_SEED` selects
//! other offsets.

use std::time::{Duration, Instant};

use super::bed::{Bed, DEADLINE, FILE, program};
use crate::support::liar::{Cut, HONEST, Random, sha256};

const LEN: usize = 20 << 20;
const SIZE: u64 = LEN as u64;
/// The maximum that is downloaded again after an interruption: one chunk of a file.
const CHUNK: u64 = 4 << 20;
/// A file of many chunks, because a kill costs several.
const LONG: usize = 40 << 20;
/// A kill costs each of four connections its current chunk, and what the server had sent of the next one:
/// unread in the buffers of two sockets, or read and not yet recorded. On a busy machine this is more than
/// one chunk. What was recorded is never downloaded again, which is tested exactly.
const DEATH: u64 = 8 * CHUNK;
/// What a throttled connection still sends to a dead process.
const INTO_THE_VOID: u64 = 1 << 20;

fn soak() -> bool {
    std::env::var("TODO_BOOTSTRAP_SOAK").is_ok_and(|value| value == "1")
}

fn random(salt: u64) -> Random {
    let seed = std::env::var("TODO_BOOTSTRAP_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    let seed = seed.unwrap_or(20_261_121);
    println!("TODO_BOOTSTRAP_SEED={seed}");
    Random(seed ^ salt)
}

/// Runs `one` for each seed, two at a time.
fn in_pairs(seeds: Vec<u64>, one: fn(u64)) {
    let left = std::sync::Mutex::new(seeds);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("the other one has not failed").pop();
                    let Some(seed) = next else { break };
                    one(seed);
                }
            });
        }
    });
}

#[test]
fn a_cut_costs_no_more_than_a_chunk() {
    let mut random = random(1);
    let count = if soak() { 200 } else { 12 };
    in_pairs((0..count).map(|_| random.next()).collect(), one_cut);
}

/// One cut: of one connection, or of the whole server until the process has given up.
fn one_cut(seed: u64) {
    let mut random = Random(seed);
    let bed = Bed::new(HONEST, program(seed, LEN));
    let at = random.below(SIZE);
    let cut = if random.below(3) == 0 { Cut::Down } else { Cut::One };
    let shown = format!("seed {seed}: {cut:?} after {at} bytes");
    bed.liar.state.gate.set(vec![(at, cut)]);
    for attempt in 0.. {
        assert!(attempt < 4, "{shown}: it does not converge");
        let screen = bed.install();
        if screen.code == Some(0) {
            break;
        }
        assert!(!bed.is_installed(), "{shown}: it failed and installed something\n{screen}");
        assert!(screen.stderr.contains("help:"), "{shown}\n{screen}");
        bed.liar.state.gate.open();
    }
    let sent = bed.liar.bytes_of(FILE);
    assert_eq!(bed.liar.state.gate.cuts(), 1, "{shown}: the cut was missed");
    expect_whole(&bed, &shown);
    assert!(sent <= SIZE + CHUNK, "{shown}: {sent} bytes were sent for {SIZE}\n{}", bed.liar.story());
    println!("{shown}: {} bytes too many", sent.saturating_sub(SIZE));
}

#[test]
fn a_death_costs_a_few_chunks() {
    let mut random = random(2);
    let count = if soak() { 100 } else { 6 };
    in_pairs((0..count).map(|_| random.next()).collect(), one_death);
}

/// The process is killed after so many bytes were served: while it waits for more, while more arrive, or
/// shortly after the last byte, when it installs or extracts a program.
fn one_death(seed: u64) {
    let mut random = Random(seed);
    let mut bed = Bed::new(HONEST, program(seed, LONG));
    let (mut size, kind) = (LONG as u64, random.below(4));
    if kind == 3 {
        let (packed, len) = bed.packed();
        (bed, size) = (packed, len as u64);
    }
    let (at, after) = if kind < 2 { (random.below(size), 0) } else { (size, random.below(80)) };
    let held = kind == 0;
    bed.liar.state.gate.set(if held { vec![(at, Cut::Hold)] } else { vec![] });
    let shown = format!("seed {seed}: SIGKILL {after} ms after {at} of {size} bytes, kind {kind}");
    let mut run = bed.start(&["tools", "install", super::bed::TOOL]);
    let begun = Instant::now();
    while !bed.liar.state.gate.wait_for(at, Duration::from_millis(100)) {
        let ended = run.child.try_wait().expect("a child").is_some() || begun.elapsed() > DEADLINE;
        assert!(!ended, "{shown}: it asks for nothing\n{}", run.end(&bed.machine));
    }
    std::thread::sleep(Duration::from_millis(after));
    run.child.kill().expect("it can be killed");
    let killed = run.end(&bed.machine);
    let in_time = killed.code.is_none();
    // The server holds back bytes, so that the client cannot get ahead.
    assert!(in_time || !held, "{shown}: it was done before\n{killed}");
    let noted = if bed.is_installed() { size } else { noted(&bed, size) };
    let before = bed.liar.bytes_of(FILE);
    bed.liar.state.gate.open();
    bed.install().exits(0);
    let sent = bed.liar.bytes_of(FILE);
    assert!(
        sent - before <= size - noted + INTO_THE_VOID,
        "{shown}: {noted} bytes were noted, and {} sent afterwards\n{}",
        sent - before,
        bed.liar.story()
    );
    expect_whole(&bed, &shown);
    assert!(sent <= size + DEATH, "{shown}: {sent} bytes were sent for {size}\n{}", bed.liar.story());
    println!(
        "{shown}: {} bytes too many{}",
        sent.saturating_sub(size),
        if in_time { "" } else { " (too late)" }
    );
}

/// The bytes that a killed process has recorded as received.
fn noted(bed: &Bed, size: u64) -> u64 {
    let files = std::fs::read_dir(bed.folder()).into_iter().flatten().flatten();
    let files: Vec<_> = files.map(|entry| entry.path()).collect();
    let ending = |end: &str| files.iter().find(|path| path.to_string_lossy().ends_with(end));
    let Some(notes) = ending(".partial.json") else {
        // Before the first byte, or after all bytes were received and the file was renamed.
        let named = |path: &&std::path::PathBuf| {
            path.extension().is_none() && path.to_string_lossy().contains(".published-")
        };
        return if files.iter().any(|path| named(&path)) { size } else { 0 };
    };
    let notes: serde_json::Value =
        serde_json::from_slice(&std::fs::read(notes).expect("the notes")).expect("notes are JSON");
    if notes["in_order"] == true {
        return ending(".partial").map_or(0, |path| path.metadata().expect("a file").len());
    }
    let ranges = notes["there"].as_array().expect("ranges").iter();
    ranges.map(|range| range[1].as_u64().expect("an end") - range[0].as_u64().expect("a start")).sum()
}

#[track_caller]
fn expect_whole(bed: &Bed, shown: &str) {
    assert!(bed.is_installed(), "{shown}: it succeeded and installed nothing");
    assert!(bed.leftovers().is_empty(), "{shown}: {:?} was left behind", bed.leftovers());
}

#[test]
fn sixteen_at_once_fetch_it_once() {
    let bed = Bed::new(HONEST, program(16, 6 << 20));
    let runs: Vec<_> = (0..16).map(|_| bed.start(&["tools", "install", super::bed::TOOL])).collect();
    for run in runs {
        run.end(&bed.machine).exits(0);
    }
    expect_whole(&bed, "16 at once");
    assert_eq!(bed.liar.bytes_of(FILE), 6 << 20, "{}", bed.liar.story());
    let record = std::fs::read_to_string(bed.folder().join("found.json")).expect("a record");
    assert!(record.contains(&sha256(&bed.bytes)), "{record}");
}
