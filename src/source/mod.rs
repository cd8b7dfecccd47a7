//! Artifacts that are built from package registries only, by the recipes in offline/.
//!
//! Each artifact is cached under the hash of all its inputs, so nothing is built twice.

mod build;
mod golang;
mod graph;
mod image;
mod inputs;
mod layers;
mod npm;
mod overview;
mod programs;
mod pypi;
mod recipe;
mod recipes;
mod rootfs;
mod store;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

pub use pypi::{Pypi, Wheel};
pub use recipe::{Go, Image, Kind, Layers, ModuleFiles, Npm, Package, Recipe, Rootfs};
pub use recipes::Recipes;

use tokio::sync::Semaphore;

use crate::bundle::Entry;
use crate::config::{Paths, Versions};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::host::{Distro, Facts, Packages};
use crate::process_env::ProcessEnv;
use crate::task::Task;
use overview::Builders;
use programs::{Debootstrap, Toolchain};
use store::Store;

/// An artifact that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Describes the artifact's file: the image's archive, the tool, or the first tool of several.
    pub entry: Entry,
    pub dir: PathBuf,
    /// All files by name.
    pub outputs: BTreeMap<String, PathBuf>,
}

impl Made {
    /// The file that `entry` describes.
    pub fn file(&self) -> PathBuf {
        self.dir.join(&self.entry.file)
    }
}

/// What a build from source takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// What must be built first, and the artifact itself; minutes on 2 cores where they are known. Empty if
    /// the cache has it.
    pub artifacts: BTreeMap<String, Option<u64>>,
    /// `Go`, `root`.
    pub needs: BTreeSet<&'static str>,
}

/// The recipes, and what this machine can make of them.
pub struct Source {
    process_env: ProcessEnv,
    data: Data,
    facts: Facts,
    recipes: Recipes,
    store: Store,
    go: Option<Toolchain>,
    inputs: OnceLock<Result<BTreeMap<String, String>>>,
    go_builds: Semaphore,
    builders: Builders,
}

impl Source {
    /// Reads and proves all recipes; starts no process.
    pub fn new(
        process_env: &ProcessEnv,
        paths: &Paths,
        data: &Data,
        versions: &Versions,
        facts: &Facts,
    ) -> Result<Self> {
        Ok(Self {
            process_env: process_env.clone(),
            data: data.clone(),
            facts: facts.clone(),
            recipes: Recipes::load(data, versions)?,
            store: Store::new(&paths.cache),
            go: Toolchain::find(process_env),
            inputs: OnceLock::new(),
            go_builds: Semaphore::new(2),
            builders: Builders::default(),
        })
    }

    pub fn recipes(&self) -> &Recipes {
        &self.recipes
    }

    /// The artifact, if the cache has it for today's inputs; its files are not hashed.
    pub fn cached(&self, name: &str) -> Result<Option<Made>> {
        self.store.find(name, self.inputs(name)?)
    }

    /// Why the artifact cannot be made here; `None` if it can, or is in the cache. Starts no process.
    pub fn refusal(&self, name: &str) -> Option<String> {
        self.refusal_with(name, Debootstrap::find(&self.process_env).as_ref())
    }

    /// As [`Source::refusal`], once the packages that `up` can install here are installed.
    pub fn lasting_refusal(&self, name: &str) -> Option<String> {
        let apt = self.facts.distro.as_ref().and_then(Distro::packages) == Some(Packages::Apt);
        if !apt || !self.facts.root {
            return self.refusal(name);
        }
        let installed = Debootstrap { path: "debootstrap".into(), unshare: "unshare".into(), keys: true };
        self.refusal_with(name, Some(&installed))
    }

    fn refusal_with(&self, name: &str, debootstrap: Option<&Debootstrap>) -> Option<String> {
        if let Err(error) = self.recipes.get(name) {
            return Some(error.one_line());
        }
        match self.missing(name) {
            Ok(missing) => missing.iter().find_map(|name| self.obstacle(name, debootstrap)),
            Err(error) => Some(error.one_line()),
        }
    }

    /// The programs that have to be installed before the artifact can be made, by package name.
    pub fn needs(&self, name: &str) -> Vec<String> {
        let missing = self.missing(name).unwrap_or_default();
        let kinds = || missing.iter().filter_map(|name| self.recipes.get(name).ok()).map(|r| &r.kind);
        let mut needs = Vec::new();
        if kinds().any(|kind| matches!(kind, Kind::Rootfs(_))) {
            if Debootstrap::find(&self.process_env).is_none() {
                needs.push("debootstrap".to_owned());
            }
            if !programs::has_keys() {
                needs.push(programs::KEYS.to_owned());
            }
        }
        if self.go.is_none() && kinds().any(Kind::uses_go) {
            needs.push("golang-go".to_owned());
        }
        needs
    }

    /// What building the artifact takes; empty if it is in the cache, or there is no recipe.
    pub fn cost(&self, name: &str) -> Cost {
        let mut cost = Cost::default();
        for name in self.missing(name).unwrap_or_default() {
            let Ok(recipe) = self.recipes.get(&name) else { continue };
            cost.needs.extend(recipe.kind.uses_go().then_some("Go"));
            cost.needs.extend(matches!(recipe.kind, Kind::Rootfs(_)).then_some("root"));
            cost.artifacts.insert(name, recipe.minutes);
        }
        cost
    }

    /// The artifacts that must be made for `name`, dependencies first; empty if it is in the cache.
    pub fn missing(&self, name: &str) -> Result<Vec<String>> {
        graph::missing(&self.recipes, name, &mut |name| Ok(self.cached(name)?.is_some()))
    }

    /// The hash of all that the artifact is made from (64 hex digits).
    pub fn inputs(&self, name: &str) -> Result<&str> {
        let all = self.inputs.get_or_init(|| self.hash_all()).as_ref().map_err(Clone::clone)?;
        let hash = all.get(name).map(String::as_str);
        hash.ok_or_else(|| Error::failed(format!("there is no recipe `{name}`")))
    }

    /// As [`Source::cached`], with every file hashed; what was tampered with is dropped and said.
    fn take(&self, task: &Task<'_>, name: &str) -> Result<Option<Made>> {
        self.store.take(task, name, self.inputs(name)?)
    }

    fn obstacle(&self, name: &str, debootstrap: Option<&Debootstrap>) -> Option<String> {
        let recipe = self.recipes.get(name).ok()?;
        programs::obstacle(&recipe.kind, &self.facts, self.go.as_ref(), debootstrap)
    }
}

#[cfg(test)]
mod tests;
