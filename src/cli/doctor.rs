//! `doctor`: reports problems of this machine, with a fix for each.

use std::time::Instant;

use serde_json::json;

use super::context::{Context, print_json};
use crate::cluster::control_plane;
use crate::config::Versions;
use crate::data::Data;
use crate::doctor::{Finding, Inputs, PROBES, Severity};
use crate::engine::Engine;
use crate::error::{Error, Exit, Result};
use crate::host;
use crate::ui::data;

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let facts = host::probe(context.process_env, &context.paths()?.cache);
    let bench = context.silent()?;
    let versions = Versions::load(&Data::default())?;
    let pinned = context.pinned()?;
    let bare = Inputs {
        facts: &facts,
        engine: None,
        fault: None,
        kubernetes_minor: minor(versions.get("kubernetes")?),
        // `up` reports files that cannot be read; they are not a problem of the machine.
        need: context.least_need().unwrap_or_else(|_| control_plane()),
        pinned: Some(&pinned),
    };
    // Detecting the engine and finding the holder of a port are slow, so they run in parallel. The other
    // probes take microseconds, and some need the engine.
    let (engine, engine_millis, alone) = std::thread::scope(|scope| {
        let probes = PROBES.iter().filter(|probe| probe.alone);
        let asked: Vec<_> = probes.map(|probe| scope.spawn(move || timed(|| probe.run(&bare)))).collect();
        let (engine, millis) = timed(|| Engine::detect(&bench.task("doctor"), context.process_env, &facts));
        let alone: Vec<_> = asked.into_iter().filter_map(|thread| thread.join().ok()).collect();
        (engine, millis, alone)
    });
    let (engine, fault) = match engine? {
        Ok(engine) => (Some(engine), None),
        Err(fault) => (None, Some(fault)),
    };
    let inputs = Inputs { engine: engine.as_ref(), fault: fault.as_ref(), ..bare };
    let mut alone = alone.into_iter();
    let findings: Vec<_> = PROBES
        .iter()
        .filter_map(|probe| {
            if probe.alone {
                return alone.next();
            }
            let (finding, millis) = timed(|| probe.run(&inputs));
            Some((finding, if probe.code == "engine" { millis + engine_millis } else { millis }))
        })
        .collect();
    show(context, &findings)?;
    let failed = findings.iter().filter(|(finding, _)| finding.severity == Severity::Fail).count();
    if failed == 0 {
        return Ok(Exit::Fine);
    }
    let noun = if failed == 1 { "problem prevents" } else { "problems prevent" };
    let error = Error::host(format!("{failed} {noun} `up` from working"));
    let remedies = findings.iter().filter(|(finding, _)| finding.severity == Severity::Fail);
    Err(remedies.filter_map(|(finding, _)| finding.remedy.as_ref()).fold(error, Error::help))
}

/// Prints the findings, with the duration of each in milliseconds.
fn show(context: &Context<'_>, findings: &[(Finding, u128)]) -> Result<()> {
    if context.json() {
        let rows: Vec<_> = findings
            .iter()
            .map(|(finding, millis)| {
                let mut row = json!(finding);
                row["millis"] = json!(millis);
                row
            })
            .collect();
        print_json(&rows)?;
    } else {
        for (finding, _) in findings {
            let (mark, style) = match finding.severity {
                Severity::Ok => ("[✓]", console::Style::new().green()),
                Severity::Warn => ("[!]", console::Style::new().yellow()),
                Severity::Fail => ("[✗]", console::Style::new().red()),
            };
            data(&format!("{} {}: {}\n", style.apply_to(mark), finding.title, finding.detail));
            if let Some(remedy) = &finding.remedy {
                data(&format!("      {} ({})\n", remedy.replace('\n', "\n      "), finding.code));
            }
        }
    }
    Ok(())
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
