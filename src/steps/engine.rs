//! Step `engine`: a container engine runs and responds.

use serde::{Deserialize, Serialize};

use super::{Depth, HostReceipt, Orphan, Probe, Revert, Session, Step};
use crate::engine::{self, Engine, Fault, Installed};
use crate::error::Result;
use crate::task::Task;

/// The receipt of the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineMade {
    #[serde(flatten)]
    pub installed: Installed,
    /// The daemon that we started: its process id, and its start time (seconds since the epoch).
    pub daemon: Option<(u32, u64)>,
}

pub struct EngineStep;

/// Fails if the application's images must be built and `engine` cannot build them.
pub fn able_to_build(session: &Session, engine: &Engine) -> Result<()> {
    if session.origins.has_bundle() {
        return Ok(());
    }
    let mut specs = session.application.iter().flat_map(|application| &application.images);
    specs.try_for_each(|spec| engine.can_build(&session.facts, &spec.dockerfile))
}

/// Fails if a cluster cannot run in `engine`, or it cannot build the application's images.
pub fn usable(session: &Session, engine: &Engine) -> Result<()> {
    match engine.unfit(&session.facts) {
        Some(fault) => Err(fault.error(&session.facts)),
        None => able_to_build(session, engine),
    }
}

impl Step for EngineStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        if session.engine().is_ok() {
            return Vec::new();
        }
        vec![
            "installs the container engine with the system's package manager, if there is none".to_owned(),
            "starts the container engine, if it is not running".to_owned(),
        ]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        match session.detect_engine(task)? {
            Some(fault) if fault.can_start() => return Ok(Probe::Needed(fault.title().to_owned())),
            Some(fault) => return Err(fault.error(&session.facts)),
            None => {}
        }
        let engine = session.engine()?;
        usable(session, engine)?;
        Ok(Probe::Done(format!("{} {}", engine.name, engine.version)))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let Some(fault) = session.detect_engine(task)? else { return Ok("answers".to_owned()) };
        if !session.consent || !engine::fix(&fault, &session.facts).automatic {
            return Err(fault.error(&session.facts));
        }
        if let Fault::Beside { other, .. } = &fault {
            task.warn(format!(
                "Docker is started, although {other} works; to use that: {}",
                engine::USE_PODMAN
            ));
        }
        let state = &session.paths.state;
        let did = if fault == Fault::Absent {
            let made = HostReceipt::load(state)?.made.engine.installed;
            let record =
                |made: &Installed| session.record_host(|host| host.made.engine.installed = made.clone());
            let done = engine::install(task, &session.facts, &session.data, made, &record)?;
            format!("installed {}", done.packages.join(", "))
        } else {
            "started".to_owned()
        };
        // A daemon that is running already may be the one that an earlier run started and recorded.
        if let Some(pid) = engine::start(task, &session.process_env, &session.facts, state)? {
            session.record_host(|host| host.made.engine.daemon = started(pid))?;
        }
        Ok(did)
    }
}

impl Revert for EngineStep {
    fn losses(&self, session: &Session, depth: Depth) -> Vec<String> {
        if depth == Depth::Cluster {
            return Vec::new();
        }
        let receipt = HostReceipt::load(&session.paths.state).ok();
        let EngineMade { installed, daemon } = receipt.map(|receipt| receipt.made.engine).unwrap_or_default();
        let packages = installed.packages.iter().map(|package| format!("removes the package {package}"));
        let files = installed.files.iter().map(|file| format!("deletes {}", file.display()));
        let daemon = daemon.map(|(pid, _)| format!("stops the container engine (pid {pid})"));
        packages.chain(files).chain(daemon).collect()
    }

    fn revert(&self, session: &Session, task: &Task<'_>, _depth: Depth) -> Result<String> {
        let EngineMade { installed, daemon } = HostReceipt::load(&session.paths.state)?.made.engine;
        if let Some((pid, started)) = daemon {
            let daemon = Orphan { pid, started, purpose: String::new() };
            if daemon.is_running() {
                engine::halt(task, pid)?;
            }
        }
        engine::uninstall(task, &installed)?;
        session.record_host(|host| host.made.engine = EngineMade::default())?;
        Ok("removed".to_owned())
    }
}

fn started(pid: u32) -> Option<(u32, u64)> {
    Some((pid, super::journal::start_time(pid)?))
}
