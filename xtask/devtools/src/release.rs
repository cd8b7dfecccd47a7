//! `cargo xtask release`: builds the program for publishing, and creates the files of a release.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pack::{self, NAME};
use crate::sbom;
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
    /// The repository that publishes the release, from which its installers will download; without it,
    /// they require `TODO_BOOTSTRAP_BASE_URL`
    #[arg(long, value_name = "URL", value_parser = page)]
    page: Option<String>,
}

/// `https://HOST/OWNER/REPOSITORY`; the installers contain it as code.
fn page(text: &str) -> std::result::Result<String, String> {
    let path = text.strip_prefix("https://").unwrap_or_default().trim_end_matches('/');
    let safe = |c: char| c.is_ascii_alphanumeric() || ".:/_-".contains(c);
    if !path.contains('/') || !path.chars().all(safe) {
        return Err("expected https://HOST/OWNER/REPOSITORY".to_owned());
    }
    Ok(format!("https://{path}"))
}

pub(crate) fn run(options: &Options) -> Result {
    let targets = if options.target.is_empty() { vec![host()?] } else { options.target.clone() };
    if options.binary.is_some() && targets.len() > 1 {
        return Err("--binary is one target's program; name one --target".to_owned());
    }
    let out = options.out.clone().unwrap_or_else(|| shell::target().join("release-files"));
    let version = env!("CARGO_PKG_VERSION");
    let folder = out.join("download").join(format!("v{version}"));
    for target in &targets {
        let program = options.binary.clone().map_or_else(|| build(target), Ok)?;
        let sbom = sbom::render(NAME, version, target)?;
        write(&folder.join(format!("{NAME}-{version}-{target}.cdx.json")), &sbom)?;
        let archive = pack::pack(&root(), &program, version, target, options.page.as_deref(), &out)?;
        println!("packed {}", archive.display());
    }
    if let Some(page) = &options.page {
        formula(page, version, &folder, &out)?;
    }
    println!("try it:     TODO_BOOTSTRAP_BASE_URL={} ./install.sh --from-release --dir DIR", out.display());
    println!("publish it: gh release create v{version} {}/*", folder.display());
    Ok(())
}

/// Writes the Homebrew formula to `out`, once `folder` has an archive for each of its systems.
fn formula(page: &str, version: &str, folder: &Path, out: &Path) -> Result {
    let template = root().join("packaging").join(format!("{NAME}.rb"));
    let mut text =
        fs::read_to_string(&template).map_err(|error| format!("{}: {error}", template.display()))?;
    for line in pack::sums(folder)?.lines() {
        let Some((digest, file)) = line.split_once("  ") else { continue };
        let target = file.strip_prefix(&format!("{NAME}-{version}-"));
        if let Some(target) = target.and_then(|rest| rest.strip_suffix(".tar.gz")) {
            text = text.replace(&format!("@{target}@"), digest);
        }
    }
    text = text.replace("@PAGE@", page).replace("@VERSION@", version);
    // Without the explanation of the template.
    let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
    if text.contains("\"@") {
        println!("no Homebrew formula: it requires the archives of four targets");
        return Ok(());
    }
    let path = out.join(format!("{NAME}.rb"));
    write(&path, text.as_bytes())?;
    println!("wrote {}", path.display());
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result {
    let fail = |error| format!("cannot write {}: {error}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(fail)?;
    fs::write(path, bytes).map_err(fail)
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
