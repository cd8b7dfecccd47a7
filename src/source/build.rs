//! Builds missing artifacts: independent ones at the same time, each one once.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::recipe::Kind;
use super::store::Described;
use super::watched::{Logged, Named};
use super::{Made, Source, graph};
use crate::cancel::{Cancel, Reason};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::task::Task;

/// How many artifacts are in work at the same time; what limits them is the machine, and Go builds
/// have a limit of their own.
const WORKERS: usize = 8;
/// How soon a waiting thread sees that it was asked to stop.
const TICK: Duration = Duration::from_millis(100);

/// A counted right to do something heavy.
pub struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

pub struct Permit<'a>(&'a Permits);

impl Permits {
    pub fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Waits for its turn, minding cancellation and the deadline.
    pub fn take(&self, task: &Task<'_>) -> Result<Permit<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            task.check()?;
            free = self.freed.wait_timeout(free, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Ok(Permit(self))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// What the workers share.
struct Board {
    /// Not begun yet, what is to be begun first in front.
    waiting: Vec<String>,
    running: usize,
    made: BTreeSet<String>,
    error: Option<Error>,
}

/// One run of the workers.
struct Run<'a> {
    source: &'a Source,
    engine: Option<&'a Engine>,
    wanted: BTreeSet<String>,
    total: u64,
    board: Mutex<Board>,
    changed: Condvar,
    stop: Cancel,
}

impl Source {
    /// The artifact, from the cache (with every file hashed) or made now with all that it rests on.
    /// What was finished stays, whatever fails or is killed later.
    pub fn make(&self, task: &Task<'_>, engine: Option<&Engine>, name: &str) -> Result<Made> {
        let missing = graph::missing(&self.recipes, name, &mut |name| Ok(self.take(task, name)?.is_some()))?;
        if !missing.is_empty() {
            if let Some(reason) = missing.iter().find_map(|name| self.obstacle(name)) {
                return Err(Error::host(format!("cannot build {name} from source")).because(reason));
            }
            self.make_all(task, engine, &missing)?;
        }
        let made = self.cached(name)?;
        made.ok_or_else(|| Error::failed(format!("{name} was built, but is not in the cache")))
    }

    fn make_all(&self, task: &Task<'_>, engine: Option<&Engine>, missing: &[String]) -> Result<()> {
        let run = Run {
            source: self,
            engine,
            wanted: missing.iter().cloned().collect(),
            total: missing.len() as u64,
            board: Mutex::new(Board {
                waiting: self.sorted(missing),
                running: 0,
                made: BTreeSet::new(),
                error: None,
            }),
            changed: Condvar::new(),
            stop: Cancel::default(),
        };
        task.progress(Some(0), Some(run.total), format!("artifacts to build: {}", missing.join(", ")));
        std::thread::scope(|scope| {
            for _ in 0..missing.len().min(WORKERS) {
                scope.spawn(|| run.work(task));
            }
            run.guard(task.cancel);
        });
        let board = run.board.into_inner().unwrap_or_else(PoisonError::into_inner);
        board.error.map_or(Ok(()), Err)
    }

    /// Longest chains first, of equals the one with the most programs.
    fn sorted(&self, missing: &[String]) -> Vec<String> {
        let heights = graph::heights(&self.recipes, missing);
        let weight = |name: &String| self.recipes.get(name).map_or(0, |recipe| recipe.kind.outputs().len());
        let mut sorted = missing.to_vec();
        sorted.sort_by_key(|name| std::cmp::Reverse((heights.get(name).copied(), weight(name))));
        sorted
    }

    fn make_one(&self, task: &Task<'_>, engine: Option<&Engine>, name: &str) -> Result<Made> {
        let named = Named { reporter: task.reporter, name };
        let task = Task { reporter: &named, ..task.clone() };
        let _lock = self.store.lock(&task, name)?;
        // While we waited, another process may have made it.
        if let Some(made) = self.take(&task, name)? {
            return Ok(made);
        }
        self.store.create("logs")?;
        let log = self.store.log(name);
        let logged = Logged::new(task.runner, &log)?;
        let result = self.build(&Task { runner: &logged, ..task }, engine, name);
        result.map_err(|error| {
            logged.write(&error.to_string());
            error.context(format!("cannot build {name} from source")).help(format!("less {}", log.display()))
        })
    }

    fn build(&self, task: &Task<'_>, engine: Option<&Engine>, name: &str) -> Result<Made> {
        let recipe = self.recipes.get(name)?;
        let inputs = self.inputs(name)?;
        let work = self.store.work(name)?;
        let out = work.path().join("out");
        std::fs::create_dir(&out).map_err(|e| Error::io("create", &out, &e))?;
        let image_id = match &recipe.kind {
            Kind::Go(go) => {
                let _permit = self.go_builds.take(task)?;
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
            Kind::Image(image) => Some(self.build_image(task, engine, image, inputs, work.path(), &out)?),
            Kind::Layers(layers) => Some(self.build_layers(task, layers, inputs, &out)?),
        };
        task.check()?;
        let platform = self.platform(&recipe.kind);
        self.store.put(&out, Described { recipe, platform, inputs, image_id })
    }

    /// The artifact that another one is made of; it was made or taken before.
    pub(super) fn used(&self, name: &str) -> Result<Made> {
        let made = self.cached(name)?;
        made.ok_or_else(|| Error::failed(format!("{name} is no longer in the cache")))
    }
}

/// An artifact that is being built; ends even if its thread panics, so that no other thread waits for ever.
struct Turn<'a>(&'a Run<'a>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.board().running -= 1;
        self.0.changed.notify_all();
    }
}

impl Run<'_> {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one artifact after another until all are begun, or one failed.
    fn work(&self, task: &Task<'_>) {
        let task = Task { cancel: &self.stop, ..task.clone() };
        while let Some(name) = self.next() {
            let _turn = Turn(self);
            let result = self.source.make_one(&task, self.engine, &name);
            let mut board = self.board();
            match result {
                Ok(_) => {
                    board.made.insert(name.clone());
                    let done = board.made.len() as u64;
                    task.progress(
                        Some(done),
                        Some(self.total),
                        format!("{done} of {} artifacts: {name}", self.total),
                    );
                }
                Err(error) => {
                    // The first one counts: the others fail as they are asked to stop.
                    board.error.get_or_insert(error);
                    self.stop.cancel(Reason::Abandoned);
                }
            }
        }
    }

    /// Waits for the end. What stops the task stops the workers; what stops one worker stops the
    /// other workers only.
    fn guard(&self, outer: &Cancel) {
        let mut board = self.board();
        while board.running > 0 || (board.error.is_none() && !board.waiting.is_empty()) {
            if let Some(reason) = outer.reason() {
                self.stop.cancel(reason);
            }
            board = self.changed.wait_timeout(board, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next artifact whose parts are made; `None` when nothing is left to begin.
    fn next(&self) -> Option<String> {
        let mut board = self.board();
        loop {
            if board.error.is_some() || board.waiting.is_empty() {
                return None;
            }
            if let Some(index) = board.waiting.iter().position(|name| self.is_ready(name, &board.made)) {
                board.running += 1;
                return Some(board.waiting.remove(index));
            }
            if board.running == 0 {
                board.error = Some(Error::failed(format!("none of {:?} can be built", board.waiting)));
                return None;
            }
            board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_ready(&self, name: &str, made: &BTreeSet<String>) -> bool {
        let uses = self.source.recipes.get(name).map(|recipe| recipe.kind.uses()).unwrap_or_default();
        uses.iter().all(|used| made.contains(*used) || !self.wanted.contains(*used))
    }
}
