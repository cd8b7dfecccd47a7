//! Finds a tool among the origins.

use semver::Version;

use super::chain::{Attempt, Miss, Walked, nowhere, refused, walk};
use super::store::{Cached, Record, Store, Unfit, copy_program};
use super::{Found, Origin, Origins, Refusal};
use crate::bundle::Entry;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::Urgency;
use crate::files::sha256_file;
use crate::progress::Silent;
use crate::task::Task;
use crate::tools::{Asset, ToolSpec, Unpack, Wanted, on_path};

const ORDER: [Origin; 6] =
    [Origin::System, Origin::Cache, Origin::Bundle, Origin::Mirror, Origin::Download, Origin::Source];

/// A program of this system is not suitable for a bundle: it may depend on the system's libraries.
pub(super) const PORTABLE: &[Origin] =
    &[Origin::Cache, Origin::Bundle, Origin::Mirror, Origin::Download, Origin::Source];

/// What becomes of a cached program that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tampered {
    Reported,
    Removed,
}

/// What is looked for.
pub(super) struct Search {
    pub(super) spec: &'static ToolSpec,
    pub(super) wanted: Wanted,
    pub(super) platform: String,
}

impl Origins {
    /// The tool, verified just now; fetched or made if needed.
    pub fn tool(&self, task: &Task<'_>, name: &str, urgency: Urgency) -> Result<Found> {
        self.tool_among(task, None, name, &ORDER, urgency)
    }

    /// As [`Origins::tool`], from this origin only, even if the cache has it.
    pub fn tool_from(&self, task: &Task<'_>, name: &str, origin: Origin) -> Result<Found> {
        self.tool_among(task, None, name, &[origin], Urgency::Check)
    }

    /// As [`Origins::tool`], from one of `order`; `engine` is needed where a recipe builds in a container.
    pub(super) fn tool_among(
        &self,
        task: &Task<'_>,
        engine: Option<&Engine>,
        name: &str,
        order: &[Origin],
        urgency: Urgency,
    ) -> Result<Found> {
        let search = self.search(name)?;
        let mut turn = None;
        let walked = walk(task, name, order, |origin| {
            if origin == Origin::System {
                return self.system_tool(task, &search);
            }
            if origin == Origin::Cache {
                match self.cached_tool(task, &search, Tampered::Reported) {
                    Err(Miss::Refused { .. }) => {}
                    result => return result,
                }
            }
            // Another run may have installed it before we got the turn, so the cache is asked again.
            if turn.is_none() {
                turn = Some(self.store.turn(task, name)?);
            }
            match origin {
                Origin::System | Origin::Cache => self.cached_tool(task, &search, Tampered::Removed),
                Origin::Bundle => self.bundled_tool(task, &search),
                Origin::Mirror => self.mirrored_tool(task, &search, urgency),
                Origin::Download => self.downloaded_tool(task, &search, urgency),
                Origin::Source => self.made_tool(task, &search, engine),
            }
        })?;
        let Walked { found: Some((_, found)), refusals } = walked else {
            return Err(nowhere(name, "--mirror URL|DIR", &walked.refusals));
        };
        let found = Found { refusals, ..found };
        if found.origin == Origin::System {
            self.accept(task, &found)?;
        } else {
            task.say(format!("{name} {} from {}: {}", found.version, found.origin, found.path.display()));
        }
        Ok(found)
    }

    /// Announces a tool of this machine and records what it is.
    fn accept(&self, task: &Task<'_>, found: &Found) -> Result<()> {
        let Found { name, version, path, sha256, .. } = found;
        let path = path.display();
        if let Some(old) = self.system.record(found)? {
            task.warn(format!("{path} changed since it was first used: its sha256 was {}", old.sha256));
        }
        task.warn(format!("using {name} {version} of this machine: {path}, sha256 {sha256}"));
        Ok(())
    }

    /// Whether a tool of this machine was announced and recorded as it is now.
    pub fn accepted(&self, found: &Found) -> bool {
        found.origin != Origin::System || self.system.knows(found)
    }

    /// The tool, if the system or the cache has it, else the reasons why not. Changes nothing.
    pub fn present_tool(&self, task: &Task<'_>, name: &str) -> Result<(Option<Found>, Vec<Refusal>)> {
        let task = &Task { reporter: &Silent, ..task.clone() };
        let search = self.search(name)?;
        let walked = walk(task, name, &ORDER[..2], |origin| match origin {
            Origin::System => self.system_tool(task, &search),
            _ => self.cached_tool(task, &search, Tampered::Reported),
        })?;
        let refusals = walked.refusals;
        let found = walked.found.map(|(_, found)| Found { refusals: refusals.clone(), ..found });
        Ok((found, refusals))
    }

    pub(super) fn search(&self, name: &str) -> Result<Search> {
        let spec = ToolSpec::named(name)?;
        let wanted = self.pins.wanted(spec, &self.versions)?;
        Ok(Search { spec, wanted, platform: self.facts.platform() })
    }

    fn system_tool(&self, task: &Task<'_>, search: &Search) -> Attempt<Found> {
        if self.trust.strict {
            return refused("--strict was given");
        }
        let candidates = on_path(task, &self.process_env, search.spec, &search.wanted)?;
        let mut reasons = Vec::new();
        for (path, verdict) in candidates {
            match verdict {
                Ok(version) => {
                    let (sha256, size) = sha256_file(&path)?;
                    let record = Record { sha256, size, ..record(Origin::System, None, None) };
                    return Ok(of_cached(search, Origin::System, Cached { path, version, record }));
                }
                Err(why) => reasons.push(format!("{} {why}", path.display())),
            }
        }
        if reasons.is_empty() {
            return refused(format!("there is no {} on PATH", search.spec.name));
        }
        refused(reasons.join("; "))
    }

    fn cached_tool(&self, task: &Task<'_>, search: &Search, tampered: Tampered) -> Attempt<Found> {
        let mut reason = "it is not installed yet".to_owned();
        for cached in self.store.list(search.spec, &search.wanted) {
            match self.judge(search.spec.name, &cached) {
                Ok(()) => return Ok(of_cached(search, Origin::Cache, cached)),
                Err(unfit) => {
                    if unfit.tampered && tampered == Tampered::Removed {
                        task.warn(format!("{}; removing and downloading it again", unfit.reason));
                        Store::remove(&cached)?;
                    }
                    reason = unfit.reason;
                }
            }
        }
        refused(reason)
    }

    /// Compares a cached tool with its record, and against today's pin and inputs of its version.
    pub(super) fn judge(&self, name: &str, cached: &Cached) -> Result<(), Unfit> {
        let platform = self.facts.platform();
        let inputs = self.current_inputs(cached.record.origin, name, &platform);
        Store::judge(cached, self.pins.asset(name, &cached.version, &platform), &inputs)
    }

    /// The version of a tool that is downloaded if it is missing.
    pub fn wanted_version(&self, spec: &ToolSpec) -> Result<Version> {
        Ok(self.pins.wanted(spec, &self.versions)?.tool)
    }

    pub(super) fn bundled_entry(&self, search: &Search) -> Attempt<(Version, &Entry)> {
        let entry = self.entry(search.spec.name, &search.platform)?;
        Ok((fitting(search, entry)?, entry))
    }

    fn bundled_tool(&self, task: &Task<'_>, search: &Search) -> Attempt<Found> {
        let (version, entry) = self.bundled_entry(search)?;
        // A bundle that does not match its manifest is not skipped: somebody changed it.
        let file = self.bundled_file(task, entry)?;
        self.install(search, Origin::Bundle, version, entry, &file)
    }

    pub(super) fn asset(&self, search: &Search) -> Attempt<&Asset> {
        let Some(pin) = self.pins.get(search.spec.name) else { return refused("it has no pin") };
        if pin.version != search.wanted.tool {
            let (wanted, pinned) = (&search.wanted.tool, &pin.version);
            return refused(format!("version {wanted} is required, but the checksums are for {pinned}"));
        }
        let Some(asset) = pin.assets.get(&search.platform) else {
            return refused(format!("none is published for {}", search.platform));
        };
        if asset.unpack == Unpack::Unsupported {
            return refused("it is published as an archive in an unsupported format");
        }
        if let Some(doubt) = asset.doubt().filter(|_| !self.trust.allow_unpinned) {
            return refused(format!("{doubt}; use --allow-unpinned to accept it"));
        }
        Ok(asset)
    }

    fn made_tool(&self, task: &Task<'_>, search: &Search, engine: Option<&Engine>) -> Attempt<Found> {
        let made = self.made(task, engine, search.spec.name, search.spec.name)?;
        let version = fitting(search, &made.entry)?;
        self.install(search, Origin::Source, version, &made.entry, &made.dir.join(&made.entry.file))
    }

    /// Copies a verified artifact into the cache, and verifies the copy.
    fn install(
        &self,
        search: &Search,
        origin: Origin,
        version: Version,
        entry: &Entry,
        file: &std::path::Path,
    ) -> Attempt<Found> {
        let record = record(origin, None, Some(entry.inputs.clone()));
        let installed = self.store.install(search.spec, version, record, |to| {
            let (sha256, size) = copy_program(file, to)?;
            if sha256 == entry.sha256 {
                return Ok((sha256, size));
            }
            std::fs::remove_file(to).map_err(|e| Error::io("remove", to, &e))?;
            Err(Error::refused(format!("{} does not match the record of its {origin}", file.display()))
                .because(format!("its sha256 is {sha256}, expected {}", entry.sha256)))
        })?;
        Ok(of_cached(search, origin, installed))
    }
}

fn fitting(search: &Search, entry: &Entry) -> Attempt<Version> {
    let Ok(version) = Version::parse(&entry.version) else {
        return refused(format!("its version \"{}\" is invalid", entry.version));
    };
    match search.spec.fits(&version, &search.wanted) {
        Ok(()) => Ok(version),
        Err(why) => refused(format!("it has version {version}, which {why}")),
    }
}

pub(super) fn record(origin: Origin, pin: Option<String>, inputs: Option<String>) -> Record {
    Record { origin, sha256: String::new(), size: 0, pin, inputs }
}

pub(super) fn of_cached(search: &Search, origin: Origin, cached: Cached) -> Found {
    let Cached { path, version, record: Record { sha256, size, .. } } = cached;
    let (name, version) = (search.spec.name.to_owned(), version.to_string());
    Found { name, version, origin, path, sha256, size, refusals: Vec::new() }
}
