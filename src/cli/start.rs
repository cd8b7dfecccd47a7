//! `start`: a cluster that was stopped works again, and is proved to. It is `up` for a cluster that
//! is there, with the profile, the application and the preset that it was made with.

use std::sync::Arc;

use super::context::Context;
use super::up::{self, UpArgs};
use crate::cluster::State;
use crate::engine::Engine;
use crate::error::{Error, Exit, Result};
use crate::progress::Silent;
use crate::steps::Receipt;

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let name = &session.profile.cluster.name;
    let receipt = Receipt::load(&session.dir())?;
    let receipt = receipt.ok_or_else(|| {
        Error::refused(format!("there is no cluster `{name}` to start")).help("todo-bootstrap up")
    })?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let task = bench.task("start");
    // An engine that does not answer is started by `up`, if the user agrees.
    if let Ok(engine) = Engine::detect(&task, context.world, &session.facts) {
        session.set_engine(engine);
        let why = match session.provider()?.state(&task)? {
            State::Absent => Some("the container that it was is not there any more".to_owned()),
            State::Partial { why } => Some(why),
            State::Stopped | State::Running => None,
        };
        if let Some(why) = why {
            return Err(Error::refused(format!("there is no whole cluster `{name}` to start"))
                .because(why)
                .help("todo-bootstrap up   # makes it anew"));
        }
    }
    let mut global = context.global.clone();
    global.profile.get_or_insert(receipt.profile);
    if global.dir.is_none() {
        global.dir = receipt.application.filter(|dir| dir.is_dir());
    }
    let args =
        UpArgs { dry_run: false, preset: None, target: None, mock: false, bundle: None, bundle_sha256: None };
    up::run(&Context::new(&global, context.world, context.ui), &args)
}
