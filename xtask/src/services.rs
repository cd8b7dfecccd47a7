//! The application's sources: every directory with a `pyproject.toml` or a `package.json` is
//! installed from its lock file, linted, type-checked and tested, in a separate stage.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::setup;
use crate::shell::{self, Result, root, run_in, run_tests, target};
use crate::stages::Stages;

/// The npm version of the base image (`offline/recipes/nodejs.toml`): a different one may consider the lock
/// files out of sync with their package.json.
const NPM: &str = "npm@11.21.2";
/// The scripts of a package.json that are run, in this order.
const SCRIPTS: [&str; 3] = ["lint", "typecheck", "test"];
/// The slower script: tests the server as the image runs it.
const SLOW_SCRIPTS: [&str; 2] = ["build", "test:server"];

pub(crate) fn run_all(stages: &mut Stages, fast: bool) {
    each(stages, "python", "pyproject.toml", python);
    each(stages, "node", "package.json", |project| node(project, fast));
}

/// A stage for each directory that contains `file`; finding none is an error.
fn each(stages: &mut Stages, kind: &str, file: &str, test: impl Fn(&Path) -> Result) {
    let found = shell::files(&root(), &|path| path.file_name().is_some_and(|name| name == file));
    if found.is_empty() {
        stages.run(kind, || Err(format!("no {file} was found; the services have one")));
    }
    for project in found.iter().filter_map(|path| path.parent()) {
        stages.run(&format!("{kind}: {}", name(project)), || test(project));
    }
}

fn python(project: &Path) -> Result {
    let bin = python_environment(project)?.join("bin");
    let cached = target().join("python").join(name(project));
    let cached = |tool: &str| cached.join(tool).to_string_lossy().into_owned();
    let call = |tool: &str, args: &[&str]| run_in(project, &bin.join(tool), args);
    call("ruff", &["check", "--cache-dir", &cached("ruff"), "."])?;
    call("ruff", &["format", "--check", "--cache-dir", &cached("ruff"), "."])?;
    call("mypy", &["--cache-dir", &cached("mypy"), "."])?;
    // Compiled modules are cached, but outside the sources.
    let compiled = target().join("python/compiled");
    let env = [("PYTHONPYCACHEPREFIX", compiled.as_os_str())];
    run_tests(project, &bin.join("python"), &["-m", "pytest", "-q", "-p", "no:cacheprovider"], &env)
}

fn node(project: &Path, fast: bool) -> Result {
    node_modules(project)?;
    let offered = scripts(project)?;
    let slow = if fast { &[][..] } else { &SLOW_SCRIPTS };
    let wanted = SCRIPTS.iter().chain(slow).filter(|script| offered.contains(&(**script).to_owned()));
    for script in wanted {
        let args = ["run", "--silent", script];
        if script.starts_with("test") {
            // For a log: without colors and overwritten lines.
            run_tests(project, Path::new("npm"), &args, &[("NO_COLOR", OsStr::new("1"))])?;
        } else {
            run_in(project, Path::new("npm"), &args)?;
        }
    }
    Ok(())
}

/// The names of the scripts of a package.json.
fn scripts(project: &Path) -> Result<Vec<String>> {
    let file = project.join("package.json");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let package: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(package["scripts"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect())
}

/// The virtual environment of a Python project; the load tests have no lock file of their own.
pub(crate) fn python_environment(project: &Path) -> Result<PathBuf> {
    const LOCK: &str = "requirements-dev.lock";
    let own = project.join(LOCK);
    let lock = if own.is_file() { own } else { root().join("services/mcp-server").join(LOCK) };
    setup::python_environment(&lock)
}

/// Installs the packages of a project's package-lock.json, unless they are installed.
pub(crate) fn node_modules(project: &Path) -> Result {
    let lock = project.join("package-lock.json");
    let installed = project.join("node_modules/installed.lock");
    if same(&lock, &installed) {
        return Ok(());
    }
    let args = ["--yes", NPM, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
    run_in(project, Path::new("npx"), &args)?;
    // Written last, so that an interrupted run installs again.
    let copied = std::fs::copy(&lock, &installed).map(drop);
    copied.map_err(|error| format!("cannot copy {} to {}: {error}", lock.display(), installed.display()))
}

fn name(project: &Path) -> String {
    project.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn same(lock: &Path, installed: &Path) -> bool {
    let read = |path: &Path| std::fs::read(path).ok();
    read(lock).is_some_and(|wanted| read(installed) == Some(wanted))
}
