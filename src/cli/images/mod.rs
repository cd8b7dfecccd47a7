//! `images`: the application's images, their SBOMs and their vulnerabilities.

mod list;
mod sbom;
mod scan;

use clap::Subcommand;

use super::context::Context;
use crate::config::{Application, suggest};
use crate::error::{Error, Exit, Result};

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// List the images with reference, digest, size and the hash of their inputs
    List,
    #[allow(clippy::doc_markdown)] // the text of the help
    /// Print the SBOM of an image as CycloneDX JSON; without a name, list all SBOMs
    Sbom {
        /// The name of an image, as `images list` shows it
        #[arg(value_name = "IMAGE")]
        image: Option<String>,
    },
    /// Scan images for known vulnerabilities with trivy or grype
    Scan(scan::ScanArgs),
}

pub(crate) fn run(context: &Context<'_>, command: &ImagesCommand) -> Result<Exit> {
    match command {
        ImagesCommand::List => list::run(context),
        ImagesCommand::Sbom { image } => sbom::run(context, image.as_deref()),
        ImagesCommand::Scan(args) => scan::run(context, args),
    }
}

/// Fails if `image` is not in `names`.
fn known(application: &Application, names: &[String], image: &str) -> Result<()> {
    if names.iter().any(|name| name == image) {
        return Ok(());
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let what = format!("{} has no such image: `{image}`{}", application.name, suggest(image, &all));
    Err(Error::usage(what)
        .because(format!("its images are: {}", all.join(", ")))
        .help("todo-bootstrap images list"))
}
