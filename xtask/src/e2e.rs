//! The tests on a real cluster, and what Helm itself says about every chart.

use std::path::{Path, PathBuf};

use crate::chart;
use crate::demand;
use crate::services;
use crate::setup;
use crate::shell::{self, Result, binary, cargo_run, root, run};
use crate::stages::Stages;

/// How often `up` is killed.
#[derive(Clone, Copy)]
pub(crate) enum Sweep {
    /// Once at ten steps.
    Short,
    /// At every step, at several moments of each.
    Full,
}

pub(crate) fn run_sweep(sweep: Sweep) -> Result {
    let mut stages = Stages::new();
    if stages.run("build", || cargo_run(&["build", "--release", "--workspace", "--locked"])) {
        if matches!(sweep, Sweep::Full) {
            stages.run("downloads, cut and killed", crate::soak::downloads);
        }
        run_all(&mut stages, sweep);
    }
    stages.finish()
}

/// The stages on a real cluster; the binary is built already.
pub(crate) fn run_all(stages: &mut Stages, sweep: Sweep) {
    stages.run("charts (helm lint, template, plan)", charts);
    stages.run("real cluster", || cluster(sweep));
}

fn cluster(sweep: Sweep) -> Result {
    let sweep = match sweep {
        Sweep::Short => "short",
        Sweep::Full => "full",
    };
    let args = ["test", "--release", "--locked", "--workspace", "--test", "e2e", "--"];
    let own = ["--include-ignored", "--nocapture", "--test-threads=1"];
    println!("$ cargo test --test e2e (sweep: {sweep})");
    let browser = setup::chromium()?;
    services::node_modules(&root().join("tests/browser"))?;
    // The client of the tool server's own tests is the client here.
    let python = services::python_environment(&root().join("services/mcp-server"))?.join("bin/python");
    let call = shell::cmd(&root(), Path::new(&shell::cargo()), args.iter().chain(&own).copied());
    let call = call.env("TODO_BOOTSTRAP_E2E", "1").env("TODO_BOOTSTRAP_E2E_SWEEP", sweep);
    let call = call.env("CHROMIUM", browser).env("TODO_BOOTSTRAP_E2E_PYTHON", python);
    let status = call.unchecked().run().map_err(|error| format!("cannot start cargo: {error}"))?.status;
    if status.success() { Ok(()) } else { Err(format!("`cargo test --test e2e` ended with {status}")) }
}

fn charts() -> Result {
    let helm = shell::read(&binary(), &["tools", "path", "helm"])?;
    let helm = PathBuf::from(helm.lines().last().unwrap_or_default().trim());
    let is_chart = |path: &Path| path.file_name().is_some_and(|name| name == "Chart.yaml");
    let charts = shell::files(&root(), &is_chart);
    if charts.is_empty() {
        return Err("no Chart.yaml was found; the example has one".to_owned());
    }
    for chart in charts.iter().filter_map(|file| file.parent()) {
        check_chart(&helm, chart)?;
    }
    chart::prove(&helm)?;
    demand::planner_agrees(&helm)
}

/// Lints and renders a chart with its defaults alone, and with each of its other values files.
fn check_chart(helm: &Path, chart: &Path) -> Result {
    let dir = chart.to_string_lossy();
    let mut calls = vec![Vec::new()];
    calls.extend(values_files(chart).iter().map(|file| vec!["--values".to_owned(), file.clone()]));
    for values in calls {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        run(helm, &[&["lint", "--strict", &dir], values.as_slice()].concat())?;
        let rendered = shell::read(helm, &[&["template", "check", &dir], values.as_slice()].concat())?;
        if !rendered.contains("kind:") {
            return Err(format!("{dir} renders no object with {values:?}"));
        }
        println!("{dir} renders {} objects", rendered.matches("\nkind:").count());
    }
    Ok(())
}

fn values_files(chart: &Path) -> Vec<String> {
    let is_values = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        yaml && (name.starts_with("values-") || folder == "values")
    };
    shell::files(chart, &is_values).iter().map(|path| path.to_string_lossy().into_owned()).collect()
}
