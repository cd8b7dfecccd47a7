//! The way of an image through the origins; it ends in the engine's store.

use std::path::PathBuf;
use std::time::Duration;

use super::chain::{Attempt, Miss, Walked, miss, nowhere, refused, walk};
use super::published::{is_pinned, registry};
use super::{FoundImage, Origin, Origins};
use crate::bundle::Entry;
use crate::config::show_bytes;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::write_atomic;
use crate::task::Task;

/// What the engine had before we came is nobody's word for what it is: `system` is not asked.
const ORDER: [Origin; 4] = [Origin::Cache, Origin::Bundle, Origin::Download, Origin::Source];
/// For the largest image (0.4 GB compressed) on a slow line.
const PULL: Duration = Duration::from_secs(15 * 60);

/// What we put into the engine, `images/<name>.json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Record {
    reference: String,
    /// The engine's own id.
    id: String,
    origin: Origin,
    /// The hash of its recipe's inputs, or the reference that was downloaded.
    inputs: String,
}

impl Origins {
    /// Sees to it that the engine has the image.
    pub fn image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Result<FoundImage> {
        let walked = walk(task, name, &ORDER, |origin| match origin {
            Origin::Cache => self.cached_image(task, engine, name),
            Origin::Bundle => self.bundled_image(task, engine, name),
            Origin::Download => self.pulled_image(task, engine, name),
            Origin::Source | Origin::Mirror | Origin::System => self.made_image(task, engine, name),
        })?;
        let Walked { found: Some((origin, record)), refusals } = walked else {
            return Err(nowhere(&image(name), &walked.refusals));
        };
        if origin != Origin::Cache {
            self.write_record(name, &record)?;
        }
        task.say(format!("{} from {origin}: {}", image(name), record.reference));
        let Record { reference, id, .. } = record;
        Ok(FoundImage { name: name.to_owned(), reference, id, origin, refusals })
    }

    /// The image, if the engine has what we put there and it is what would be put there now.
    pub fn present_image(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        name: &str,
    ) -> Result<Result<FoundImage, String>> {
        match self.cached_image(task, engine, name) {
            Ok(Record { reference, id, .. }) => Ok(Ok(FoundImage {
                name: name.to_owned(),
                reference,
                id,
                origin: Origin::Cache,
                refusals: Vec::new(),
            })),
            Err(Miss::Refused(reason) | Miss::Failed { reason, .. }) => Ok(Err(reason)),
            Err(Miss::Fatal(error)) => Err(error),
        }
    }

    /// The packages that are missing on this machine for making the image from source, where that
    /// is what [`Origins::image`] would come to.
    pub fn missing_packages(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Result<Vec<String>> {
        let needs = self.source.needs(&artifact(name));
        if needs.is_empty() || self.bundled_image_entry(name).is_ok() {
            return Ok(Vec::new());
        }
        if self.present_image(task, engine, name)?.is_ok() {
            return Ok(Vec::new());
        }
        if self.pullable(name).is_ok() {
            // Else an unreachable registry would only be noticed when it is too late to install.
            self.ask_registry(task, name)?;
        }
        Ok(if self.pullable(name).is_ok() { Vec::new() } else { needs })
    }

    fn record_file(&self, name: &str) -> PathBuf {
        self.cache.join("images").join(format!("{name}.json"))
    }

    fn write_record(&self, name: &str, record: &Record) -> Result<()> {
        let file = self.record_file(name);
        let dir = self.cache.join("images");
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        let json = serde_json::to_vec_pretty(record)
            .map_err(|error| Error::failed(format!("cannot write {}", file.display())).because(error))?;
        write_atomic(&file, &json, 0o600)
    }

    fn cached_image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Attempt<Record> {
        let text = std::fs::read(self.record_file(name)).unwrap_or_default();
        let Ok(record) = serde_json::from_slice::<Record>(&text) else {
            return refused("the engine has none that we put there");
        };
        if let Some(reason) = self.outdated(name, &record) {
            return refused(reason);
        }
        match engine.image_id(task, &record.reference)? {
            Some(id) if id == record.id => Ok(record),
            Some(_) => refused(format!("{} is another image by now", record.reference)),
            None => refused(format!("{} is gone from the engine", record.reference)),
        }
    }

    fn outdated(&self, name: &str, record: &Record) -> Option<String> {
        let current = match record.origin {
            Origin::Download => self.published.reference(name).into_iter().collect(),
            from => self.current_inputs(from, &artifact(name), &self.facts.container_platform()),
        };
        let good = current.is_empty() && record.origin != Origin::Download;
        (!good && !current.contains(&record.inputs.as_str()))
            .then(|| format!("{} was made from other inputs", record.reference))
    }

    pub(super) fn bundled_image_entry(&self, name: &str) -> Attempt<&Entry> {
        let Some(bundle) = &self.bundle else { return refused("no bundle was given") };
        let platform = self.facts.container_platform();
        bundle
            .find(&artifact(name), &platform)
            .ok_or_else(|| Miss::Refused(format!("the bundle has none for {platform}")))
    }

    fn bundled_image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Attempt<Record> {
        let entry = self.bundled_image_entry(name)?;
        let Some(bundle) = &self.bundle else { return refused("no bundle was given") };
        let (reference, id) = load(task, engine, entry, || bundle.verified_file(task, entry))?;
        Ok(Record { reference, id, origin: Origin::Bundle, inputs: entry.inputs.clone() })
    }

    /// The reference to pull, if it can be trusted and its registry may be reached.
    pub(super) fn pullable(&self, name: &str) -> Attempt<&str> {
        let Some(reference) = self.published.reference(name) else {
            return refused("it is not published anywhere that we know");
        };
        if !is_pinned(reference) {
            return refused(format!("no digest is pinned for {reference}, so it could not be verified"));
        }
        match self.reach.refusal(registry(reference)) {
            Some(reason) => refused(reason),
            None => Ok(reference),
        }
    }

    /// Finds out whether the image's registry can be reached.
    pub(super) fn ask_registry(&self, task: &Task<'_>, name: &str) -> Result<()> {
        let Some(reference) = self.published.reference(name) else { return Ok(()) };
        let host = registry(reference);
        match self.client() {
            Ok(client) => self.reach.ask_one(task, &client, host),
            Err(error) => {
                self.reach.record(host, &error.one_line(), Duration::ZERO);
                Ok(())
            }
        }
    }

    fn pulled_image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Attempt<Record> {
        let reference = self.pullable(name)?;
        self.ask_registry(task, name)?;
        self.pullable(name)?;
        task.say(format!("pulling {reference}"));
        engine.pull(&task.within(PULL), reference).map_err(|error| miss(task, error))?;
        let Some(id) = engine.image_id(task, reference)? else {
            return refused(format!("{reference} was pulled, but the engine does not have it"));
        };
        let reference = reference.to_owned();
        Ok(Record { inputs: reference.clone(), reference, id, origin: Origin::Download })
    }

    fn made_image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Attempt<Record> {
        let artifact = artifact(name);
        if let Some(reason) = self.source.refusal(&artifact) {
            return refused(reason);
        }
        if self.source.cached(&artifact)?.is_none() {
            task.say(format!("{} is made from source; this takes minutes, once", image(name)));
        }
        let made = self.source.make(task, Some(engine), &artifact)?;
        let file = made.dir.join(&made.entry.file);
        let (reference, id) = load(task, engine, &made.entry, || Ok(file))?;
        Ok(Record { reference, id, origin: Origin::Source, inputs: made.entry.inputs })
    }
}

/// The recipe, and the name in a bundle, of image `name`: programs and images may be namesakes.
pub(super) fn artifact(name: &str) -> String {
    format!("image-{name}")
}

fn image(name: &str) -> String {
    format!("image `{name}`")
}

/// Loads an entry's file unless the engine has that very image; returns reference and id.
pub(super) fn load(
    task: &Task<'_>,
    engine: &Engine,
    entry: &Entry,
    file: impl FnOnce() -> Result<PathBuf>,
) -> Attempt<(String, String)> {
    let Some(reference) = &entry.reference else {
        return refused(format!("{} has no reference in it", entry.name));
    };
    let has = engine.image_id(task, reference)?;
    if let Some(id) = has.filter(|id| entry.image_id.as_ref() == Some(id)) {
        return Ok((reference.clone(), id));
    }
    let file = file()?;
    task.say(format!("loading {reference} ({}) into the engine", show_bytes(entry.size)));
    engine.load(task, &file)?;
    let Some(id) = engine.image_id(task, reference)? else {
        return Err(Error::failed(format!("{} was loaded, but holds no {reference}", file.display())).into());
    };
    match &entry.image_id {
        Some(expected) if ids_are_config_digests(engine) && *expected != id => {
            Err(Error::refused(format!("{reference} is not the image that it should be"))
                .because(format!("its id is {id}, expected {expected}"))
                .into())
        }
        _ => Ok((reference.clone(), id)),
    }
}

/// With containerd's image store, Docker's ids are those of manifests, which are made anew when an
/// archive is loaded; the archive itself was verified in any case.
fn ids_are_config_digests(engine: &Engine) -> bool {
    const GRAPH_DRIVERS: [&str; 6] = ["overlay2", "fuse-overlayfs", "vfs", "btrfs", "zfs", "overlay"];
    GRAPH_DRIVERS.contains(&engine.storage_driver.as_str())
}
