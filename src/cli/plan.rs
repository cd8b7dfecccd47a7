//! `plan` and `up --dry-run`: show what `up` would do and change.

use serde_json::{Value, json};

use super::context::{Context, print_json};
use super::up::{UpArgs, open_bundle};
use crate::cluster::Fit;
use crate::error::{Exit, Result};
use crate::steps::{self, Preview, Session};
use crate::ui::{Table, data};

pub(crate) fn run(context: &Context<'_>, args: &UpArgs) -> Result<Exit> {
    let bundle = open_bundle(context, args)?;
    let session = context.session_with(bundle.as_ref(), false, args.options())?;
    let plan = steps::up::plan(&session)?;
    if let Some(application) = &session.application {
        super::env::validate(context, &session, application)?;
    }
    let bench = context.silent()?;
    let mut previews = steps::preview(&plan, &session, &bench.task("plan"));
    let mut engine = previews.iter_mut().filter(|preview| preview.step == "engine");
    if let Some(error) = engine.find_map(|preview| preview.error.take()) {
        return Err(error);
    }
    // `up` would fail here as well, before it creates anything.
    let fit = if session.can_fit() { Some(session.fit()?) } else { None };
    if context.json() {
        return print_json(&document(&session, fit.as_ref(), &previews)?);
    }
    let mut table = Table::new(&["step", "state", "why"]);
    for preview in &previews {
        table.row([preview.title.as_str(), preview.state, preview.detail.as_str()]);
    }
    data(&table.render());
    let mut lines = fit.map(|fit| fit.lines()).unwrap_or_default();
    if session.application.is_some() {
        lines.push(format!("images are built for target {}", session.target()));
    }
    if !lines.is_empty() {
        data(&format!("\n{}\n", lines.join("\n")));
    }
    let effects: Vec<&String> = previews.iter().flat_map(|preview| &preview.effects).collect();
    if effects.is_empty() {
        data("\nNothing would change.\n");
        return Ok(Exit::Fine);
    }
    data("\nThis would change:\n");
    for effect in effects {
        data(&format!("  - {effect}\n"));
    }
    data("\nTo apply it:  todo-bootstrap up\n");
    Ok(Exit::Fine)
}

/// The plan as JSON: the selected preset and size (`null` if unknown yet), the requirements of each preset, and
/// the steps. CPU is in millicores, memory in bytes.
fn document(session: &Session, fit: Option<&Fit>, previews: &[Preview]) -> Result<Value> {
    let application = session.application.as_ref();
    let presets: Vec<Value> = session
        .candidates()?
        .iter()
        .map(|candidate| {
            let known = application.map(|application| application.presets.as_slice()).unwrap_or_default();
            let own = known.iter().find(|preset| Some(&preset.name) == candidate.preset.as_ref());
            let files = application.map(|application| application.values.clone()).unwrap_or_default();
            let files: Vec<_> = files.into_iter().chain(own.map(|preset| preset.values.clone())).collect();
            json!({
                "preset": candidate.preset,
                "values": files,
                "services": candidate.demand.as_ref().map(|demand| &demand.services),
            })
        })
        .collect();
    Ok(json!({
        "fit": fit,
        "overhead": session.overhead()?,
        "target": application.map(|_| session.target()),
        "chart": application.map(|application| &application.chart),
        "presets": presets,
        "steps": previews,
    }))
}
