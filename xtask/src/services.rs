//! The application's own sources: every folder with a `pyproject.toml` or a `package.json` is
//! installed from its lock file, linted, type checked and tested.

use std::path::{Path, PathBuf};

use crate::setup;
use crate::shell::{self, Result, cache, root, run_in, target};

/// The npm of the base image (`offline/recipes/nodejs.toml`): from a registry that serves packages
/// for one platform only, npm 11 takes a lock file without the others' for a broken one.
const NPM: &str = "npm@10.9.9";
/// What a package.json may offer, in the order in which it is run.
const SCRIPTS: [&str; 3] = ["lint", "typecheck", "test"];
/// What takes longer: the server as the image runs it.
const SLOW_SCRIPTS: [&str; 2] = ["build", "test:server"];

pub(crate) fn python() -> Result {
    let projects = projects("pyproject.toml")?;
    setup::databases()?;
    for project in &projects {
        let bin = python_environment(&locked(project))?.join("bin");
        let cached = target().join("python").join(name(project));
        let cached = |tool: &str| cached.join(tool).to_string_lossy().into_owned();
        let call = |tool: &str, args: &[&str]| run_in(project, &bin.join(tool), args);
        call("ruff", &["check", "--cache-dir", &cached("ruff"), "."])?;
        call("ruff", &["format", "--check", "--cache-dir", &cached("ruff"), "."])?;
        call("mypy", &["--cache-dir", &cached("mypy"), "."])?;
        call("python", &["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])?;
    }
    Ok(())
}

pub(crate) fn node(fast: bool) -> Result {
    let slow = if fast { &[][..] } else { &SLOW_SCRIPTS };
    for project in &projects("package.json")? {
        node_modules(project)?;
        for script in SCRIPTS.iter().chain(slow) {
            run_in(project, Path::new("npm"), &["run", "--silent", "--if-present", script])?;
        }
    }
    Ok(())
}

/// The project whose lock file says what `project` needs: tests of the whole have none of their own.
fn locked(project: &Path) -> PathBuf {
    let own = project.join("requirements-dev.lock").is_file();
    if own { project.to_owned() } else { root().join("services/mcp-server") }
}

/// The virtual environment of a Python project, with exactly what its lock file names.
pub(crate) fn python_environment(project: &Path) -> Result<PathBuf> {
    let lock = project.join("requirements-dev.lock");
    let venv = cache().join("python").join(name(project));
    let installed = venv.join("installed.lock");
    if same(&lock, &installed) {
        return Ok(venv);
    }
    setup::virtual_environment(&venv)?;
    let args = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
    run_in(project, &venv.join("bin/pip"), &[&args, [&*lock.to_string_lossy()].as_slice()].concat())?;
    note(&lock, &installed)?;
    Ok(venv)
}

/// Installs what a project's package-lock.json names, unless it is there.
pub(crate) fn node_modules(project: &Path) -> Result {
    let lock = project.join("package-lock.json");
    let installed = project.join("node_modules/installed.lock");
    if same(&lock, &installed) {
        return Ok(());
    }
    let args = ["--yes", NPM, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
    run_in(project, Path::new("npx"), &args)?;
    note(&lock, &installed)
}

/// The folders that hold `file`; none at all is a mistake of the caller's.
fn projects(file: &str) -> Result<Vec<PathBuf>> {
    let found = shell::files(&root(), &|path| path.file_name().is_some_and(|name| name == file));
    let folders: Vec<PathBuf> = found.iter().filter_map(|path| Some(path.parent()?.to_owned())).collect();
    if folders.is_empty() { Err(format!("no {file} was found; the services have one")) } else { Ok(folders) }
}

fn name(project: &Path) -> String {
    project.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn same(lock: &Path, installed: &Path) -> bool {
    let read = |path: &Path| std::fs::read(path).ok();
    read(lock).is_some_and(|wanted| read(installed) == Some(wanted))
}

/// Notes what was installed; written last, so that a run that was cut off installs anew.
fn note(lock: &Path, installed: &Path) -> Result {
    let copied = std::fs::copy(lock, installed).map(drop);
    copied.map_err(|error| format!("cannot copy {} to {}: {error}", lock.display(), installed.display()))
}
