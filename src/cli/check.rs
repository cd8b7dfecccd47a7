//! `check`: runs the checks against the running cluster.

use super::context::{Context, print_json};
use super::reach::connect_or_explain;
use crate::engine::Engine;
use crate::error::{Exit, Result};
use crate::images::{self, Order};
use crate::steps::{self, ImageRef, Session};
use crate::task::Task;
use crate::ui::{Align, Table, data};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(context.reporter(), None)?;
    let task = bench.task("check");
    connect_or_explain(context, &session, &task)?;
    know_images(&session, &task, context);
    let specs = steps::check_specs(&session)?;
    let outcomes = steps::run_checks(&session, &task, &specs, false)?;
    // Checks that were cut short by Ctrl-C come back as failed ones.
    task.check()?;
    if context.json() {
        print_json(&outcomes)?;
    } else {
        let mut table = Table::new(&[
            ("", Align::Left),
            ("check", Align::Left),
            ("found", Align::Left),
            ("ms", Align::Right),
        ]);
        for outcome in &outcomes {
            let mark = if outcome.passed { "✓" } else { "✗" };
            table.row([
                mark.to_owned(),
                outcome.title.clone(),
                outcome.detail.clone(),
                outcome.millis.to_string(),
            ]);
        }
        data(&table.render());
    }
    match steps::check_failure(&outcomes) {
        None => Ok(Exit::Fine),
        Some(error) => Err(error),
    }
}

/// Tells the session which images the engine holds for the application, so that what runs can be
/// compared with what was built. Without an engine those checks say that they cannot know.
fn know_images(session: &Session, task: &Task<'_>, context: &Context<'_>) {
    let Some(application) = &session.application else { return };
    let Ok(engine) = Engine::detect(task, context.world, &session.facts) else { return };
    for spec in &application.images {
        let base = spec
            .base
            .as_deref()
            .and_then(|base| session.origins.present_image(task, &engine, base).ok()?.ok());
        let base = base.as_ref().map(|base| (base.reference.as_str(), base.id.as_str()));
        let order = Order { app: application, spec, target: session.target(), base };
        if let Ok(Ok(built)) = images::probe(task, &engine, &order) {
            session.set_image(&spec.name, ImageRef { reference: built.reference, id: built.id });
        }
    }
}
