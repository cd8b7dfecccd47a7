//! Step `build-tools`: installs the packages that building images from source needs.

use std::collections::BTreeSet;

use super::{Depth, HostReceipt, Probe, Revert, Session, Step};
use crate::engine;
use crate::error::{Error, Result};
use crate::local_registry::LocalRegistry;
use crate::task::Task;

/// The package of Go, which distributions have in a version that is too old.
const GO: &str = "golang-go";

pub struct BuildToolsStep {
    /// The artifacts that the plan needs as images.
    pub images: Vec<String>,
}

impl BuildToolsStep {
    fn missing(&self, session: &Session, task: &Task<'_>) -> Result<Vec<String>> {
        let (origins, registry) = (&session.origins, session.registry().ok());
        let client = registry.as_ref().map(LocalRegistry::client);
        let mut missing = Vec::new();
        for image in &self.images {
            missing.extend(origins.missing_packages(task, client, image)?);
        }
        missing.sort();
        missing.dedup();
        // The distribution's Go is too old; the step of the image reports that a newer one is missing.
        missing.retain(|package| package != GO);
        Ok(missing)
    }
}

impl Step for BuildToolsStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let packages: BTreeSet<String> =
            self.images.iter().flat_map(|image| session.origins.source_packages(image)).collect();
        // Without Go, nothing is built from source.
        if packages.is_empty() || packages.contains(GO) {
            return Vec::new();
        }
        let packages: Vec<String> = packages.into_iter().collect();
        let packages = packages.join(", ");
        vec![format!(
            "installs {packages} with the system's package manager, if images are built from source"
        )]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let missing = self.missing(session, task)?;
        if missing.is_empty() {
            return Ok(Probe::Done("nothing is missing".to_owned()));
        }
        Ok(Probe::Needed(format!("images are built from source here, and {} is missing", missing.join(", "))))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let missing = self.missing(session, task)?;
        let names: Vec<&str> = missing.iter().map(String::as_str).collect();
        if !session.consent {
            return Err(Error::host(format!("{} is missing", missing.join(", ")))
                .help("todo-bootstrap up --yes   # installs it"));
        }
        let installed = engine::install_packages(task, &session.facts, &names)?;
        session.record_host(|host| host.made.build_tools.extend(installed.iter().cloned()))?;
        Ok(format!("installed {}", installed.join(", ")))
    }
}

impl Revert for BuildToolsStep {
    fn losses(&self, session: &Session, depth: Depth) -> Vec<String> {
        let receipt = HostReceipt::load(&session.paths.state).ok().filter(|_| depth == Depth::Machine);
        let packages = receipt.map(|receipt| receipt.made.build_tools).unwrap_or_default();
        packages.iter().map(|package| format!("removes the package {package}")).collect()
    }

    fn revert(&self, session: &Session, task: &Task<'_>, _depth: Depth) -> Result<String> {
        let receipt = HostReceipt::load(&session.paths.state)?;
        engine::remove_packages(task, &receipt.made.build_tools)?;
        session.record_host(|host| host.made.build_tools.clear())?;
        Ok("removed".to_owned())
    }
}
