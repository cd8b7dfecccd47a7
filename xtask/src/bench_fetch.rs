//! `cargo xtask bench fetch`: downloads four tools through a simulated link, compared with a script of `curl`
//! and `sha256sum`, alternating in one run.

mod files;
mod link;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use self::files::{Files, TOOLS};
use self::link::{Route, Server};
use crate::measure::{self, measure_call, median};
use crate::shell::{self, CI_PROFILE, Result, binary, cargo_run, target};

#[derive(Args)]
pub(crate) struct Options {
    /// How often to run each of the two per route
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// The rate of the link in Mbit/s
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// The program to measure [default: the one that `cargo build --profile=ci` creates]
    #[arg(long)]
    program: Option<PathBuf>,
}

const GOAL_RATIO: f64 = 3.0;
const GOAL_LINK: f64 = 1.15;
const GOAL_HASH: f64 = 0.9;
const GOAL_MEMORY: u64 = 60 << 10;

/// Round trip in ms and maximum window in KiB. With the first two, one connection gets a quarter of
/// a link of 100 Mbit/s: 64 KiB is the TCP window without scaling, 256 KiB is the limit of many hosts and
/// middleboxes. With the last one, one connection fills the link.
const ROUTES: [(u64, usize, &str); 3] = [
    (20, 64, "one connection is slow"),
    (80, 256, "one connection is slow"),
    (20, 256, "one connection fills it"),
];

/// One run of our program.
struct Ours {
    time: Duration,
    /// From the last byte that the server sent to the end of the process.
    tail: Duration,
    memory: Option<u64>,
    connections: u32,
}

pub(crate) fn run(options: &Options) -> Result {
    let program = if let Some(program) = &options.program {
        std::path::absolute(program).map_err(|error| error.to_string())?
    } else {
        cargo_run(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])?;
        binary()
    };
    let dir = target().join("bench").join("fetch");
    let files = Files::prepare(&dir)?;
    let rate = options.rate * 1_000_000 / 8;
    println!(
        "{} MB over {} Mbit/s: {:.1} s at best",
        files.bytes / 1_000_000,
        options.rate,
        files.best(rate)
    );
    println!(
        "\n| round trip, window | ours | curl + sha256sum | ratio | ours ÷ (bytes ÷ link) | last byte to exit | peak RSS | connections |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for (trip, window, what) in ROUTES {
        let route = Route { rate, round_trip: Duration::from_millis(trip), window: window << 10 };
        let server = Server::start(route, files.served())?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds.max(1) {
            ours.push(one_of_ours(&program, &files, &server)?);
            theirs.push(one_of_theirs(&files, &server)?);
        }
        let theirs = seconds(theirs);
        missed.extend(tell(
            &format!("{trip} ms, {window} KiB ({what})"),
            &ours,
            theirs,
            files.best(rate),
            what,
        ));
    }
    missed.extend(hashing(&program, &files)?);
    if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join("; "))) }
}

fn seconds(times: Vec<Duration>) -> f64 {
    median(times).unwrap_or_default().as_secs_f64()
}

/// Prints a line of the table and collects the goals that were missed.
fn tell(name: &str, runs: &[Ours], theirs: f64, best: f64, what: &str) -> Vec<String> {
    let time = seconds(runs.iter().map(|run| run.time).collect());
    let tail = seconds(runs.iter().map(|run| run.tail).collect());
    let memory = runs.iter().filter_map(|run| run.memory).max();
    let connections = runs.iter().map(|run| run.connections).max().unwrap_or_default();
    let (ratio, link) = (theirs / time, time / best);
    let shown = memory.map_or_else(|| "-".to_owned(), |kib| format!("{} MB", kib / 1000));
    println!(
        "| {name} | {time:.1} s | {theirs:.1} s | {ratio:.2} × | {link:.2} | {:.0} ms | {shown} | {connections} |",
        tail * 1000.0
    );
    let mut missed = Vec::new();
    // If one connection fills the link, nothing can be much faster than that.
    if what.contains("slow") && ratio < GOAL_RATIO {
        missed.push(format!("{name}: {ratio:.2} × of {GOAL_RATIO} ×"));
    }
    if link > GOAL_LINK {
        missed.push(format!("{name}: {link:.2} × what the link needs, of {GOAL_LINK}"));
    }
    if memory.is_some_and(|kib| kib > GOAL_MEMORY) {
        missed.push(format!("{name}: {shown} of {} MB", GOAL_MEMORY / 1000));
    }
    missed
}

fn call(program: &Path, files: &Files, args: &[&str]) -> Command {
    let mut call = Command::new(program);
    // No tools and no compiler on PATH: tools that are not fetched do not exist.
    call.args(args).current_dir(&files.dir).env_clear().env("PATH", files.dir.join("nothing"));
    call.env("HOME", &files.dir).env("TODO_BOOTSTRAP_CACHE", files.dir.join("cache"));
    call.env("TODO_BOOTSTRAP_STATE", files.dir.join("state"))
        .env("TODO_BOOTSTRAP_PINS", files.dir.join("pins"));
    call
}

fn one_of_ours(program: &Path, files: &Files, server: &Server) -> Result<Ours> {
    files.forget("cache")?;
    server.take();
    let mirror = format!("http://127.0.0.1:{}", server.port);
    let mut args = vec!["tools", "install", "--mirror", &mirror];
    args.extend(TOOLS);
    let started = Instant::now();
    let run = measure_call(&mut call(program, files, &args))?;
    if run.code != Some(0) {
        return Err(format!("`tools install` ended with {:?}:\n{}", run.code, run.stdout));
    }
    let (_, connections, last) = server.take();
    let last = last.ok_or("nothing was fetched from the server")?;
    let tail = (started + run.time).saturating_duration_since(last);
    Ok(Ours { time: run.time, tail, memory: run.memory, connections })
}

/// Downloads one file after the other and verifies each.
fn one_of_theirs(files: &Files, server: &Server) -> Result<Duration> {
    files.forget("serial")?;
    let script = files.script(server.port);
    let started = Instant::now();
    let run = Command::new("sh").args(["-euc", &script]).current_dir(files.dir.join("serial")).output();
    let run = run.map_err(|error| format!("cannot start sh: {error}"))?;
    if !run.status.success() {
        return Err(format!(
            "the script ended with {}: {}",
            run.status,
            String::from_utf8_lossy(&run.stderr)
        ));
    }
    Ok(started.elapsed())
}

/// The rate of `tools verify`, excluding its start, and that of openssl on the same machine, both by
/// processor time, as `openssl speed` measures: this excludes other processes and copying the file from
/// the page cache.
fn hashing(program: &Path, files: &Files) -> Result<Option<String>> {
    const RUNS: u32 = 20;
    let timed = |args: &[&str]| -> Result<f64> {
        let before = measure::children_user_time()?;
        for _ in 0..RUNS {
            let run = measure_call(&mut call(program, files, args))?;
            if run.code != Some(0) {
                return Err(format!("`{}` ended with {:?}", args.join(" "), run.code));
            }
        }
        Ok(measure::children_user_time()?.saturating_sub(before).as_secs_f64() / f64::from(RUNS))
    };
    let verify = timed(&["tools", "verify"])? - timed(&["--version"])?;
    let bytes = Duration::from_micros(files.installed()?).as_secs_f64(); // in MB
    let ours = bytes / verify;
    let args = ["speed", "-evp", "sha256", "-bytes", "1048576", "-seconds", "3"];
    let said = shell::read(Path::new("openssl"), &args)?;
    let line = said.lines().last().and_then(|line| line.split_whitespace().last());
    let theirs = line.and_then(|last| last.trim_end_matches('k').parse::<f64>().ok());
    let theirs = theirs.ok_or_else(|| format!("unexpected output of openssl speed: {said}"))? / 1000.0;
    let part = ours / theirs;
    println!("\nhashing: `tools verify` {ours:.0} MB/s, openssl {theirs:.0} MB/s, {:.0} %", part * 100.0);
    Ok((part < GOAL_HASH).then(|| format!("hashing: {:.0} % of {:.0} %", part * 100.0, GOAL_HASH * 100.0)))
}
