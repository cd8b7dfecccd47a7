//! The tests on a real cluster, and Helm's own checks of every chart.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::devtools;
use crate::score::Score;
use crate::services;
use crate::setup;
use crate::shell::{self, CI_PROFILE, Result, binary, cargo_run, root, run, run_tests};
use crate::stages::Stages;

/// Which scenes to run.
#[derive(Clone, Copy)]
pub(crate) enum Sweep {
    /// Scenes that always run, and a sample of the rest.
    Short,
    /// Everything; `up` is killed at every step, at several moments of each.
    Full,
}

/// `only` is a part of the names of the scenes to run; all of the sample without it.
pub(crate) fn run_sweep(sweep: Sweep, only: Option<&str>) -> Result {
    let mut stages = Stages::new();
    if stages.run("build", || cargo_run(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])) {
        if matches!(sweep, Sweep::Full) {
            stages.run("downloads, cut and killed", crate::soak::downloads);
        }
        if only.is_some() {
            stages.run("real cluster", || cluster(sweep, only));
        } else {
            run_all(&mut stages, sweep);
        }
    }
    stages.finish()
}

/// The stages on a real cluster; the binary is already built.
pub(crate) fn run_all(stages: &mut Stages, sweep: Sweep) {
    stages.run("charts (helm, kube-score, plan)", charts);
    stages.run("real cluster", || cluster(sweep, None));
}

fn cluster(sweep: Sweep, only: Option<&str>) -> Result {
    let sweep = match sweep {
        Sweep::Short => "short",
        Sweep::Full => "full",
    };
    let seed = seed().to_string();
    setup::machine(false)?;
    let browser = setup::chromium()?;
    services::node_modules(&root().join("tests/browser"))?;
    // The MCP client of the server's own tests is also the client here.
    let python = services::python_environment(&root().join("services/mcp-server"))?.join("bin/python");
    let args = ["test", CI_PROFILE, "--locked", "--workspace", "--test", "e2e", "--"];
    let own = ["--include-ignored", "--nocapture", "--test-threads=1"];
    let mut env = vec![
        ("TODO_BOOTSTRAP_E2E", OsStr::new("1")),
        ("TODO_BOOTSTRAP_E2E_SWEEP", OsStr::new(sweep)),
        ("TODO_BOOTSTRAP_E2E_SEED", OsStr::new(&seed)),
        ("TODO_BOOTSTRAP_E2E_PYTHON", python.as_os_str()),
        ("CHROMIUM", browser.as_os_str()),
    ];
    env.extend(only.map(|text| ("TODO_BOOTSTRAP_E2E_ONLY", OsStr::new(text))));
    run_tests(&root(), Path::new(&shell::cargo()), &[args.as_slice(), &own].concat(), &env)
}

/// The seed of the sample: given, or derived from the commit, so that a run can be repeated and the
/// next commit runs other scenes.
fn seed() -> u64 {
    let given = std::env::var("TODO_BOOTSTRAP_E2E_SEED").ok().and_then(|text| text.parse().ok());
    let of_the_commit = || {
        let commit = shell::read(Path::new("git"), &["rev-parse", "HEAD"]).ok()?;
        u64::from_str_radix(commit.get(..8)?, 16).ok()
    };
    given.or_else(of_the_commit).unwrap_or_default()
}

fn charts() -> Result {
    let helm = shell::read(&binary(), &["tools", "path", "helm"])?;
    let helm = PathBuf::from(helm.lines().last().unwrap_or_default().trim());
    let is_chart = |path: &Path| path.file_name().is_some_and(|name| name == "Chart.yaml");
    let charts = shell::files(&root(), &is_chart);
    if charts.is_empty() {
        return Err("no Chart.yaml was found; the example has one".to_owned());
    }
    let mut score = Score::new()?;
    for chart in charts.iter().filter_map(|file| file.parent()) {
        // The example is not made for clusters that others use as well.
        let score = chart.starts_with(root().join("manifests")).then_some(&mut score);
        check_chart(&helm, chart, score)?;
    }
    score.finish()?;
    devtools::run(&["charts", &helm.to_string_lossy()])
}

/// Lints and renders a chart, with its defaults alone and with each of its other values files. `score` also scores
/// what it renders.
fn check_chart(helm: &Path, chart: &Path, mut score: Option<&mut Score>) -> Result {
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
        if let Some(score) = &mut score {
            score.check(&format!("{values:?}"), &rendered)?;
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
