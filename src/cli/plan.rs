//! `plan` and `up --dry-run`: show what `up` would do and change.

use serde_json::{Value, json};

use super::context::{Context, print_json};
use super::up::{UpArgs, duration, open_bundle};
use crate::cluster::Fit;
use crate::doctor::{Artifacts, BUNDLE, by_reason};
use crate::error::{Error, Exit, Result};
use crate::origins::{Forecast, Way};
use crate::steps::{self, Plan, Preview, Session};
use crate::task::Task;
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
    let artifacts = artifacts(context, &session, &plan, &previews, &bench.task("plan"))?;
    let end = verdict(&artifacts, previews.iter_mut().find_map(|preview| preview.error.take()));
    if context.json() {
        print_json(&document(&session, fit.as_ref(), &previews, &artifacts)?)?;
        return end;
    }
    let mut table = Table::new(&["step", "state", "why"]);
    for preview in &previews {
        table.row([preview.title.as_str(), preview.state, preview.detail.as_str()]);
    }
    data(&table.render());
    let mut lines = fit.as_ref().map(Fit::lines).unwrap_or_default();
    lines.extend(fit.iter().flat_map(Fit::warnings).map(|line| format!("warning: {line}")));
    if fit.is_some() {
        lines.extend(session.kept_replicas()?.iter().map(ToString::to_string));
    }
    let target =
        || session.application.as_ref().map(|app| format!("images are built for target {}", app.target()));
    lines.extend(session.environment_line().or_else(target));
    if !lines.is_empty() {
        data(&format!("\n{}\n", lines.join("\n")));
    }
    let effects: Vec<&String> = previews.iter().flat_map(|preview| &preview.effects).collect();
    if effects.is_empty() {
        data("\nNothing would change.\n");
        return end;
    }
    data("\nThis would change:\n");
    for effect in effects {
        data(&format!("  - {effect}\n"));
    }
    if !artifacts.forecasts.is_empty() {
        let sizes = artifacts.forecasts.iter().filter_map(|forecast| match forecast.way {
            Way::Fetched { bytes, .. } => Some(bytes),
            _ => None,
        });
        data(&format!("\ntools and images: {}{}\n", artifacts.summary(), duration(sizes)));
    }
    if end.is_ok() {
        data("\nTo apply it:  todo-bootstrap up\n");
    }
    end
}

/// The tools and images of steps that have work. The hosts of those that cannot be built here are asked.
fn artifacts(
    context: &Context<'_>,
    session: &Session,
    plan: &Plan,
    previews: &[Preview],
    task: &Task<'_>,
) -> Result<Artifacts> {
    let idle =
        |step: &str| previews.iter().any(|preview| preview.step == step && preview.state == "unchanged");
    if previews.iter().all(|preview| preview.state == "unchanged") {
        return Ok(Artifacts::default());
    }
    let mut forecasts = steps::forecasts(plan, session, task)?;
    forecasts.retain(|(step, _)| !idle(step));
    let forecasts: Vec<Forecast> = forecasts.into_iter().map(|(_, forecast)| forecast).collect();
    let bound: Vec<Forecast> = forecasts.iter().filter(|one| one.build.refusal.is_some()).cloned().collect();
    let answers = super::doctor::ask(context.process_env, task, &Artifacts::hosts(&bound))?;
    Ok(Artifacts { forecasts, answers })
}

/// An error if `up` would certainly fail.
fn verdict(artifacts: &Artifacts, failed: Option<Error>) -> Result<Exit> {
    let lost = artifacts.lost();
    if !lost.is_empty() {
        let error = Error::host("`up` cannot succeed: something that it needs is not available");
        let error = by_reason(&lost).into_iter().fold(error, Error::because);
        return Err(error.help("todo-bootstrap doctor").help(BUNDLE));
    }
    failed.map_or(Ok(Exit::Fine), Err)
}

/// The plan as JSON: the selected preset and size (`null` if unknown yet), the requirements of each preset, and
/// the steps. CPU is in millicores, memory in bytes.
fn document(
    session: &Session,
    fit: Option<&Fit>,
    previews: &[Preview],
    artifacts: &Artifacts,
) -> Result<Value> {
    let application = session.application.as_ref();
    let presets: Vec<Value> = session
        .candidates()?
        .iter()
        .map(|candidate| {
            let files = application.map(|application| {
                let own = application.values_of(candidate.preset.as_deref(), session.nodes_planned());
                [application.values.clone(), own].concat()
            });
            json!({
                "preset": candidate.preset,
                "values": files.unwrap_or_default(),
                "services": candidate.demand.as_ref().map(|demand| &demand.services),
            })
        })
        .collect();
    Ok(json!({
        "fit": fit,
        "overhead": session.overhead()?.sum(session.nodes_planned()),
        "environment": session.environment_name(),
        "target": application.map(|_| session.target()),
        "chart": application.map(|application| &application.chart),
        "presets": presets,
        "steps": previews,
        "artifacts": artifacts.json(),
    }))
}
