//! `start`: `up` for an existing cluster, with the profile, application and preset that it was created with.

use super::context::Context;
use super::reach::refuse_foreign;
use super::up::{self, UpArgs};
use crate::cluster::State;
use crate::error::{Error, Exit, Result};
use crate::steps::{Receipt, Session};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let seen = context.session()?;
    if !seen.is_recorded() {
        refuse_foreign(context, &seen)?;
    }
    let receipt = recorded(&seen)?;
    let mut global = context.global.clone();
    global.profile.get_or_insert_with(|| receipt.profile.clone());
    if global.dir.is_none() {
        global.dir = receipt.application.clone().filter(|dir| dir.is_dir());
    }
    let recorded_context = &context.with(&global);
    let args = UpArgs {
        dry_run: false,
        preset: None,
        nodes: None,
        environment: None,
        mock: false,
        bundle: None,
        bundle_sha256: None,
    };
    let (lock, session) = recorded_context.locked_with(None, global.yes, &args.options())?;
    if recorded(&session)? != receipt {
        // Another command changed the receipt meanwhile.
        drop((lock, session));
        return run(context);
    }
    let context = recorded_context;
    let bench = context.silent()?;
    let task = bench.task("start");
    // `up` starts an engine that does not respond, if the user agrees.
    if session.detect_engine(&task)?.is_none() {
        let why = match session.provider()?.state(&task)? {
            State::Absent => Some("its node container no longer exists".to_owned()),
            State::Partial { why } => Some(why),
            // `up` reports what is lost.
            State::Lost { .. } | State::Stopped { .. } | State::Running => None,
        };
        if let Some(why) = why {
            let name = &session.profile.cluster.name;
            return Err(Error::refused(format!("cannot start cluster `{name}`: it is incomplete"))
                .because(why)
                .help("todo-bootstrap up   # recreates it"));
        }
    }
    up::make(context, &args, session, None)
}

/// The receipt of the cluster; an error without one.
fn recorded(session: &Session) -> Result<Receipt> {
    if session.is_recorded() {
        return Ok(session.receipt());
    }
    let name = &session.profile.cluster.name;
    Err(Error::refused(format!("there is no cluster `{name}` to start")).help("todo-bootstrap up"))
}
