//! Artifacts as entries of a bundle, with the files to copy.

use std::path::{Path, PathBuf};

use super::chain::{Attempt, Miss, refused};
use super::images::{artifact, push};
use super::tools::PORTABLE;
use super::{FoundImage, Origins};
use crate::bundle::{Entry, sbom};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::Urgency;
use crate::files::{sha256 as sha256_of, sha256_file};
use crate::images::{self, Built, Order, inputs_hash};
use crate::local_registry::{Stored, place_of};
use crate::registry::{Registry, fetch_archive, normalise_archive};
use crate::source::Kind;
use crate::task::Task;

impl Origins {
    /// The tool for the platform of these origins. It is never started here.
    pub fn tool_entry(
        &self,
        task: &Task<'_>,
        engine: Option<&Engine>,
        name: &str,
    ) -> Result<(Entry, PathBuf)> {
        let found = self.tool_among(task, engine, name, PORTABLE, Urgency::Check)?;
        let entry = Entry {
            name: name.to_owned(),
            kind: "tool".to_owned(),
            version: found.version,
            platform: self.facts.platform(),
            file: name.to_owned(),
            // It is known by its content alone: where it came from does not matter any more.
            inputs: found.sha256.clone(),
            sha256: found.sha256,
            size: found.size,
            ..Entry::default()
        };
        Ok((entry, found.path))
    }

    /// The image, and its archive written to `work`.
    pub fn image_entry(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        registry: &Registry,
        name: &str,
        work: &Path,
    ) -> Result<(FoundImage, Entry, PathBuf)> {
        let found = self.image(task, engine, registry, name, Urgency::Pod)?;
        let artifact = artifact(name);
        // By the inputs of its recipe it is recognised where the same recipe made it again.
        let inputs = match self.source.cached(&artifact) {
            Ok(Some(made)) => made.entry.inputs,
            _ => sha256_of(found.stored.digest.as_bytes()),
        };
        let entry = self.blank(&artifact, "image", inputs, &found.stored);
        let (entry, file) = exported(task, registry, entry, &found.stored, work)?;
        Ok((found, entry, file))
    }

    /// The image for another platform: fetched by digest, or made of compiled programs without running any.
    pub fn archive_entry(&self, task: &Task<'_>, name: &str, work: &Path) -> Result<(Entry, PathBuf)> {
        let made = |reason: String| match self.crossed(task, name, work) {
            Err(Miss::Refused { reason: why, .. }) => refused(format!("{reason}; {why}")),
            result => result,
        };
        let had = self.fetched(task, name, work).or_else(|miss| match miss {
            Miss::Refused { reason, .. } => made(reason),
            fatal @ Miss::Fatal(_) => Err(fatal),
        });
        had.map_err(|miss| miss.into_error(Error::failed))
    }

    fn fetched(&self, task: &Task<'_>, name: &str, work: &Path) -> Attempt<(Entry, PathBuf)> {
        let published = self.reachable(task, name)?;
        let (repository, tag) = place_of(&published);
        let file = work.join(archive_name(&artifact(name), &self.facts.container_platform()));
        let mut stored = Stored { repository, tag, digest: String::new() };
        let reference = stored.in_archive();
        stored.digest =
            self.with_upstream(task, &published, |from| fetch_archive(task, from, &reference, &file))?;
        let entry = self.blank(&artifact(name), "image", sha256_of(published.as_bytes()), &stored);
        Ok(sealed(entry, file)?)
    }

    /// The image by its recipe, where that needs nothing but a compiler.
    fn crossed(&self, task: &Task<'_>, name: &str, work: &Path) -> Attempt<(Entry, PathBuf)> {
        let artifact = artifact(name);
        if let Some(reason) = self.source.refusal(&artifact) {
            return refused(reason);
        }
        let missing = self.source.missing(&artifact)?;
        let compiled = |name: &String| {
            self.source
                .recipes()
                .get(name)
                .is_ok_and(|recipe| matches!(recipe.kind, Kind::Go(_) | Kind::Layers(_)))
        };
        if let Some(name) = missing.iter().find(|name| !compiled(name)) {
            return refused(format!("{name} can only be built on a machine with that platform"));
        }
        let made = self.source.make(task, None, &artifact)?;
        let (repository, tag) = place_of(made.entry.reference.as_deref().unwrap_or(&artifact));
        let file = work.join(archive_name(&artifact, &made.entry.platform));
        let mut stored = Stored { repository, tag, digest: String::new() };
        stored.digest = normalise_archive(&made.file(), &stored.in_archive(), &file).map_err(Error::from)?;
        let entry = self.blank(&artifact, "image", made.entry.inputs, &stored);
        Ok(sealed(entry, file)?)
    }

    /// An image of the project, built unless the registry has it; with its SBOM.
    pub fn application_entries(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        registry: &Registry,
        order: &Order<'_>,
        work: &Path,
    ) -> Result<Vec<(Entry, PathBuf)>> {
        let built = images::build(task, engine, registry, order)?;
        let name = &order.spec.name;
        let entry = self.blank(&sbom::application(name), "application", inputs_hash(order)?, &built.stored);
        let image = exported(task, registry, entry.clone(), &built.stored, work)?;
        let sbom = images::sbom::make(order, &built)?;
        let file = work.join(format!("{name}.cdx.json"));
        std::fs::write(&file, &sbom).map_err(|e| Error::io("write", &file, &e))?;
        let entry = Entry {
            name: sbom::entry_name(name),
            kind: "sbom".to_owned(),
            sha256: sha256_of(&sbom),
            size: sbom.len() as u64,
            reference: None,
            image_id: None,
            ..entry
        };
        Ok(vec![image, (entry, file)])
    }

    /// Pushes the project's image from the bundle to the registry; `None`, with a warning, if its sources differ.
    pub fn bundled_build(
        &self,
        task: &Task<'_>,
        registry: &Registry,
        order: &Order<'_>,
    ) -> Result<Option<Built>> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let (name, platform) = (&order.spec.name, self.facts.container_platform());
        let Some(entry) = bundle.find(&sbom::application(name), &platform) else {
            task.warn(format!("the bundle has no image {name} for {platform}; building it here"));
            return Ok(None);
        };
        if entry.inputs != inputs_hash(order)? {
            task.warn(format!(
                "the bundle's image {name} was built from other sources, on another base or for another \
                 target than {}; building it here",
                order.target
            ));
            return Ok(None);
        }
        let file = self.bundled_file(task, entry).map_err(|miss| miss.into_error(Error::refused))?;
        let stored = push(task, registry, entry, &file).map_err(|miss| miss.into_error(Error::refused))?;
        match images::adopt(task, registry, order, &stored.digest)? {
            Ok(built) => Ok(Some(built)),
            Err(why) => {
                task.warn(format!("the bundle's image {name} cannot be used: {why}; building it here"));
                Ok(None)
            }
        }
    }

    pub(super) fn blank(&self, name: &str, kind: &str, inputs: String, stored: &Stored) -> Entry {
        Entry {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: stored.tag.trim_start_matches('v').to_owned(),
            platform: self.facts.container_platform(),
            file: "image.tar".to_owned(),
            inputs,
            reference: Some(stored.in_archive()),
            image_id: Some(stored.digest.clone()),
            ..Entry::default()
        }
    }
}

fn archive_name(name: &str, platform: &str) -> String {
    format!("{name}-{}.tar", platform.replace('/', "-"))
}

/// Writes the image's archive to `work`.
pub(super) fn exported(
    task: &Task<'_>,
    registry: &Registry,
    entry: Entry,
    stored: &Stored,
    work: &Path,
) -> Result<(Entry, PathBuf)> {
    let file = work.join(archive_name(&entry.name, &entry.platform));
    registry.export(task, &stored.repository, &stored.digest, &stored.in_archive(), &file)?;
    sealed(entry, file)
}

/// The entry with digest and size of its file.
fn sealed(entry: Entry, file: PathBuf) -> Result<(Entry, PathBuf)> {
    let (sha256, size) = sha256_file(&file)?;
    Ok((Entry { sha256, size, ..entry }, file))
}
