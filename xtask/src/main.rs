//! Developer commands: `cargo xtask ci`, `e2e`, `soak`, `bench`; `release` and `pins` by `devtools`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // the fence is the tool's; this drives it from outside

mod bench;
mod bench_fetch;
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
    /// Format, lints, licences, scripts, unit tests, command line tests, the real cluster
    Ci {
        /// Only what a commit needs: no cluster, nothing that takes minutes to install
        #[arg(long)]
        fast: bool,
    },
    /// The tests on a real cluster, and Helm's own checks of every chart
    E2e,
    /// As `e2e`, with `up` killed at every step and at several moments of each, and downloads cut
    /// 200 times and killed 100 times
    Soak,
    /// Times and memory of the command line, as a table for docs/BENCHMARKS.md
    Bench {
        #[command(flatten)]
        options: bench::Options,
        #[command(subcommand)]
        beside: Option<Beside>,
    },
    /// The files of a release: archives, SHA256SUMS and the installers, as install.sh expects them
    #[command(disable_help_flag = true)]
    Release(devtools::Passed),
    /// The pins of tools and images: hold them against what is published, make new ones
    #[command(disable_help_flag = true)]
    Pins(devtools::Passed),
}

/// What is measured beside something else.
#[derive(clap::Subcommand)]
enum Beside {
    /// A warm `up` beside the plain commands that it stands for, and its critical path
    Up(bench_up::Options),
    /// How images reach a node: the local registry beside `docker save | ctr import` and the providers' own
    /// `image load`
    Images(bench_images::Options),
    /// Downloads beside `curl` and `sha256sum`, through a simulated link
    Fetch(bench_fetch::Options),
}

fn main() -> std::process::ExitCode {
    let done = match Command::parse() {
        Command::Ci { fast } => ci::run_ci(fast),
        Command::E2e => e2e::run_sweep(e2e::Sweep::Short),
        Command::Soak => e2e::run_sweep(e2e::Sweep::Full),
        Command::Bench { beside: Some(Beside::Up(options)), .. } => bench_up::run(&options),
        Command::Bench { beside: Some(Beside::Images(options)), .. } => bench_images::run(&options),
        Command::Bench { beside: Some(Beside::Fetch(options)), .. } => bench_fetch::run(&options),
        Command::Bench { options, beside: None } => bench::run(&options),
        Command::Release(args) => devtools::passed("release", &args),
        Command::Pins(args) => devtools::passed("pins", &args),
    };
    shell::exit(done)
}
