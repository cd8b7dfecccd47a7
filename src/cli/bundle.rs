//! `bundle create|verify`: all artifacts of a profile in one directory or tar.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::context::Context;
use crate::bundle::{self, Bundle};
use crate::config::show_bytes;
use crate::engine::Engine;
use crate::error::{Exit, Result};
use crate::steps;
use crate::ui::data;

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Gather every tool and image that `up` needs
    Create {
        /// A directory, or a file that ends in .tar; nothing may be there yet
        path: PathBuf,
    },
    /// Check every file of a bundle against its manifest
    Verify {
        path: PathBuf,
        /// The sha256 that the manifest must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
}

pub(crate) fn run(context: &Context<'_>, command: &BundleCommand) -> Result<Exit> {
    match command {
        BundleCommand::Create { path } => create(context, &context.world.cwd.join(path)),
        BundleCommand::Verify { path, sha256 } => {
            verify(context, &context.world.cwd.join(path), sha256.as_deref())
        }
    }
}

fn create(context: &Context<'_>, path: &Path) -> Result<Exit> {
    let session = context.session(None, context.global.yes)?;
    let bench = context.bench(context.reporter(), None)?;
    let task = bench.task("bundle");
    let engine =
        Engine::detect(&task, context.world, &session.facts).map_err(|fault| fault.error(&session.facts))?;
    let mut entries = Vec::new();
    for tool in steps::up::tools(session.profile.provider) {
        entries.push(session.origins.tool_entry(&task, Some(&engine), tool)?);
    }
    for image in steps::up::images(&session)? {
        entries.push(session.origins.image_entry(&task, &engine, &image)?);
    }
    let bytes: u64 = entries.iter().map(|(entry, _)| entry.size).sum();
    let digest = bundle::create(&task, &entries, path)?;
    let count = entries.len();
    context.ui.good(&format!("✓ {count} artifacts, {} in {}", show_bytes(bytes), path.display()));
    context
        .ui
        .say(&format!("  use it:  todo-bootstrap up --bundle {} --bundle-sha256 {digest}", path.display()));
    data(&format!("{digest}\n"));
    Ok(Exit::Fine)
}

fn verify(context: &Context<'_>, path: &Path, sha256: Option<&str>) -> Result<Exit> {
    let bench = context.bench(context.reporter(), None)?;
    let task = bench.task("bundle");
    let bundle = Bundle::open(&task, path, sha256, &context.paths()?.cache)?;
    bundle.verify(&task)?;
    context.ui.good(&format!("✓ {} is whole", path.display()));
    Ok(Exit::Fine)
}
