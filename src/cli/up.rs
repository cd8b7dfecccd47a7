//! `up`: creates everything that is missing, and verifies that it works.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::context::Context;
use crate::bundle::{Bundle, trust};
use crate::cluster::Fit;
use crate::config::MAX_NODES;
use crate::doctor::Artifacts;
use crate::engine::{self, Fault};
use crate::error::{Error, Exit, Kind, Result};
use crate::origins::{Forecast, Way};
use crate::progress::{Event, State};
use crate::quantity::{show_estimate, show_time};
use crate::steps::{self, Journal, Plan, Session, UpOptions};
use crate::ui;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Show what would be done and changed, without doing it
    #[arg(long)]
    pub dry_run: bool,
    /// Size of the application: one of its presets, or auto for the largest that fits
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Nodes of a new cluster (kind); all share the CPUs of this machine [default: that of the profile, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_NODES)))]
    pub nodes: Option<u32>,
    /// What the application is for: one of its environments [default: that of the last `up`, else its first one]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// Use mocks for external services in this `up`, regardless of .env
    #[arg(long)]
    pub mock: bool,
    /// Use the tools and images of a bundle (a directory or a .tar)
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// The sha256 that the bundle's manifest must have
    #[arg(long, value_name = "HEX", requires = "bundle")]
    pub bundle_sha256: Option<String>,
}

impl UpArgs {
    pub fn options(&self) -> UpOptions {
        UpOptions {
            preset: self.preset.clone(),
            nodes: self.nodes,
            environment: self.environment.clone(),
            mock: self.mock,
        }
    }
}

/// The number of steps that run in parallel. Most wait for the engine, the cluster or their turn on the network,
/// not for a processor: builds must find room beside all images and tools that wait.
const PARALLEL_STEPS: usize = 16;

/// 100 Mbit/s, in bytes per second: an example by which users can judge sizes.
const LINK: u64 = 12_500_000;

pub(crate) fn run(context: &Context<'_>, args: &UpArgs) -> Result<Exit> {
    let bundle = open_bundle(context, args)?;
    let (_lock, session) = context.locked_with(bundle.as_ref(), context.global.yes, &args.options())?;
    make(context, args, session, bundle.as_ref())
}

/// Runs `up`; the caller holds the lock of the cluster.
pub(super) fn make(
    context: &Context<'_>,
    args: &UpArgs,
    session: Arc<Session>,
    bundle: Option<&Bundle>,
) -> Result<Exit> {
    let began = Instant::now();
    super::env::validate(context, &session, super::reach::application(&session)?)?;
    let session = consented(context, args, session, bundle)?;
    if let Ok(engine) = session.engine() {
        steps::usable(&session, engine)?;
    }
    if context.global.profile.is_none() {
        let profile = &session.profile;
        context
            .ui
            .say(&format!("profile {}: {}   (change with --profile)", profile.name, profile.description));
    }
    if let Some(line) = session.environment_line() {
        context.ui.say(&line);
    }
    let mut plan = steps::up::plan(&session)?;
    let fit = report_fit(context, &session)?;
    announce(context, &session, &mut plan)?;
    if session.engine().is_ok() {
        super::reach::refuse_foreign(context, &session)?;
    }
    let dir = session.dir();
    end_orphans(context, &dir);
    let log = super::log::to_file(&dir)?;
    session.record(|receipt| {
        receipt.profile.clone_from(&session.profile.reference);
        receipt.application = session.application.as_ref().map(|app| app.dir.clone());
        if let Some(fit) = &fit {
            receipt.preset.clone_from(&fit.preset);
        }
        receipt.environment = session.environment_name().map(str::to_owned);
        receipt.saved = None;
    })?;
    let changed = context
        .execute(&session, &plan, "up", &dir, PARALLEL_STEPS)
        .map_err(|error| error.help(format!("see the log of all commands: {}", log.display())))?;
    if session.receipt().made.cluster.engine.is_none() {
        // An earlier version created the cluster.
        let engine = session.engine()?.name.clone();
        session.record(|receipt| receipt.made.cluster.engine = Some(engine))?;
    }
    summary(context, &session, changed, began.elapsed())?;
    offer_backup(context, &session)?;
    Ok(Exit::Fine)
}

/// Names the newest backup after a new cluster was created, and offers to restore it where somebody can answer:
/// `--yes` does not replace data.
fn offer_backup(context: &Context<'_>, session: &Session) -> Result<()> {
    let Some(application) = session.application.as_ref().filter(|_| session.is_new_cluster()) else {
        return Ok(());
    };
    let Some(backup) = steps::backup::shelf(session).newest(&application.name)? else { return Ok(()) };
    let created = backup.manifest.as_ref().map(|manifest| manifest.created.clone()).unwrap_or_default();
    let text = format!("There is a backup of {created}: todo-bootstrap restore {}", backup.name);
    context.ui.say(&text);
    event(context, "backup", text);
    if context.global.yes || context.global.events.is_some() || !context.process_env.can_ask() {
        return Ok(());
    }
    if ui::ask(context.process_env, "Restore it now?", "--yes")? {
        // The new cluster has no data yet that could be lost.
        super::restore::restore(context, session, &backup, true, false)?;
    }
    Ok(())
}

pub(crate) fn open_bundle(context: &Context<'_>, args: &UpArgs) -> Result<Option<Bundle>> {
    let Some(path) = &args.bundle else { return Ok(None) };
    let path = context.process_env.cwd.join(path);
    let bench = context.silent()?;
    let cache = context.paths()?.cache;
    let task = bench.task("bundle");
    let bundle = Bundle::open(&task, &path, args.bundle_sha256.as_deref(), &cache)?;
    bundle.verify(&task)?;
    require_trusted(context, args, &bundle, &path)?;
    Ok(Some(bundle))
}

/// A manifest proves that a bundle is intact, but not who created it: its origin needs a confirmation.
fn require_trusted(context: &Context<'_>, args: &UpArgs, bundle: &Bundle, path: &Path) -> Result<()> {
    if args.bundle_sha256.is_some() || trust::is_recorded(&context.paths()?.state, &bundle.sha256) {
        return Ok(());
    }
    let shown = path.display();
    let what = format!("the bundle {shown} is intact, but its origin is not verified");
    let help = "pass the digest that `bundle create` printed, as its creator gave it to you: \
                --bundle-sha256 HEX";
    if context.trust()?.strict {
        return Err(Error::refused(what).because("--strict was given").help(help));
    }
    context.ui.warn(&format!("{what}; {help}"));
    Ok(())
}

/// Detects the engine. If there is none, asks whether it may be installed or started, unless `--yes` was given.
/// Fails without an engine and without consent.
fn consented(
    context: &Context<'_>,
    args: &UpArgs,
    session: Arc<Session>,
    bundle: Option<&Bundle>,
) -> Result<Arc<Session>> {
    let bench = context.silent()?;
    let fault = match session.detect_engine(&bench.task("engine"))? {
        None => return Ok(session),
        // Installing or starting an engine would not help.
        Some(fault) if !fault.can_start() => return Err(fault.error(&session.facts)),
        Some(_) if session.consent => return Ok(session),
        Some(fault) => fault,
    };
    let fix = engine::fix(&fault, &session.facts);
    if !fix.automatic || !context.process_env.can_ask() {
        let error = fault.error(&session.facts);
        return Err(if fix.automatic {
            error.help("todo-bootstrap up --yes   # does it for you")
        } else {
            error
        });
    }
    context.ui.say(&format!("{}: {}", fault.title(), fix.explanation));
    let verb = if fault == Fault::Absent { "Install and start" } else { "Start" };
    if ui::ask(context.process_env, &format!("{verb} the container engine now?"), "--yes")? {
        return context.session_with(bundle, true, args.options());
    }
    Err(fault.error(&session.facts).with_kind(Kind::Refused))
}

/// Reports the selected preset before anything is created; fails if not even the smallest one fits.
fn report_fit(context: &Context<'_>, session: &Session) -> Result<Option<Fit>> {
    if !session.can_fit() {
        return Ok(None);
    }
    let fit = session.fit()?;
    for line in fit.lines() {
        context.ui.say(&line);
        event(context, "preset", line);
    }
    for warning in fit.warnings() {
        context.ui.warn(&warning);
        event(context, "preset", warning);
    }
    for kept in session.kept_replicas()? {
        context.ui.say(&kept.to_string());
        event(context, "preset", kept.to_string());
    }
    Ok(Some(fit))
}

/// Reports what will be downloaded and built before the cluster exists, and about how long that takes.
fn announce(context: &Context<'_>, session: &Session, plan: &mut Plan) -> Result<()> {
    if session.receipt().made.cluster.complete {
        return Ok(());
    }
    let bench = context.silent()?;
    let forecasts = steps::forecasts(plan, session, &bench.task("downloads"))?;
    let fetched = |(step, forecast): &(String, Forecast)| match forecast.way {
        Way::Fetched { bytes, .. } => Some((step.clone(), bytes)),
        _ => None,
    };
    plan.downloads = forecasts.iter().filter_map(fetched).collect();
    let forecasts = forecasts.into_iter().map(|(_, forecast)| forecast).collect();
    let mut text = Artifacts { forecasts, answers: Vec::new() }.summary();
    text.push_str(&duration(plan.downloads.values().copied()));
    if !text.is_empty() {
        context.ui.say(&format!("tools and images: {text}"));
        event(context, "artifacts", text);
    }
    Ok(())
}

/// `; at 100 Mbit/s, the downloads take about 2 min`, or nothing if no size is known.
pub(super) fn duration(sizes: impl Iterator<Item = Option<u64>>) -> String {
    let (mut bytes, mut all_known) = (0, true);
    for size in sizes {
        bytes += size.unwrap_or_default();
        all_known &= size.is_some();
    }
    if bytes == 0 {
        return String::new();
    }
    let least = if all_known { "about" } else { "at least" };
    let time = show_estimate(Duration::from_secs((bytes / LINK).max(1)));
    format!("; at 100 Mbit/s, the downloads take {least} {time}")
}

/// Emits an event that belongs to no step; only with `--events json`.
fn event(context: &Context<'_>, step: &str, message: String) {
    if context.global.events.is_some() {
        context.ui.reporter(&[]).report(&Event::new(step, State::Done, message));
    }
}

/// Ends the processes that an interrupted run left behind.
pub(crate) fn end_orphans(context: &Context<'_>, dir: &std::path::Path) {
    for orphan in Journal::orphans(dir) {
        context.ui.say(&format!(
            "an earlier run was interrupted and left a process running ({}, pid {}); stopping it first",
            orphan.purpose, orphan.pid
        ));
        orphan.end();
    }
}

fn summary(context: &Context<'_>, session: &Session, changed: usize, took: Duration) -> Result<()> {
    let what =
        if changed == 0 { "No changes were needed".to_owned() } else { format!("{changed} steps done") };
    context.ui.say("");
    context.ui.good(&format!("✓ {what} in {}; all checks passed.", show_time(took)));
    context.ui.say(&format!(
        "  kubectl:  export KUBECONFIG={}   # program: todo-bootstrap tools path kubectl",
        session.kubeconfig().display()
    ));
    context.ui.say("  next:     todo-bootstrap status | logs | open | down");
    if let Some(steps::Access { address, .. }) = steps::access(session)? {
        for note in &address.notes {
            context.ui.say(&format!("            {note}"));
        }
        let url = address.url;
        context.ui.say(&format!("  open:     {url}"));
        event(context, "summary", url);
    }
    Ok(())
}
