//! Developer commands that need the program's library or take long to compile. `cargo xtask` starts them,
//! so that `xtask` itself compiles in seconds.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // these rules apply to the program, not to this tool

mod chart;
mod demand;
mod docs;
mod pack;
mod pins;
mod release;
mod rendered;
mod sbom;

use std::path::PathBuf;

use clap::Parser;
use xtask::shell;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Build the files of a release: archives, SBOMs, SHA256SUMS, the installers and a Homebrew formula
    Release(release::Options),
    /// Compare the pins of tools with what is published, or create new ones
    #[command(subcommand)]
    Pins(pins::Pins),
    /// Write the generated parts of the documentation
    Docs,
    /// Test the application's chart and compare the planner's sums with what Helm renders; part of `ci` and
    /// `e2e`
    #[command(hide = true)]
    Charts {
        /// The path of Helm
        helm: PathBuf,
    },
}

fn main() -> std::process::ExitCode {
    let done = match Command::parse() {
        Command::Release(options) => release::run(&options),
        Command::Pins(command) => pins::run(&command),
        Command::Docs => docs::write(),
        Command::Charts { helm } => chart::prove(&helm).and_then(|()| demand::planner_agrees(&helm)),
    };
    shell::exit(done)
}
