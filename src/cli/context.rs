//! What every command starts from: the flags, the world, and the session made of them.

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use tokio::runtime::{Handle, Runtime};

use super::{Global, Output};
use crate::bundle::Bundle;
use crate::cancel::Cancel;
use crate::cluster::Need;
use crate::config::{Application, Paths, Profile, Versions};
use crate::data::Data;
use crate::doctor::Pinned;
use crate::error::{Error, Result};
use crate::exec::{ProcessLog, Runner, System};
use crate::host::{self, Facts};
use crate::origins::{Mirror, Origins, Trust};
use crate::progress::{Event, Reporter, State};
use crate::steps::{self, ClusterLock, Parts, Receipt, Session, Wishes};
use crate::task::Task;
use crate::ui::Ui;
use crate::world::World;

pub(crate) struct Context<'a> {
    pub global: &'a Global,
    pub world: &'a World,
    pub ui: &'a Ui,
    /// Whether it was said that other pins than the program's count.
    told: Rc<Cell<bool>>,
    /// Made at its first use.
    work: Rc<OnceCell<Work>>,
}

/// What there is once in a process: a signal that came in one part of a command counts in the next.
struct Work {
    cancel: Cancel,
    runtime: Runtime,
}

/// The files that a command works from.
struct Sources {
    paths: Paths,
    data: Data,
    versions: Versions,
    profile: Profile,
    receipt: Option<Receipt>,
    application: Option<Application>,
}

/// What lends a [`Task`] its parts, for as long as a command runs.
pub(crate) struct Bench {
    runner: System,
    reporter: Arc<dyn Reporter>,
    cancel: Cancel,
    runtime: Handle,
    deadline: Instant,
}

impl Bench {
    pub fn task<'b>(&'b self, step: &'b str) -> Task<'b> {
        Task {
            step,
            runner: &self.runner as &dyn Runner,
            reporter: self.reporter.as_ref(),
            cancel: &self.cancel,
            runtime: &self.runtime,
            deadline: self.deadline,
        }
    }
}

impl<'a> Context<'a> {
    pub fn new(global: &'a Global, world: &'a World, ui: &'a Ui) -> Self {
        Self { global, world, ui, told: Rc::default(), work: Rc::default() }
    }

    /// The same command with other flags.
    pub fn with<'b>(&self, global: &'b Global) -> Context<'b>
    where
        'a: 'b,
    {
        Context { global, world: self.world, ui: self.ui, told: self.told.clone(), work: self.work.clone() }
    }

    pub fn json(&self) -> bool {
        self.global.output == Output::Json
    }

    pub fn paths(&self) -> Result<Paths> {
        Paths::new(self.world)
    }

    /// The project: `--dir`, else this folder if it holds one, else that of the last `up`.
    fn project(&self, receipt: Option<&Receipt>) -> Result<Option<Application>> {
        if let Some(dir) = &self.global.dir {
            let dir = self.world.cwd.join(dir);
            let dir = std::path::absolute(&dir).unwrap_or(dir);
            let application = Application::load(&dir)?.ok_or_else(|| {
                Error::usage(format!("{} is not a project: it has no application.toml", dir.display()))
                    .help("todo-bootstrap up --dir DIR   # a folder with an application.toml; see examples/")
            })?;
            return Ok(Some(application));
        }
        if let Some(application) = Application::load(&self.world.cwd)? {
            return Ok(Some(application));
        }
        let last = receipt.and_then(|receipt| receipt.application.as_ref()).filter(|dir| dir.is_dir());
        last.map_or(Ok(None), |dir| Application::load(dir))
    }

    /// The profile: `--profile`, else that of the only cluster, else `kind`.
    fn profile(&self, data: &Data, paths: &Paths) -> Result<Profile> {
        if let Some(reference) = &self.global.profile {
            return Profile::load(reference, data, self.world);
        }
        let clusters = std::fs::read_dir(paths.state.join("clusters")).into_iter().flatten().flatten();
        let receipts: Vec<Receipt> =
            clusters.filter_map(|entry| Receipt::load(&entry.path()).ok().flatten()).collect();
        match receipts.as_slice() {
            [only] => Profile::load(&only.profile, data, self.world),
            // It needs nothing but an engine.
            _ => Profile::load("kind", data, self.world),
        }
    }

    fn sources(&self) -> Result<Sources> {
        let paths = self.paths()?;
        let profile = self.profile(&Data::new(self.overlay()), &paths)?;
        let receipt = Receipt::load(&paths.cluster(&profile.cluster.name))?;
        let application = self.project(receipt.as_ref())?;
        let data = Data::new(application.as_ref().map(|application| application.dir.clone()));
        let versions = Versions::load(&data)?;
        Ok(Sources { paths, data, versions, profile, receipt, application })
    }

    /// The least that a machine must have for what these flags name.
    pub fn least_need(&self) -> Result<Need> {
        let Sources { data, versions, profile, application, .. } = self.sources()?;
        steps::least_need(&data, &versions, &profile, application.as_ref())
    }

    /// The pins of the project, and until when they are supported; the program's own where the
    /// project's cannot be read.
    pub fn pinned(&self) -> Result<Pinned> {
        let today = (self.world.now)().to_zoned(TimeZone::UTC).date();
        let own = self.sources().and_then(|Sources { data, .. }| Pinned::load(&data, today));
        own.or_else(|_| Pinned::load(&Data::default(), today))
    }

    /// Everything about this command, read and checked; nothing is changed by it.
    pub fn session(&self, bundle: Option<&Bundle>, consent: bool) -> Result<Arc<Session>> {
        self.session_with(bundle, consent, Wishes::default())
    }

    /// As [`Context::session`], with what `--preset`, `--target` and `--mock` say.
    pub fn session_with(
        &self,
        bundle: Option<&Bundle>,
        consent: bool,
        wishes: Wishes,
    ) -> Result<Arc<Session>> {
        let Sources { paths, data, versions, profile, receipt, mut application } = self.sources()?;
        if wishes.mock {
            application = application.map(Application::mocked).transpose()?;
        }
        let facts = self.facts(&paths);
        let (bundle, trust) = (bundle.cloned(), self.trust()?);
        let origins = Origins::new(self.world, &paths, &data, &versions, &facts, bundle, trust)?;
        self.tell_of_pins(&origins);
        let world = self.world.clone();
        let parts = Parts {
            world,
            data,
            paths,
            versions,
            profile,
            receipt,
            application,
            facts,
            origins,
            consent,
            wishes,
        };
        Session::new(parts).map(Arc::new)
    }

    /// The session of a command that changes the cluster: the lock is taken before anything of the
    /// cluster is read, so that nothing old is written back.
    pub fn locked(
        &self,
        bundle: Option<&Bundle>,
        consent: bool,
        wishes: &Wishes,
    ) -> Result<(ClusterLock, Arc<Session>)> {
        let paths = self.paths()?;
        loop {
            let profile = self.profile(&Data::new(self.overlay()), &paths)?;
            let lock = ClusterLock::take(&paths.lock(&profile.cluster.name))?;
            let session = self.session_with(bundle, consent, wishes.clone())?;
            // Which cluster is meant follows from receipts: a command that ended meanwhile may have
            // written or deleted one.
            if session.profile.cluster.name == profile.cluster.name {
                if let Some(warning) = &lock.warning {
                    self.ui.warn(warning);
                }
                return Ok((lock, session));
            }
        }
    }

    fn overlay(&self) -> Option<PathBuf> {
        self.global.dir.as_ref().map(|dir| self.world.cwd.join(dir))
    }

    /// What the flags, else the environment, say of origins that are to be trusted or not.
    pub fn trust(&self) -> Result<Trust> {
        let (global, world) = (self.global, self.world);
        let mirror = global.mirror.as_deref().or_else(|| world.var("TODO_BOOTSTRAP_MIRROR"));
        let pins = global.pins.clone().or_else(|| world.var("TODO_BOOTSTRAP_PINS").map(PathBuf::from));
        let strict = world.var("TODO_BOOTSTRAP_STRICT").is_some_and(|value| value != "0" && value != "false");
        Ok(Trust {
            mirror: mirror.map(|text| Mirror::parse(text, &world.cwd)).transpose()?,
            strict: global.strict || strict,
            allow_unpinned: global.allow_unpinned,
            pins: pins.map(|dir| world.cwd.join(dir)),
        })
    }

    /// Says, once in each run, that what is believed is not what this program came with.
    fn tell_of_pins(&self, origins: &Origins) {
        let given = origins.pins().given();
        if given.is_empty() || self.told.replace(true) {
            return;
        }
        let message = format!("these pins override the built-in ones: {}", given.join(", "));
        let (step, state) = ("pins".to_owned(), State::Warning);
        self.reporter().report(&Event { step, state, current: None, total: None, message });
    }

    pub fn facts(&self, paths: &Paths) -> Facts {
        host::probe(self.world, &paths.cache)
    }

    /// The means to work with: processes that are started go to `log`.
    pub fn bench(&self, reporter: Arc<dyn Reporter>, log: Option<Arc<dyn ProcessLog>>) -> Result<Bench> {
        let Work { cancel, runtime } = self.work()?;
        let (cancel, runtime) = (cancel.clone(), runtime.handle().clone());
        let deadline = Instant::now() + self.global.timeout;
        Ok(Bench { runner: System::new(log, self.world.env.clone()), reporter, cancel, runtime, deadline })
    }

    fn work(&self) -> Result<&Work> {
        if let Some(work) = self.work.get() {
            return Ok(work);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Error::failed("cannot start the asynchronous runtime").because(error))?;
        let cancel = Cancel::default();
        super::interrupt::watch(&cancel);
        Ok(self.work.get_or_init(|| Work { cancel, runtime }))
    }

    /// A reporter for work that is no plan.
    pub fn reporter(&self) -> Arc<dyn Reporter> {
        self.ui.reporter(&[])
    }
}

/// Prints a result as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::failed("cannot print the result as JSON").because(error))?;
    crate::ui::data(&format!("{text}\n"));
    Ok(())
}
