//! The context of a command: its flags, its environment, and the session created from them.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
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
use crate::engine::Preference;
use crate::error::{Error, Exit, Result};
use crate::exec::{ProcessLog, Runner, System};
use crate::host;
use crate::origins::{Mirror, Origins, RegistryMirrors, Trust};
use crate::process_env::ProcessEnv;
use crate::progress::{Event, Reporter, Silent, State};
use crate::steps::{self, ClusterLock, Inputs, Journal, Plan, Receipt, Session, UpOptions};
use crate::task::Task;
use crate::ui::Ui;

pub(crate) struct Context<'a> {
    pub global: &'a Global,
    pub process_env: &'a ProcessEnv,
    pub ui: &'a Ui,
    /// Whether the warning about overridden pins was printed.
    pins_reported: Rc<Cell<bool>>,
    /// Created at its first use.
    process: Rc<OnceCell<Process>>,
}

/// The parts that exist once per process: a signal cancels all later parts of a command as well.
struct Process {
    cancel: Cancel,
    runtime: Runtime,
}

/// The files that a command reads.
struct Sources {
    paths: Paths,
    data: Data,
    versions: Versions,
    profile: Profile,
    receipt: Option<Receipt>,
    application: Option<Application>,
}

/// Owns the parts of a [`Task`] while a command runs.
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
    pub fn new(global: &'a Global, process_env: &'a ProcessEnv, ui: &'a Ui) -> Self {
        Self { global, process_env, ui, pins_reported: Rc::default(), process: Rc::default() }
    }

    /// The same command with other flags.
    pub fn with<'b>(&self, global: &'b Global) -> Context<'b>
    where
        'a: 'b,
    {
        let (pins_reported, process) = (self.pins_reported.clone(), self.process.clone());
        Context { global, process_env: self.process_env, ui: self.ui, pins_reported, process }
    }

    pub fn json(&self) -> bool {
        self.global.output == Output::Json
    }

    pub fn paths(&self) -> Result<Paths> {
        Paths::new(self.process_env)
    }

    /// The project: `--dir`, else the current folder if it contains one, else the project of the last `up`.
    fn project(&self, receipt: Option<&Receipt>) -> Result<Option<Application>> {
        if let Some(dir) = &self.global.dir {
            let dir = self.process_env.cwd.join(dir);
            let dir = std::path::absolute(&dir).unwrap_or(dir);
            let application = Application::load(&dir)?.ok_or_else(|| {
                Error::usage(format!("{} is not a project: it has no application.toml", dir.display()))
                    .help("todo-bootstrap up --dir DIR   # a folder with an application.toml; see examples/")
            })?;
            return Ok(Some(application));
        }
        if let Some(application) = Application::load(&self.process_env.cwd)? {
            return Ok(Some(application));
        }
        let last = receipt.and_then(|receipt| receipt.application.as_ref()).filter(|dir| dir.is_dir());
        last.map_or(Ok(None), |dir| Application::load(dir))
    }

    /// The profile: `--profile`, else the profile of the only existing cluster, else `kind`.
    fn profile(&self, data: &Data, paths: &Paths) -> Result<Profile> {
        if let Some(reference) = &self.global.profile {
            return Profile::load(reference, data, self.process_env);
        }
        let clusters = std::fs::read_dir(paths.state.join("clusters")).into_iter().flatten().flatten();
        let receipts: Vec<Receipt> =
            clusters.filter_map(|entry| Receipt::load(&entry.path()).ok().flatten()).collect();
        match receipts.as_slice() {
            [only] => Profile::load(&only.profile, data, self.process_env),
            // kind needs nothing but an engine.
            _ => Profile::load("kind", data, self.process_env),
        }
    }

    fn sources(&self) -> Result<Sources> {
        let paths = self.paths()?;
        let profile = self.profile(&Data::new(self.overlay()), &paths)?;
        let receipt = Receipt::load(&paths.cluster(&profile.cluster.name))?;
        let application = self.project(receipt.as_ref())?;
        let recorded = receipt.as_ref().and_then(|receipt| receipt.environment.as_deref());
        let application = application.map(|application| application.in_recorded(recorded));
        let data = Data::new(application.as_ref().map(|application| application.dir.clone()));
        let versions = Versions::load(&data)?;
        Ok(Sources { paths, data, versions, profile, receipt, application })
    }

    /// The minimum resources for the profile and the application that the flags select.
    pub fn least_need(&self) -> Result<Need> {
        let Sources { data, versions, profile, application, .. } = self.sources()?;
        steps::least_need(&data, &versions, &profile, application.as_ref())
    }

    /// What selects the engine; nothing if the profile or the receipt cannot be read.
    pub fn engine_preference(&self) -> Preference {
        let Ok(Sources { profile, receipt, .. }) = self.sources() else { return Preference::default() };
        let driver = profile.cluster.driver.clone();
        receipt.map_or(Preference { made_by: None, driver }, |receipt| receipt.preference(&profile))
    }

    /// The pins of the project and their end of support; the built-in pins if the project's cannot be read.
    pub fn pinned(&self) -> Result<Pinned> {
        let today = (self.process_env.now)().to_zoned(TimeZone::UTC).date();
        let own = self.sources().and_then(|Sources { data, .. }| Pinned::load(&data, today));
        own.or_else(|_| Pinned::load(&Data::default(), today))
    }

    /// Reads and checks all inputs of a command. Changes nothing.
    pub fn session(&self) -> Result<Arc<Session>> {
        self.session_with(None, false, UpOptions::default())
    }

    /// Like [`Context::session`], with a bundle, the user's consent and the options of `up`.
    pub fn session_with(
        &self,
        bundle: Option<&Bundle>,
        consent: bool,
        options: UpOptions,
    ) -> Result<Arc<Session>> {
        let Sources { paths, data, versions, profile, receipt, mut application } = self.sources()?;
        let asked = options.environment.as_deref();
        application = application.map(|application| application.in_environment(asked)).transpose()?;
        if options.mock {
            application = application.map(Application::mocked).transpose()?;
        }
        let facts = host::probe(self.process_env, &paths.cache);
        let (bundle, trust) = (bundle.cloned(), self.trust()?);
        let origins = Origins::new(self.process_env, &paths, &data, &versions, &facts, bundle, trust)?;
        self.report_pins(&origins);
        let process_env = self.process_env.clone();
        let inputs = Inputs {
            process_env,
            data,
            paths,
            versions,
            profile,
            application,
            facts,
            origins,
            consent,
            options,
        };
        Session::new(inputs, receipt).map(Arc::new)
    }

    /// The session of a command that changes the cluster. It takes the lock before it reads the state of
    /// the cluster, so that it never writes back stale data.
    pub fn locked(&self) -> Result<(ClusterLock, Arc<Session>)> {
        self.locked_with(None, false, &UpOptions::default())
    }

    /// Like [`Context::locked`], with the arguments of [`Context::session_with`].
    pub fn locked_with(
        &self,
        bundle: Option<&Bundle>,
        consent: bool,
        options: &UpOptions,
    ) -> Result<(ClusterLock, Arc<Session>)> {
        let paths = self.paths()?;
        loop {
            let profile = self.profile(&Data::new(self.overlay()), &paths)?;
            let lock = ClusterLock::take(&paths.lock(&profile.cluster.name))?;
            let session = self.session_with(bundle, consent, options.clone())?;
            // Receipts determine the cluster, and another command may have written or deleted one since.
            if session.profile.cluster.name == profile.cluster.name {
                if let Some(warning) = &lock.warning {
                    self.ui.warn(warning);
                }
                return Ok((lock, session));
            }
        }
    }

    fn overlay(&self) -> Option<PathBuf> {
        self.global.dir.as_ref().map(|dir| self.process_env.cwd.join(dir))
    }

    /// The trust settings from the flags, else from the environment.
    pub fn trust(&self) -> Result<Trust> {
        let (global, process_env) = (self.global, self.process_env);
        let mirror = global.mirror.as_deref().or_else(|| process_env.var("TODO_BOOTSTRAP_MIRROR"));
        let pins = global.pins.clone().or_else(|| process_env.var("TODO_BOOTSTRAP_PINS").map(PathBuf::from));
        let strict =
            process_env.var("TODO_BOOTSTRAP_STRICT").is_some_and(|value| value != "0" && value != "false");
        let variable = process_env.var("TODO_BOOTSTRAP_REGISTRY_MIRROR").unwrap_or_default();
        let given = global.registry_mirror.iter().map(String::as_str);
        let registries: Vec<&str> =
            if global.registry_mirror.is_empty() { variable.split(',').collect() } else { given.collect() };
        Ok(Trust {
            registry_mirrors: RegistryMirrors::parse(registries.into_iter())?,
            mirror: mirror.map(|text| Mirror::parse(text, &process_env.cwd)).transpose()?,
            strict: global.strict || strict,
            allow_unpinned: global.allow_unpinned,
            pins: pins.map(|dir| process_env.cwd.join(dir)),
        })
    }

    /// Warns once per run that pins override the built-in ones.
    fn report_pins(&self, origins: &Origins) {
        let given = origins.pins().given();
        if given.is_empty() || self.pins_reported.replace(true) {
            return;
        }
        let message = format!("these pins override the built-in ones: {}", given.join(", "));
        self.ui.reporter(&[]).report(&Event::new("pins", State::Warning, message));
    }

    /// A bench that shows progress.
    pub fn bench(&self) -> Result<Bench> {
        self.bench_with(self.ui.reporter(&[]), None)
    }

    /// A bench that shows no progress, for probes whose result alone is of interest.
    pub fn silent(&self) -> Result<Bench> {
        self.bench_with(Arc::new(Silent), None)
    }

    /// Executes the plan of `command`, with its journal in `dir`. Returns the number of steps that had work.
    pub fn execute(
        &self,
        session: &Session,
        plan: &Plan,
        command: &str,
        dir: &Path,
        most: usize,
    ) -> Result<usize> {
        let journal = Arc::new(Journal::open(dir, command)?);
        let reporter = self.ui.reporter_expecting(&plan.titles(), plan.downloads.clone());
        let bench = self.bench_with(reporter, Some(journal.clone()))?;
        steps::execute(plan, session, &bench.task(command), &journal, most)
    }

    /// A bench that reports to `reporter` and records the processes that it starts in `log`.
    pub fn bench_with(&self, reporter: Arc<dyn Reporter>, log: Option<Arc<dyn ProcessLog>>) -> Result<Bench> {
        let Process { cancel, runtime } = self.process()?;
        let (cancel, runtime) = (cancel.clone(), runtime.handle().clone());
        let deadline = Instant::now() + self.global.timeout;
        Ok(Bench {
            runner: System::new(log, self.process_env.env.clone()),
            reporter,
            cancel,
            runtime,
            deadline,
        })
    }

    fn process(&self) -> Result<&Process> {
        if let Some(process) = self.process.get() {
            return Ok(process);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Error::failed("cannot start the asynchronous runtime").because(error))?;
        let cancel = Cancel::default();
        super::interrupt::watch(&cancel);
        Ok(self.process.get_or_init(|| Process { cancel, runtime }))
    }
}

/// Prints a result as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<Exit> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::failed("cannot print the result as JSON").because(error))?;
    crate::ui::data(&format!("{text}\n"));
    Ok(Exit::Fine)
}
