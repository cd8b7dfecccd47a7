//! `bundle`: creates, verifies and inspects bundles.

mod create;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::{Context, print_json};
use crate::bundle::{self, Contents, contents};
use crate::error::{Exit, Result};
use crate::quantity::show_bytes;
use crate::ui::{Table, data};

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Create a bundle with every tool, image and chart that `up` needs
    Create(CreateArgs),
    /// Verify every byte of a bundle
    Verify {
        path: PathBuf,
        /// The sha256 that the bundle's manifest must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
    /// Verify a bundle and show its contents
    Inspect {
        path: PathBuf,
        /// The sha256 that the bundle's manifest must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Print an SBOM instead (`CycloneDX`)
        #[arg(long)]
        sbom: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The bundle to create: a directory, or a file ending in .tar; must not exist yet
    path: PathBuf,
    /// Target platform, such as linux/arm64 or darwin/arm64; can be repeated [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", value_parser = create::platform)]
    platform: Vec<create::Platform>,
    /// Include tools only, without images and charts; needs no engine
    #[arg(long)]
    tools_only: bool,
    /// Build the application's images for one of its environments [default: that of the last `up`, else
    /// its first one]
    #[arg(long = "env", value_name = "NAME")]
    environment: Option<String>,
}

pub(crate) fn run(context: &Context<'_>, command: &BundleCommand) -> Result<Exit> {
    match command {
        BundleCommand::Create(args) => create::run(context, args),
        BundleCommand::Verify { path, sha256 } => verify(context, path, sha256.as_deref()),
        BundleCommand::Inspect { path, sha256, sbom } => {
            inspect(context, &read(context, path, sha256.as_deref())?, *sbom)
        }
    }
}

/// The contents of a bundle, after verifying every byte.
fn read(context: &Context<'_>, path: &Path, sha256: Option<&str>) -> Result<Contents> {
    let bench = context.bench()?;
    contents(&bench.task("bundle"), &context.process_env.cwd.join(path), sha256)
}

fn verify(context: &Context<'_>, path: &Path, sha256: Option<&str>) -> Result<Exit> {
    let found = read(context, path, sha256)?;
    let entries = &found.manifest.entries;
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let (path, count) = (path.display(), entries.len());
    context.ui.good(&format!("✓ {path} is intact: {count} artifacts, {}", show_bytes(bytes)));
    context.ui.say(&format!("  sha256 of its manifest: {}", found.sha256));
    Ok(Exit::Fine)
}

fn inspect(context: &Context<'_>, contents: &Contents, sbom: bool) -> Result<Exit> {
    if sbom {
        data(&String::from_utf8_lossy(&bundle::sbom::render(contents)?));
        return Ok(Exit::Fine);
    }
    let Contents { manifest, sha256, .. } = contents;
    if context.json() {
        return print_json(
            &json!({ "sha256": sha256, "schema": manifest.schema, "entries": manifest.entries }),
        );
    }
    let mut table = Table::new(&["name", "kind", "version", "platform", ">size", "sha256"]);
    for entry in &manifest.entries {
        let plain = [&entry.name, &entry.kind, &entry.version, &entry.platform].map(String::clone);
        table.row([&plain[..], &[show_bytes(entry.size), entry.sha256.clone()]].concat());
    }
    data(&table.render());
    context.ui.say(&format!("sha256 of the manifest: {sha256}"));
    Ok(Exit::Fine)
}
