//! Developer commands that need the program's library, or what takes long to compile. `cargo xtask`
//! starts them, so that it is itself compiled in seconds.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // the fence is the tool's; this drives it from outside

mod chart;
mod demand;
mod pack;
mod pins;
mod release;

use std::path::PathBuf;

use clap::Parser;
use xtask::shell;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// The files of a release: archives, SHA256SUMS and the installers, as install.sh expects them
    Release(release::Options),
    /// The pins of tools: hold them against what is published, make new ones
    #[command(subcommand)]
    Pins(pins::Pins),
    /// What the application's chart promises, and what the planner reckons with, against what Helm
    /// renders; part of `ci` and `e2e`
    #[command(hide = true)]
    Charts {
        /// Helm's program
        helm: PathBuf,
    },
}

fn main() -> std::process::ExitCode {
    let done = match Command::parse() {
        Command::Release(options) => release::run(&options),
        Command::Pins(command) => pins::run(&command),
        Command::Charts { helm } => chart::prove(&helm).and_then(|()| demand::planner_agrees(&helm)),
    };
    shell::exit(done)
}
