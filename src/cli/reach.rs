//! Connecting to the running cluster, for the commands that need it.

use std::time::{Duration, Instant};

use super::context::Context;
use crate::cluster::State;
use crate::config::Application;
use crate::error::{Error, Exit, Kind, Result};
use crate::steps::Session;
use crate::steps::stop::{incomplete, lost};
use crate::task::Task;

/// Connects to the cluster of `session` after verifying that it is ours.
pub(crate) fn connect(session: &Session, task: &Task<'_>) -> Result<()> {
    let kubeconfig = session.kubeconfig();
    if !kubeconfig.is_file() {
        return Err(no_cluster(session));
    }
    let kube = crate::cluster::identity::connect(task, &kubeconfig, &session.receipt().instance)?;
    session.set_kube(kube);
    Ok(())
}

/// The error for a cluster without a kubeconfig.
pub(crate) fn no_cluster(session: &Session) -> Error {
    Error::failed(format!("there is no cluster `{}`", session.profile.cluster.name))
        .because(format!("{} does not exist", session.kubeconfig().display()))
        .help("todo-bootstrap up")
}

/// Like [`connect`]; if the cluster does not respond, the error gives the reason that the engine knows.
pub(crate) fn connect_or_explain(session: &Session, task: &Task<'_>) -> Result<()> {
    let Err(error) = connect(session, task) else { return Ok(()) };
    let final_error =
        error.kind() != Kind::Failed || !session.kubeconfig().is_file() || task.cancel.reason().is_some();
    Err(if final_error { error } else { explain(session, task).unwrap_or(error) })
}

/// Why the cluster does not respond, according to the engine.
fn explain(session: &Session, task: &Task<'_>) -> Option<Error> {
    let name = &session.profile.cluster.name;
    match session.detect_engine(task) {
        Ok(None) => {}
        Err(stopped) => return Some(stopped),
        Ok(Some(fault)) => {
            let error = fault.error(&session.facts);
            return Some(error.context(format!("cluster `{name}` is not running")).with_kind(Kind::Failed));
        }
    }
    match session.provider().and_then(|provider| provider.state(task)).ok()? {
        State::Lost { why } => Some(lost(name, why)),
        State::Stopped { why } => Some(
            Error::failed(format!("cluster `{name}` is stopped"))
                .because(why)
                .help("todo-bootstrap start   # starts it with all its data"),
        ),
        State::Absent => Some(incomplete(name, None)),
        State::Partial { why } => Some(incomplete(name, Some(why))),
        // The error of the connection is the best explanation.
        State::Running => None,
    }
}

/// The application of `session`; an error without one.
pub(crate) fn application(session: &Session) -> Result<&Application> {
    session.application.as_ref().ok_or_else(|| {
        Error::usage("no application found: there is no application.toml here, and none was deployed")
            .help("todo-bootstrap up --dir DIR   # a folder with an application.toml; see examples/")
    })
}

/// A task without a deadline, unless `--timeout` was given.
pub(crate) fn until_stopped<'t>(context: &Context<'_>, task: &Task<'t>) -> Task<'t> {
    const FOREVER: Duration = Duration::from_secs(3650 * 24 * 3600);
    if context.global.timeout != super::DEFAULT_TIMEOUT {
        return task.clone();
    }
    Task { deadline: Instant::now() + FOREVER, ..task.clone() }
}

/// The exit of a command that runs until it is stopped: Ctrl-C and the end of `--timeout` are not errors.
pub(crate) fn ended(task: &Task<'_>, result: Result<()>) -> Result<Exit> {
    match result {
        Ok(()) => Ok(Exit::Fine),
        Err(error) if error.kind() == Kind::Interrupted => Ok(Exit::Interrupted),
        Err(_) if task.remaining().is_zero() => Ok(Exit::Fine),
        Err(error) => Err(error),
    }
}

/// Fails if the engine has a cluster of this name that is not ours. Does nothing if the engine does not respond.
pub(crate) fn refuse_foreign(context: &Context<'_>, session: &Session) -> Result<()> {
    let bench = context.silent()?;
    let task = bench.task("engine");
    if session.detect_engine(&task)?.is_some() {
        return Ok(());
    }
    match session.provider().and_then(|provider| provider.state(&task)) {
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Interrupted) => Err(error),
        _ => Ok(()),
    }
}
