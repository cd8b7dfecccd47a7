//! Developer commands: `cargo xtask ci`, `e2e`, `soak`, `bench`; `release` and `pins` are in `devtools`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // these rules apply to the program, not to this tool

mod bench;
mod bench_fetch;
mod bench_first;
mod bench_images;
mod bench_up;
mod ci;
mod devtools;
mod e2e;
mod features;
mod measure;
mod path;
mod plain;
mod plain_cluster;
mod score;
mod services;
mod setup;
mod soak;
mod stages;
mod support;

use clap::Parser;
use xtask::{output, shell, tally};

#[derive(Parser)]
#[command(about = "Developer commands of todo-bootstrap")]
enum Command {
    /// Run formatting, lints, licence checks, scripts, unit tests, command line tests, and the real cluster
    Ci {
        /// Only what a commit needs: no cluster, nothing that takes minutes to install
        #[arg(long)]
        fast: bool,
    },
    /// Run the tests on a real cluster, and Helm's own checks of every chart
    E2e {
        /// Only the scenes whose names contain this text, on a cluster that is created for them
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Run `e2e` with `up` killed at every step and at several moments of each, and with downloads cut
    /// 200 times and killed 100 times
    Soak,
    /// Measure times and memory of the command line, as a table for docs/BENCHMARKS.md
    Bench {
        #[command(flatten)]
        options: bench::Options,
        #[command(subcommand)]
        beside: Option<Beside>,
    },
    /// Build the files of a release: archives, SHA256SUMS and the installers, in the layout of install.sh
    #[command(disable_help_flag = true)]
    Release(devtools::Passed),
    /// Compare the pins of tools and images with what is published, or create new ones
    #[command(disable_help_flag = true)]
    Pins(devtools::Passed),
    /// Write the generated parts of the documentation: the tables of values in the chart's README
    Docs,
}

/// The comparisons.
#[derive(clap::Subcommand)]
enum Beside {
    /// Compare a warm `up` with the equivalent plain commands, and show its critical path
    Up(bench_up::Options),
    /// Compare a first `up` from nothing with the plain commands, on laptops behind a simulated link
    FirstUp(bench_first::Options),
    /// Compare the local registry with `docker save | ctr import` and the providers' own
    /// `image load`
    Images(bench_images::Options),
    /// Compare downloads with `curl` and `sha256sum`, through a simulated link
    Fetch(bench_fetch::Options),
}

fn main() -> std::process::ExitCode {
    let done = match Command::parse() {
        Command::Ci { fast } => ci::run_ci(fast),
        Command::E2e { only } => e2e::run_sweep(e2e::Sweep::Short, only.as_deref()),
        Command::Soak => e2e::run_sweep(e2e::Sweep::Full, None),
        Command::Bench { beside: Some(Beside::Up(options)), .. } => bench_up::run(&options),
        Command::Bench { beside: Some(Beside::FirstUp(options)), .. } => bench_first::run(&options),
        Command::Bench { beside: Some(Beside::Images(options)), .. } => bench_images::run(&options),
        Command::Bench { beside: Some(Beside::Fetch(options)), .. } => bench_fetch::run(&options),
        Command::Bench { options, beside: None } => bench::run(&options),
        Command::Release(args) => devtools::passed("release", &args),
        Command::Pins(args) => devtools::passed("pins", &args),
        Command::Docs => devtools::run(&["docs"]),
    };
    shell::exit(done)
}
