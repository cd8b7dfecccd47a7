//! Finds an image among the origins and puts it into the local registry.

use std::path::{Path, PathBuf};

use super::chain::{Attempt, Miss, Walked, nowhere, refused, walk};
use super::{FoundImage, Origin, Origins};
use crate::bundle::Entry;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::Urgency;
use crate::files::write_json;
use crate::local_registry::{Stored, place_of};
use crate::pins::PublishedImage;
use crate::quantity::show_bytes;
use crate::registry::{Reference, Registry, RegistryError, Upstream, fetch_archive, host_to_ask};
use crate::source::Made;
use crate::task::Task;

/// What another program put into the engine or the registry is not trusted: `system` is not asked.
const ORDER: [Origin; 4] = [Origin::Cache, Origin::Bundle, Origin::Download, Origin::Source];
/// The option that names another place for images.
const MIRROR: &str = "--registry-mirror REGISTRY=HOST";
/// The image that the local registry itself runs.
pub const REGISTRY: &str = "registry";
/// What is known of that image in the engine.
const IN_ENGINE: &str = "registry-in-engine";

/// What we put into the registry, `images/<name>.json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Record {
    stored: Stored,
    origin: Origin,
    /// The hash of its recipe's inputs, or the reference that was downloaded.
    inputs: String,
}

/// The registry's own image, which comes into the engine, `images/registry-in-engine.json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct EngineRecord {
    reference: String,
    origin: Origin,
    inputs: String,
}

impl Origins {
    /// Makes sure that the registry has the image; `engine` builds it where it is made from source.
    pub fn image(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        registry: &Registry,
        name: &str,
        urgency: Urgency,
    ) -> Result<FoundImage> {
        let walked = walk(task, name, &ORDER, |origin| match origin {
            Origin::Cache => self.cached_image(task, registry, name),
            Origin::Bundle => self.bundled_image(task, registry, name),
            Origin::Download => self.copied_image(task, registry, name, urgency),
            Origin::Source | Origin::Mirror | Origin::System => {
                let made = self.made_image(task, engine, name)?;
                let stored = push(task, registry, &made.entry, &made.file())?;
                Ok(Record { stored, origin: Origin::Source, inputs: made.entry.inputs })
            }
        })?;
        let Walked { found: Some((origin, record)), refusals } = walked else {
            return Err(nowhere(&image(name), MIRROR, &walked.refusals));
        };
        if origin != Origin::Cache {
            self.write_record(name, &record)?;
        }
        task.say(format!("{} from {origin}: {}", image(name), record.stored));
        Ok(FoundImage { name: name.to_owned(), stored: record.stored, origin, refusals })
    }

    /// The image, if the registry has what we put there and it is what would be put there now.
    pub fn present_image(
        &self,
        task: &Task<'_>,
        registry: &Registry,
        name: &str,
    ) -> Result<Result<FoundImage, String>> {
        match self.cached_image(task, registry, name) {
            Ok(Record { stored, .. }) => Ok(Ok(FoundImage {
                name: name.to_owned(),
                stored,
                origin: Origin::Cache,
                refusals: Vec::new(),
            })),
            Err(Miss::Refused { reason, .. }) => Ok(Err(reason)),
            Err(Miss::Fatal(error)) => Err(error),
        }
    }

    /// The reference of the local registry's own image in the engine, which loads it from an archive.
    pub fn registry_image(&self, task: &Task<'_>, engine: &Engine) -> Result<String> {
        let walked = walk(task, REGISTRY, &ORDER, |origin| match origin {
            Origin::Cache => self.loaded_registry(task, engine),
            Origin::Bundle => {
                let entry = self.bundled_image_entry(REGISTRY)?;
                let file = self.bundled_file(task, entry)?;
                self.load_registry(task, engine, (origin, &entry.inputs), entry, &file)
            }
            Origin::Download => self.downloaded_registry(task, engine),
            Origin::Source | Origin::Mirror | Origin::System => {
                let made = self.made_image(task, engine, REGISTRY)?;
                let file = made.file();
                self.load_registry(task, engine, (origin, &made.entry.inputs), &made.entry, &file)
            }
        })?;
        match walked.found {
            Some((_, reference)) => Ok(reference),
            None => Err(nowhere("the local registry's image", MIRROR, &walked.refusals)),
        }
    }

    fn loaded_registry(&self, task: &Task<'_>, engine: &Engine) -> Attempt<String> {
        let text = std::fs::read(self.record_file(IN_ENGINE)).unwrap_or_default();
        let Ok(EngineRecord { reference, origin, inputs }) = serde_json::from_slice(&text) else {
            return refused("the engine has none from todo-bootstrap");
        };
        self.current(REGISTRY, origin, &inputs, &reference)?;
        if engine.has_image(task, &reference)? {
            return Ok(reference);
        }
        refused(format!("{reference} no longer exists in the engine"))
    }

    fn load_registry(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        (origin, inputs): (Origin, &str),
        entry: &Entry,
        file: &Path,
    ) -> Attempt<String> {
        let Some(reference) = entry.reference.clone() else {
            return refused(format!("{} has no reference in it", entry.name));
        };
        task.say(format!("loading {reference} ({}) into the engine", show_bytes(entry.size)));
        engine.load(task, file)?;
        self.keep_registry(task, engine, EngineRecord { reference, origin, inputs: inputs.to_owned() })
    }

    fn downloaded_registry(&self, task: &Task<'_>, engine: &Engine) -> Attempt<String> {
        let published = self.reachable(task, REGISTRY)?;
        let (_, tag) = place_of(&published);
        let reference = format!("localhost/todo-bootstrap/{REGISTRY}:{tag}");
        let file = self.transit()?.join("registry.tar");
        let _place = self.queue.join(Urgency::Registry);
        self.with_upstream(task, &published, |from| fetch_archive(task, from, &reference, &file))?;
        engine.load(task, &file)?;
        std::fs::remove_file(&file).map_err(|e| Error::io("remove", &file, &e))?;
        let record = EngineRecord { reference, origin: Origin::Download, inputs: published };
        self.keep_registry(task, engine, record)
    }

    fn keep_registry(&self, task: &Task<'_>, engine: &Engine, record: EngineRecord) -> Attempt<String> {
        if !engine.has_image(task, &record.reference)? {
            let what = format!("an archive was loaded, but the engine has no {}", record.reference);
            return Err(Error::failed(what).help("todo-bootstrap up").into());
        }
        self.write_record(IN_ENGINE, &record)?;
        Ok(record.reference)
    }

    /// The packages that are missing on this machine for building the image from source.
    pub fn source_packages(&self, name: &str) -> Vec<String> {
        self.source.needs(&artifact(name))
    }

    /// The packages that are missing on this machine if the image must be made from source.
    pub fn missing_packages(
        &self,
        task: &Task<'_>,
        registry: Option<&Registry>,
        name: &str,
    ) -> Result<Vec<String>> {
        let needs = self.source_packages(name);
        if needs.is_empty() || self.bundled_image_entry(name).is_ok() {
            return Ok(Vec::new());
        }
        if let Some(registry) = registry
            && self.present_image(task, registry, name)?.is_ok()
        {
            return Ok(Vec::new());
        }
        // An unreachable registry must be noticed now: later it is too late to install anything.
        Ok(match self.reachable(task, name) {
            Ok(_) => Vec::new(),
            Err(_) => needs,
        })
    }

    fn record_file(&self, name: &str) -> PathBuf {
        self.cache.join("images").join(format!("{name}.json"))
    }

    fn write_record(&self, name: &str, record: &impl serde::Serialize) -> Result<()> {
        write_json(&self.record_file(name), record)
    }

    fn cached_image(&self, task: &Task<'_>, registry: &Registry, name: &str) -> Attempt<Record> {
        let text = std::fs::read(self.record_file(name)).unwrap_or_default();
        let Ok(record) = serde_json::from_slice::<Record>(&text) else {
            return refused("the registry has none from todo-bootstrap");
        };
        let Record { stored, origin, inputs } = &record;
        self.current(name, *origin, inputs, &stored.repository)?;
        if registry.complete(task, &stored.repository, &stored.digest).map_err(Error::from)? {
            return Ok(record);
        }
        refused(format!("the registry has no complete {}:{}", stored.repository, stored.tag))
    }

    /// Whether the image was put into the registry, or the registry's own into the engine, and is what would
    /// be put there now.
    pub(super) fn is_recorded(&self, name: &str) -> bool {
        let read = |name: &str| std::fs::read(self.record_file(name)).unwrap_or_default();
        let record = if name == REGISTRY {
            let record: Option<EngineRecord> = serde_json::from_slice(&read(IN_ENGINE)).ok();
            record.map(|record| (record.origin, record.inputs))
        } else {
            let record: Option<Record> = serde_json::from_slice(&read(name)).ok();
            record.map(|record| (record.origin, record.inputs))
        };
        record.is_some_and(|(origin, inputs)| self.current(name, origin, &inputs, name).is_ok())
    }

    /// Refuses what was made of other inputs than today's.
    fn current(&self, name: &str, origin: Origin, inputs: &str, what: &str) -> Attempt<()> {
        let current = match origin {
            Origin::Download => self.published.reference(name).into_iter().collect(),
            from => self.current_inputs(from, &artifact(name), &self.facts.container_platform()),
        };
        if current.contains(&inputs) || (current.is_empty() && origin != Origin::Download) {
            return Ok(());
        }
        refused(format!("{what} was built from other inputs"))
    }

    pub(super) fn bundled_image_entry(&self, name: &str) -> Attempt<&Entry> {
        self.entry(&artifact(name), &self.facts.container_platform())
    }

    pub(super) fn entry(&self, artifact: &str, platform: &str) -> Attempt<&Entry> {
        let Some(bundle) = &self.bundle else { return refused("no bundle was given") };
        let entry = bundle.find(artifact, platform);
        entry.ok_or_else(|| Miss::refused(format!("the bundle has none for {platform}")))
    }

    /// The file of an entry, verified just now.
    pub(super) fn bundled_file(&self, task: &Task<'_>, entry: &Entry) -> Attempt<PathBuf> {
        match &self.bundle {
            Some(bundle) => Ok(bundle.verified_file(task, entry)?),
            None => refused("no bundle was given"),
        }
    }

    fn bundled_image(&self, task: &Task<'_>, registry: &Registry, name: &str) -> Attempt<Record> {
        let entry = self.bundled_image_entry(name)?;
        let file = self.bundled_file(task, entry)?;
        let stored = push(task, registry, entry, &file)?;
        Ok(Record { stored, origin: Origin::Bundle, inputs: entry.inputs.clone() })
    }

    /// The reference to copy, if it can be trusted and its registry may be reached.
    pub(super) fn pullable(&self, name: &str) -> Attempt<&str> {
        let Some(image) = self.published.get(name) else {
            return refused("it is not published in any known registry");
        };
        if let Some(doubt) = image.doubt().filter(|_| !self.trust.allow_unpinned) {
            return refused(format!("{doubt}; use --allow-unpinned to accept it"));
        }
        self.reach.miss(&self.host_of(image)).map_or(Ok(image.reference()), Err)
    }

    /// Where a published image is copied from.
    pub(super) fn copied_from(&self, published: &str) -> Result<Reference, String> {
        Ok(self.trust.registry_mirrors.of(Reference::parse(published)?))
    }

    /// The host that is asked for a published image.
    fn host_of(&self, image: &PublishedImage) -> String {
        let from = self.copied_from(image.reference());
        from.map_or_else(|_| image.host().to_owned(), |from| host_to_ask(&from.host).to_owned())
    }

    /// As [`Origins::pullable`], once the registry was asked whether it can be reached.
    pub(super) fn reachable(&self, task: &Task<'_>, name: &str) -> Attempt<String> {
        self.pullable(name)?;
        let host = self.published.get(name).map(|image| self.host_of(image)).unwrap_or_default();
        match self.client() {
            Ok(client) => self.reach.ask_one(task, &client, &host)?,
            Err(error) => self.reach.record(&host, &error.one_line(), std::time::Duration::ZERO),
        }
        self.pullable(name).map(str::to_owned)
    }

    /// Where blobs are on their way from a registry; what was cut off goes on from there.
    fn transit(&self) -> Result<PathBuf> {
        let dir = self.cache.join("blobs");
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        Ok(dir)
    }

    /// Calls `work` with where `published` comes from.
    pub(super) fn with_upstream<T>(
        &self,
        task: &Task<'_>,
        published: &str,
        work: impl FnOnce(&Upstream<'_>) -> Result<T, RegistryError>,
    ) -> Attempt<T> {
        let reference =
            self.copied_from(published).map_err(|why| Miss::refused(format!("{published}: {why}")))?;
        let (cache, platform) = (self.transit()?, self.facts.container_platform());
        let client = self.client().map_err(|error| Miss::refused(error.one_line()))?;
        let from = Upstream { client: &client, reference: &reference, platform: &platform, cache: &cache };
        work(&from).map_err(|error| super::chain::miss(task, error.into()))
    }

    fn copied_image(
        &self,
        task: &Task<'_>,
        registry: &Registry,
        name: &str,
        urgency: Urgency,
    ) -> Attempt<Record> {
        let published = self.reachable(task, name)?;
        let (repository, tag) = place_of(&published);
        let from = self.copied_from(&published).map_or_else(|_| published.clone(), |from| from.to_string());
        task.say(format!("copying {from} to the local registry"));
        let place = self.queue.join(urgency);
        let digest = self.with_upstream(task, &published, |from| {
            registry.copy(task, from, &repository, Some(&tag), &place)
        })?;
        let stored = Stored { repository, tag, digest };
        Ok(Record { stored, origin: Origin::Download, inputs: published })
    }

    fn made_image(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Attempt<Made> {
        self.made(task, Some(engine), &artifact(name), &image(name))
    }

    /// The artifact, made by its recipe unless the cache has it; `shown` is its name in messages.
    pub(super) fn made(
        &self,
        task: &Task<'_>,
        engine: Option<&Engine>,
        artifact: &str,
        shown: &str,
    ) -> Attempt<Made> {
        if let Some(reason) = self.source.refusal(artifact) {
            return refused(reason);
        }
        if self.source.cached(artifact)?.is_none() {
            task.say(format!("building {shown} from source; this takes minutes, but only once"));
        }
        Ok(self.source.make(task, engine, artifact)?)
    }
}

/// The recipe, and the name in a bundle, of image `name`: programs and images may be namesakes.
pub(super) fn artifact(name: &str) -> String {
    format!("image-{name}")
}

fn image(name: &str) -> String {
    format!("image `{name}`")
}

/// Pushes the archive of an entry to where its reference belongs.
pub(super) fn push(task: &Task<'_>, registry: &Registry, entry: &Entry, file: &Path) -> Attempt<Stored> {
    let Some(reference) = &entry.reference else {
        return refused(format!("{} has no reference in it", entry.name));
    };
    let (repository, tag) = place_of(reference);
    task.say(format!("pushing {repository}:{tag} ({}) to the local registry", show_bytes(entry.size)));
    let digest = registry.push_archive(task, file, &repository, Some(&tag)).map_err(Error::from)?;
    Ok(Stored { repository, tag, digest })
}
