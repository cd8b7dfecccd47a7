//! `doctor`: what stands in the way on this machine, with the remedy.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::context::{Context, print_json};
use crate::config::Versions;
use crate::data::Data;
use crate::diagnose::machine::{PROBES, Scene, Severity};
use crate::engine::Engine;
use crate::error::{Error, Exit, Result};
use crate::progress::Silent;
use crate::ui::data;

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let paths = context.paths()?;
    let facts = context.facts(&paths);
    let bench = context.bench(Arc::new(Silent), None)?;
    let versions = Versions::load(&Data::default())?;
    let began = Instant::now();
    // The engine is the one slow question: it starts a process. The others wait for its answer,
    // and take microseconds.
    let engine = Engine::detect(&bench.task("doctor"), context.world, &facts);
    let engine_millis = began.elapsed().as_millis();
    let (engine, fault) = match engine {
        Ok(engine) => (Some(engine), None),
        Err(fault) => (None, Some(fault)),
    };
    let scene = Scene {
        facts: &facts,
        engine: engine.as_ref(),
        fault: fault.as_ref(),
        kubernetes_minor: minor(versions.get("kubernetes")?),
    };
    let findings: Vec<_> = PROBES
        .iter()
        .map(|probe| {
            let began = Instant::now();
            let finding = probe.run(&scene);
            let own = began.elapsed().as_millis();
            (finding, if probe.code == "engine" { own + engine_millis } else { own })
        })
        .collect();
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
        for (finding, _) in &findings {
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
    let failed = findings.iter().filter(|(finding, _)| finding.severity == Severity::Fail).count();
    if failed == 0 {
        return Ok(Exit::Fine);
    }
    let noun = if failed == 1 { "finding stands" } else { "findings stand" };
    let error = Error::host(format!("{failed} {noun} in the way of `up`"));
    let remedies = findings.iter().filter(|(finding, _)| finding.severity == Severity::Fail);
    Err(remedies.filter_map(|(finding, _)| finding.remedy.as_ref()).fold(error, Error::help))
}

/// The minor number of a version such as 1.34.4; 0 where it has none.
fn minor(version: &str) -> u64 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}
