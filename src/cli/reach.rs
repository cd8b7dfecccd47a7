//! What commands that need a running cluster share: the connection, and the address.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use crate::cluster::State;
use crate::config::Application;
use crate::engine::Engine;
use crate::error::{Error, Exit, Kind, Result};
use crate::progress::Silent;
use crate::steps::Session;
use crate::task::Task;

/// Connects to the cluster of this session and proves that it is ours.
pub(crate) fn connect(session: &Session, task: &Task<'_>) -> Result<()> {
    let kubeconfig = session.kubeconfig();
    if !kubeconfig.is_file() {
        return Err(Error::failed(format!("there is no cluster `{}`", session.profile.cluster.name))
            .because(format!("{} does not exist", kubeconfig.display()))
            .help("todo-bootstrap up"));
    }
    let kube = crate::cluster::identity::connect(task, &kubeconfig, &session.receipt().instance)?;
    session.set_kube(kube);
    Ok(())
}

/// As [`connect`]; where the cluster does not answer, the engine is asked why.
pub(crate) fn connect_or_explain(context: &Context<'_>, session: &Session, task: &Task<'_>) -> Result<()> {
    let Err(error) = connect(session, task) else { return Ok(()) };
    let silent =
        error.kind() != Kind::Failed || !session.kubeconfig().is_file() || task.cancel.reason().is_some();
    Err(if silent { error } else { explain(context, session, task).unwrap_or(error) })
}

/// Why the cluster does not answer, as far as the engine knows.
fn explain(context: &Context<'_>, session: &Session, task: &Task<'_>) -> Option<Error> {
    let name = &session.profile.cluster.name;
    let engine = match Engine::detect(task, context.world, &session.facts) {
        Ok(Ok(engine)) => engine,
        Err(stopped) => return Some(stopped),
        Ok(Err(fault)) => {
            let error = fault.error(&session.facts);
            return Some(error.context(format!("cluster `{name}` is not running")).with_kind(Kind::Failed));
        }
    };
    session.set_engine(engine);
    match session.provider().and_then(|provider| provider.state(task)).ok()? {
        State::Stopped => Some(
            Error::failed(format!("cluster `{name}` is stopped"))
                .help("todo-bootstrap start   # starts it with all its data"),
        ),
        State::Absent => Some(
            Error::failed(format!("cluster `{name}` no longer exists"))
                .because("its node container no longer exists")
                .help("todo-bootstrap up   # recreates it"),
        ),
        State::Partial { why } => Some(
            Error::failed(format!("cluster `{name}` is incomplete"))
                .because(why)
                .help("todo-bootstrap up   # recreates it"),
        ),
        // It runs and does not answer: what the connection said is all there is.
        State::Running => None,
    }
}

/// The application that this is about.
pub(crate) fn application(session: &Session) -> Result<&Application> {
    session.application.as_ref().ok_or_else(|| {
        Error::usage("no application found: there is no application.toml here, and none was deployed")
            .help("todo-bootstrap up --dir DIR   # a folder with an application.toml; see examples/")
    })
}

/// A task that lasts until the user ends it, unless `--timeout` was given.
pub(crate) fn until_stopped<'t>(context: &Context<'_>, task: &Task<'t>) -> Task<'t> {
    const AGE: Duration = Duration::from_hours(24 * 3650);
    if context.global.timeout != super::WHOLE {
        return task.clone();
    }
    Task { deadline: Instant::now() + AGE, ..task.clone() }
}

/// How a command that lasts until it is stopped ends: Ctrl-C and the end of `--timeout` are what
/// the user asked for, not errors.
pub(crate) fn ended(task: &Task<'_>, result: Result<()>) -> Result<Exit> {
    match result {
        Ok(()) => Ok(Exit::Fine),
        Err(error) if error.kind() == Kind::Interrupted => Ok(Exit::Interrupted),
        Err(_) if task.remaining().is_zero() => Ok(Exit::Fine),
        Err(error) => Err(error),
    }
}

/// Fails where the engine has a cluster of this name that is not ours: before anything is made, and
/// where there is no receipt, so that nobody takes it for gone. An engine that does not answer has none.
pub(crate) fn refuse_foreign(context: &Context<'_>, session: &Session) -> Result<()> {
    let bench = context.bench(Arc::new(Silent), None)?;
    let task = bench.task("engine");
    if session.engine().is_err() {
        match Engine::detect(&task, context.world, &session.facts)? {
            Ok(engine) => session.set_engine(engine),
            Err(_) => return Ok(()),
        }
    }
    match session.provider().and_then(|provider| provider.state(&task)) {
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Interrupted) => Err(error),
        _ => Ok(()),
    }
}
