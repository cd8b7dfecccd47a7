//! `start`: a cluster that was stopped works again, and is proved to. It is `up` for a cluster that
//! is there, with the profile, the application and the preset that it was made with.

use std::sync::Arc;

use super::context::Context;
use super::reach::refuse_foreign;
use super::up::{self, UpArgs};
use crate::cluster::State;
use crate::engine::Engine;
use crate::error::{Error, Exit, Result};
use crate::progress::Silent;
use crate::steps::{Receipt, Session};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let seen = context.session(None, false)?;
    if !seen.is_recorded() {
        refuse_foreign(context, &seen)?;
    }
    let receipt = recorded(&seen)?;
    let mut global = context.global.clone();
    global.profile.get_or_insert_with(|| receipt.profile.clone());
    if global.dir.is_none() {
        global.dir = receipt.application.clone().filter(|dir| dir.is_dir());
    }
    let made_with = &context.with(&global);
    let args =
        UpArgs { dry_run: false, preset: None, target: None, mock: false, bundle: None, bundle_sha256: None };
    let (lock, session) = made_with.locked(None, global.yes, &args.wishes())?;
    if recorded(&session)? != receipt {
        // Another command wrote it meanwhile: what it says now counts.
        drop((lock, session));
        return run(context);
    }
    let context = made_with;
    let bench = context.bench(Arc::new(Silent), None)?;
    let task = bench.task("start");
    // An engine that does not answer is started by `up`, if the user agrees.
    if let Ok(engine) = Engine::detect(&task, context.world, &session.facts)? {
        session.set_engine(engine);
        let why = match session.provider()?.state(&task)? {
            State::Absent => Some("its node container no longer exists".to_owned()),
            State::Partial { why } => Some(why),
            State::Stopped | State::Running => None,
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

/// The receipt of the cluster; where there is none, there is nothing to start.
fn recorded(session: &Session) -> Result<Receipt> {
    if session.is_recorded() {
        return Ok(session.receipt());
    }
    let name = &session.profile.cluster.name;
    Err(Error::refused(format!("there is no cluster `{name}` to start")).help("todo-bootstrap up"))
}
