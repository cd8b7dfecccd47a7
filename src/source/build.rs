//! Builds missing artifacts: independent ones at the same time, each one once.

use std::time::Instant;

use tokio::sync::SemaphorePermit;

use super::overview::{Overview, Row};
use super::programs::Debootstrap;
use super::recipe::Kind;
use super::watched::Logged;
use super::{Made, Source, graph};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::task::{Task, run_graph};

/// How many artifacts are made at the same time; Go builds have a limit of their own.
const WORKERS: usize = 8;

impl Source {
    /// The artifact, from the cache (with every file hashed) or made now; what was finished stays on a failure.
    pub fn make(&self, task: &Task<'_>, engine: Option<&Engine>, name: &str) -> Result<Made> {
        let missing = graph::missing(&self.recipes, name, &mut |name| Ok(self.take(task, name)?.is_some()))?;
        if !missing.is_empty() {
            let debootstrap = Debootstrap::find(&self.process_env);
            let obstacle = |name: &String| self.obstacle(name, debootstrap.as_ref());
            if let Some(reason) = missing.iter().find_map(obstacle) {
                return Err(Error::host(format!("cannot build {name} from source")).because(reason));
            }
            self.make_all(task, engine, &missing)?;
        }
        let made = self.cached(name)?;
        made.ok_or_else(|| Error::failed(format!("{name} was built, but is not in the cache")))
    }

    fn make_all(&self, task: &Task<'_>, engine: Option<&Engine>, missing: &[String]) -> Result<()> {
        let order = self.sorted(missing);
        let index = |used: &str| order.iter().position(|name| name == used);
        let uses = |name: &String| {
            let recipe = self.recipes.get(name)?;
            Ok(recipe.kind.uses().into_iter().filter_map(index).collect())
        };
        let needs = order.iter().map(uses).collect::<Result<Vec<Vec<usize>>>>()?;
        let row = |(name, uses): (&String, &Vec<usize>)| {
            let minutes = self.recipes.get(name)?.minutes;
            Ok(Row::new(name, minutes, uses.iter().map(|&index| order[index].clone()).collect()))
        };
        let rows = order.iter().zip(&needs).map(row).collect::<Result<Vec<Row>>>()?;
        let (stop, overview) = (Cancel::default(), Overview::new(task, &self.builders, rows));
        // What stops the task stops the builds; what stops one build stops the other builds only.
        let watch = || {
            task.cancel.reason().into_iter().for_each(|reason| stop.cancel(reason));
            overview.show(Instant::now());
        };
        run_graph(&needs, WORKERS, &stop, watch, |index| {
            let (task, name) = (Task { cancel: &stop, ..task.clone() }, &order[index]);
            self.make_one(&task, &overview, engine, name)?;
            overview.done(name);
            Ok(())
        })
    }

    /// Longest chains first, of equals the one with the most programs.
    fn sorted(&self, missing: &[String]) -> Vec<String> {
        let heights = graph::heights(&self.recipes, missing);
        let weight = |name: &String| self.recipes.get(name).map_or(0, |recipe| recipe.kind.outputs().len());
        let mut sorted = missing.to_vec();
        sorted.sort_by_key(|name| std::cmp::Reverse((heights.get(name).copied(), weight(name))));
        sorted
    }

    fn make_one(
        &self,
        task: &Task<'_>,
        overview: &Overview<'_>,
        engine: Option<&Engine>,
        name: &str,
    ) -> Result<Made> {
        let _lock = self.store.lock(task, name, || overview.elsewhere(name))?;
        // While we waited, another step or process may have made it.
        if let Some(made) = self.take(task, name)? {
            return Ok(made);
        }
        let _permit = self.permit(task, overview, name)?;
        let begun = overview.begin(name);
        self.store.create("logs")?;
        let log = self.store.log(name);
        let logged = Logged::new(task.runner, &log)?;
        let result = self.build(&Task { runner: &logged, reporter: &begun, ..task.clone() }, engine, name);
        result.map_err(|error| {
            logged.write(&error.to_string());
            error.context(format!("cannot build {name} from source")).help(format!("less {}", log.display()))
        })
    }

    /// Builds with Go take turns.
    fn permit(
        &self,
        task: &Task<'_>,
        overview: &Overview<'_>,
        name: &str,
    ) -> Result<Option<SemaphorePermit<'_>>> {
        if !matches!(self.recipes.get(name)?.kind, Kind::Go(_)) {
            return Ok(None);
        }
        if let Ok(permit) = self.go_builds.try_acquire() {
            return Ok(Some(permit));
        }
        overview.after(name, "another Go build");
        let permit =
            async { self.go_builds.acquire().await.map_err(|e| Error::failed("Go builds ended").because(e)) };
        task.wait("another Go build", permit).map(Some)
    }

    fn build(&self, task: &Task<'_>, engine: Option<&Engine>, name: &str) -> Result<Made> {
        let recipe = self.recipes.get(name)?;
        let inputs = self.inputs(name)?;
        let work = self.store.work(name)?;
        let out = work.path().join("out");
        std::fs::create_dir(&out).map_err(|e| Error::io("create", &out, &e))?;
        let image_id = match &recipe.kind {
            Kind::Go(go) => {
                self.build_go(task, go, work.path(), &out)?;
                None
            }
            Kind::Rootfs(rootfs) => {
                self.build_rootfs(task, rootfs, work.path(), &out)?;
                None
            }
            Kind::Npm(npm) => {
                self.build_npm(task, npm, &out)?;
                None
            }
            Kind::Pypi(pypi) => {
                self.build_pypi(task, pypi, &out)?;
                None
            }
            Kind::Image(image) => Some(self.build_image(task, engine, image, inputs, work.path(), &out)?),
            Kind::Layers(layers) => Some(self.build_layers(task, layers, inputs, &out)?),
        };
        task.check()?;
        self.store.put(&out, recipe, self.platform(&recipe.kind), inputs, image_id)
    }

    /// The artifact that another one is made of; it was made or taken before.
    pub(super) fn used(&self, name: &str) -> Result<Made> {
        let made = self.cached(name)?;
        made.ok_or_else(|| Error::failed(format!("{name} is no longer in the cache")))
    }
}
