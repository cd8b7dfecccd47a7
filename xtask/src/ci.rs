//! The stages of `cargo xtask ci`.

use std::path::{Path, PathBuf};

use crate::e2e;
use crate::services;
use crate::setup::{self, Deny};
use crate::shell::{self, Result, cargo_run, root, run, run_in};
use crate::stages::Stages;

pub(crate) fn run_all(stages: &mut Stages, fast: bool) {
    // Building it takes minutes, so it begins first and is waited for as late as possible.
    let deny = if fast && !Deny::is_installed() { None } else { Some(Deny::start()) };
    stages.run("format", || cargo_run(&["fmt", "--all", "--check"]));
    stages.run("shell scripts", shell_scripts);
    stages.run("python", python);
    stages.run("python services", services::python);
    stages.run("node services", || services::node(fast));
    stages.run("go format", go_format);
    if fast {
        stages.skip("go vet", "as --fast was given");
    } else {
        stages.run("go vet", go_vet);
    }
    stages.run("lints", || {
        cargo_run(&[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
    });
    let built = stages.run("build", || cargo_run(&["build", "--release", "--workspace", "--locked"]));
    stages.run("unit and command line tests", || {
        cargo_run(&["test", "--release", "--workspace", "--locked", "--no-fail-fast"])
    });
    match deny {
        Some(deny) => _ = stages.run("licences, bans, sources", || licences(&deny?.wait()?)),
        None => stages.skip("licences, bans, sources", "as --fast was given and cargo-deny is not built yet"),
    }
    if fast {
        stages.skip("real cluster", "as --fast was given");
    } else if built {
        e2e::run_all(stages, e2e::Sweep::Short);
    } else {
        stages.skip("real cluster", "as the build failed");
    }
}

pub(crate) fn run_ci(fast: bool) -> Result {
    let mut stages = Stages::new();
    run_all(&mut stages, fast);
    stages.finish()
}

/// Advisories come from a Git server that not every network reaches: they are told, not enforced.
fn licences(deny: &Path) -> Result {
    run(deny, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])?;
    if let Err(error) = run(deny, &["check", "--hide-inclusion-graph", "advisories"]) {
        println!("advisories were not checked, or there are some (see above): {error}");
    }
    Ok(())
}

fn shell_scripts() -> Result {
    let scripts = shell::files(&root(), &is_shell_script);
    let mut args = vec!["--severity=style".to_owned()];
    args.extend(scripts.iter().map(|path| relative(path)));
    args.push(".ci/run".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(&setup::shellcheck()?, &args)
}

/// Scripts by their name, or by their first line where they have no extension.
fn is_shell_script(path: &Path) -> bool {
    if let Some(extension) = path.extension() {
        return extension == "sh";
    }
    let start = std::fs::read(path).unwrap_or_default();
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    first.starts_with("#!") && (first.ends_with("sh") || first.contains("/sh "))
}

fn python() -> Result {
    let ruff = setup::ruff()?;
    // A project of its own is a stage of its own, with its own tools.
    let alone = |path: &Path| !path.ancestors().any(|dir| dir.join("pyproject.toml").is_file());
    let sources = shell::files(&root(), &|path| path.extension().is_some_and(|e| e == "py") && alone(path));
    if sources.is_empty() {
        return Err("no Python source was found; the example has one".to_owned());
    }
    let files: Vec<String> = sources.iter().map(|path| relative(path)).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let cache = shell::target().join("ruff").to_string_lossy().into_owned();
    run(&ruff, &[&["check", "--cache-dir", &cache], files.as_slice()].concat())?;
    let tests = sources.iter().filter(|path| is_python_test(path));
    let mut folders: Vec<&Path> = tests.filter_map(|path| path.parent()).collect();
    folders.dedup();
    for folder in folders {
        run_in(folder, Path::new("python3"), &["-B", "-m", "unittest", "discover", "-p", "*test*.py"])?;
    }
    Ok(())
}

fn is_python_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"))
}

fn go_programs() -> Vec<PathBuf> {
    let is_go = |path: &Path| path.extension().is_some_and(|e| e == "go");
    let mut all = shell::files(&root().join("offline/go"), &is_go);
    all.extend(shell::files(&root().join("tests/env"), &is_go));
    let mut folders: Vec<PathBuf> = all.iter().filter_map(|path| Some(path.parent()?.to_owned())).collect();
    folders.dedup();
    folders
}

fn go_format() -> Result {
    let folders: Vec<String> = go_programs().iter().map(|path| relative(path)).collect();
    let args: Vec<&str> = std::iter::once("-l").chain(folders.iter().map(String::as_str)).collect();
    let unformatted = shell::read(Path::new("gofmt"), &args)?;
    if unformatted.is_empty() { Ok(()) } else { Err(format!("gofmt -w {}", unformatted.replace('\n', " "))) }
}

/// Vets the programs that need nothing but Go's own packages; the others would compile half of
/// Kubernetes first, and are compiled by the source build anyway.
fn go_vet() -> Result {
    for folder in go_programs().iter().filter(|folder| needs_only_go(folder)) {
        run_in(folder, Path::new("go"), &["vet", "-mod=readonly", "."])?;
    }
    Ok(())
}

fn needs_only_go(folder: &Path) -> bool {
    let sources = shell::files(folder, &|path| path.extension().is_some_and(|e| e == "go"));
    sources.iter().all(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        !text
            .lines()
            .filter_map(imported)
            .any(|package| package.split('/').next().unwrap_or("").contains('.'))
    })
}

/// The package that a line of a Go import block names.
fn imported(line: &str) -> Option<&str> {
    let line = line.trim().strip_suffix('"')?;
    let (name, package) = line.split_once('"')?;
    let name = name.trim().trim_start_matches("import").trim();
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    (plain && !package.contains('"')).then_some(package)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_lines_are_told_from_others() {
        assert_eq!(imported("\t\"k8s.io/klog/v2\""), Some("k8s.io/klog/v2"));
        assert_eq!(imported("import \"os\""), Some("os"));
        assert_eq!(imported("\tcorev1 \"k8s.io/api/core/v1\""), Some("k8s.io/api/core/v1"));
        assert_eq!(imported("\treturn \"a\" + \"b\""), None);
        assert_eq!(imported("package main"), None);
    }
}
