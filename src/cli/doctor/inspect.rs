//! Runs the probes: what is slow, all at once.

use std::thread::ScopedJoinHandle;
use std::time::Instant;

use super::super::context::Context;
use crate::cluster::{control_plane, needed_disk};
use crate::config::Versions;
use crate::data::Data;
use crate::doctor::{Artifacts, Finding, HostAnswer, Inputs, Login, PROBES, Severity, ask_all, not_after};
use crate::engine::{Engine, Fault};
use crate::error::Result;
use crate::fetch::Client;
use crate::host::{self, Details, Facts};
use crate::kubeconfig::client_certificate;
use crate::local_registry::LocalRegistry;
use crate::origins::{Forecast, Host};
use crate::process_env::ProcessEnv;
use crate::steps::{Session, up};
use crate::task::Task;

/// What `doctor` found.
pub(super) struct Found {
    pub rows: Vec<Row>,
    pub artifacts: Option<Artifacts>,
}

/// The finding of a probe, and how long it took: with all that it had to wait for.
pub(super) struct Row {
    pub probe: &'static str,
    pub finding: Finding,
    pub millis: u128,
}

impl Found {
    pub(super) fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.rows.iter().map(|row| &row.finding).filter(|finding| finding.severity == Severity::Fail)
    }
}

pub(super) fn inspect(context: &Context<'_>) -> Result<Found> {
    let process_env = context.process_env;
    let paths = context.paths()?;
    let (facts, details) = (host::probe(process_env, &paths.cache), host::details(process_env, &paths));
    let bench = context.silent()?;
    let preference = context.engine_preference();
    let asking = Asking { process_env, facts: &facts, task: bench.task("doctor") };
    std::thread::scope(|scope| {
        // The engine takes longest, so that all files are read meanwhile.
        let detection =
            scope.spawn(|| timed(|| Engine::detect(&asking.task, process_env, &facts, &preference)));
        inspect_with(context, &asking, &details, detection)
    })
}

/// The engine or what is wrong with it, and the milliseconds that it took to find out.
type Detection<'scope> = ScopedJoinHandle<'scope, (Result<Result<Engine, Fault>>, u128)>;
type Round<'scope> = ScopedJoinHandle<'scope, Result<OfNetwork>>;

fn inspect_with(
    context: &Context<'_>,
    asking: &Asking<'_>,
    details: &Details,
    detection: Detection<'_>,
) -> Result<Found> {
    // `up` reports files that cannot be read; they are not a problem of the machine.
    let began = Instant::now();
    let session = context.session().ok();
    let session = session.as_deref();
    std::thread::scope(|scope| {
        let network = session.map(|session| scope.spawn(move || asking.network(session, began)));
        probe(context, asking, details, session, detection, network)
    })
}

/// Runs the probes, which wait for what they need.
fn probe(
    context: &Context<'_>,
    asking: &Asking<'_>,
    details: &Details,
    session: Option<&Session>,
    detection: Detection<'_>,
    network: Option<Round<'_>>,
) -> Result<Found> {
    let (versions, pinned) = (Versions::load(&Data::default())?, context.pinned()?);
    let login = session.and_then(login);
    let profile = context.global.profile.as_deref().or(session.map(|session| session.profile.name.as_str()));
    let bare = Inputs {
        facts: asking.facts,
        details,
        engine: None,
        fault: None,
        kubernetes_minor: minor(versions.get("kubernetes")?),
        need: context.least_need().unwrap_or_else(|_| control_plane()),
        disk: session.map_or_else(|| needed_disk(1, 0), disk),
        engine_disk: None,
        pinned: Some(&pinned),
        artifacts: None,
        login: login.as_ref(),
        profile: profile.unwrap_or_default(),
        now: (asking.process_env.now)(),
    };
    let (engine, alone) = std::thread::scope(|scope| {
        let probes = PROBES.iter().filter(|probe| probe.alone);
        let alone: Vec<_> = probes.map(|probe| scope.spawn(move || timed(|| probe.run(&bare)))).collect();
        let engine = asking.engine(session, detection);
        (engine, alone.into_iter().map(joined).collect::<Vec<_>>())
    });
    let network = network.map(joined).transpose();
    let (engine, network) = (engine?, network?);
    let (artifacts, millis) = asking.together(&engine, network)?;
    let inputs = Inputs {
        engine: engine.engine.as_ref(),
        fault: engine.fault.as_ref(),
        engine_disk: engine
            .engine
            .as_ref()
            .and_then(|engine| engine.data_here(bare.facts))
            .map(host::disk_free),
        artifacts: artifacts.as_ref(),
        ..bare
    };
    let mut alone = alone.into_iter();
    let rows = PROBES.iter().filter_map(|probe| {
        let (finding, own) = if probe.alone { alone.next()? } else { timed(|| probe.run(&inputs)) };
        let waited = match probe.code {
            "engine" => engine.millis,
            // Whether the local registry has an image is known once the engine is.
            "artifacts" => engine.millis + engine.registry_millis,
            "network" => millis,
            _ => 0,
        };
        Some(Row { probe: probe.code, finding, millis: own + waited })
    });
    let rows = rows.collect();
    Ok(Found { rows, artifacts })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What the slow questions need.
struct Asking<'a> {
    process_env: &'a ProcessEnv,
    facts: &'a Facts,
    task: Task<'a>,
}

/// The engine, and what the local registry in it has.
struct OfEngine {
    engine: Option<Engine>,
    fault: Option<Fault>,
    millis: u128,
    images: Vec<Forecast>,
    registry_millis: u128,
}

/// The tools, and what the hosts answered.
struct OfNetwork {
    tools: Vec<Forecast>,
    answers: Vec<HostAnswer>,
    millis: u128,
}

impl Asking<'_> {
    fn engine(&self, session: Option<&Session>, detection: Detection<'_>) -> Result<OfEngine> {
        let (detected, millis) = joined(detection);
        let (engine, fault) = match detected? {
            Ok(engine) => {
                let unfit = engine.unfit(self.facts);
                (Some(engine), unfit)
            }
            Err(fault) => (None, Some(fault)),
        };
        let images = || session.map_or(Ok(Vec::new()), |session| self.images(session, engine.as_ref()));
        let (images, registry_millis) = timed(images);
        Ok(OfEngine { images: images?, engine, fault, millis, registry_millis })
    }

    /// The images that `up` needs. Without an engine, what was recorded is believed.
    fn images(&self, session: &Session, engine: Option<&Engine>) -> Result<Vec<Forecast>> {
        // A registry that cannot be asked counts as stopped.
        let found = engine.map(|engine| LocalRegistry::find(&self.task, engine, &session.paths.cache));
        let registry = found.and_then(Result::ok).flatten();
        let client = registry.as_ref().map(LocalRegistry::client);
        let forecast = |name: String| session.origins.forecast_of_image(&self.task, client, &name);
        up::images(session)?.into_iter().map(forecast).collect()
    }

    /// Asks the hosts that missing tools and images come from, as far as it is known without the engine. Which
    /// they are is known once the files of the project are read, which `began` then.
    fn network(&self, session: &Session, began: Instant) -> Result<OfNetwork> {
        let tools: Result<Vec<Forecast>> = std::thread::scope(|scope| {
            let names = up::tools(session.profile.provider).into_iter();
            let ask = |name| scope.spawn(move || session.origins.forecast_of_tool(&self.task, name));
            let asked: Vec<_> = names.map(ask).collect();
            asked.into_iter().map(joined).collect()
        });
        let (tools, images) = (tools?, self.images(session, None)?);
        let all: Vec<Forecast> = tools.iter().chain(&images).cloned().collect();
        let answers = self.ask(&Artifacts::hosts(&all))?;
        Ok(OfNetwork { tools, answers, millis: began.elapsed().as_millis() })
    }

    fn ask(&self, hosts: &[&Host]) -> Result<Vec<HostAnswer>> {
        ask(self.process_env, &self.task, hosts)
    }

    /// What `up` needs, with the milliseconds for the network. An image that was recorded may be missing: its
    /// host is asked now.
    fn together(&self, engine: &OfEngine, network: Option<OfNetwork>) -> Result<(Option<Artifacts>, u128)> {
        let Some(network) = network else { return Ok((None, 0)) };
        let forecasts: Vec<Forecast> = network.tools.into_iter().chain(engine.images.clone()).collect();
        let mut answers = network.answers;
        let hosts = Artifacts::hosts(&forecasts).into_iter();
        let unasked: Vec<&Host> =
            hosts.filter(|host| answers.iter().all(|answer| answer.host != host.name)).collect();
        let (late, millis) = timed(|| self.ask(&unasked));
        answers.extend(late?);
        Ok((Some(Artifacts { forecasts, answers }), network.millis + millis))
    }
}

/// What all of these hosts answer, asked at the same time.
pub(in super::super) fn ask(
    process_env: &ProcessEnv,
    task: &Task<'_>,
    hosts: &[&Host],
) -> Result<Vec<HostAnswer>> {
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    let client = Client::new(process_env)?;
    let inspecting = || Client::inspecting(process_env).ok();
    let asked = async { Ok(ask_all(&client, inspecting, hosts, process_env.now).await) };
    task.wait("asking the download hosts", asked)
}

/// The user of a cluster that exists.
fn login(session: &Session) -> Option<Login> {
    let kubeconfig = session.kubeconfig();
    let ends = not_after(&client_certificate(&kubeconfig)?)?;
    Some(Login { cluster: session.profile.cluster.name.clone(), kubeconfig, ends })
}

/// The free bytes that `up` requires, with the smallest preset.
fn disk(session: &Session) -> u64 {
    if session.receipt().made.cluster.complete {
        return 0;
    }
    let candidates = session.candidates().unwrap_or_default();
    let demands = candidates.iter().filter_map(|candidate| candidate.demand.as_ref());
    let storage = demands.map(crate::cluster::Demand::storage).min().unwrap_or_default();
    needed_disk(session.nodes_planned(), storage)
}

/// A result with its duration in milliseconds.
fn timed<T>(ask: impl FnOnce() -> T) -> (T, u128) {
    let began = Instant::now();
    let answer = ask();
    (answer, began.elapsed().as_millis())
}

/// The minor number of a version such as 1.34.4; 0 if it has none.
fn minor(version: &str) -> u64 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}
