//! `cargo xtask release`: builds the program for publishing, and creates the files of a release.

use std::path::{Path, PathBuf};

use crate::pack::{self, NAME};
use crate::shell::{self, Result, cargo_run, root};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The output directory [default: release-files in cargo's target directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A target triple whose standard library is installed; may be repeated [default: this machine's]
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// Pack this program for the single target instead of building it
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result {
    let targets = if options.target.is_empty() { vec![host()?] } else { options.target.clone() };
    if options.binary.is_some() && targets.len() > 1 {
        return Err("--binary is one target's program; name one --target".to_owned());
    }
    let out = options.out.clone().unwrap_or_else(|| shell::target().join("release-files"));
    for target in &targets {
        let program = options.binary.clone().map_or_else(|| build(target), Ok)?;
        let archive = pack::pack(&root(), &program, env!("CARGO_PKG_VERSION"), target, &out)?;
        println!("packed {}", archive.display());
    }
    println!("try it:     TODO_BOOTSTRAP_BASE_URL={} ./install.sh --from-release --dir DIR", out.display());
    println!(
        "publish it: gh release create v{0} {1}/download/v{0}/*",
        env!("CARGO_PKG_VERSION"),
        out.display()
    );
    Ok(())
}

/// Builds for a target. If rustup lacks the target, cargo reports it; nothing is installed here.
fn build(target: &str) -> Result<PathBuf> {
    cargo_run(&["build", "--profile", "dist", "--locked", "--package", NAME, "--target", target])?;
    let exe = if target.contains("windows") { ".exe" } else { "" };
    Ok(shell::target().join(target).join("dist").join(format!("{NAME}{exe}")))
}

fn host() -> Result<String> {
    let told = shell::read(Path::new("rustc"), &["-vV"])?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| format!("rustc -vV shows no host: {told}"))
}
