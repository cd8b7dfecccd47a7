//! The stages of `cargo xtask ci`.

use std::path::{Path, PathBuf};

use crate::e2e;
use crate::services;
use crate::setup;
use crate::shell::{self, CI_PROFILE, Result, cargo_run, root, run, run_in, run_tests};
use crate::stages::Stages;
use crate::support;

pub(crate) fn run_all(stages: &mut Stages, fast: bool) {
    stages.run("format", || cargo_run(&["fmt", "--all", "--check"]));
    // Compiling uses the CPU, while the tests of the services mostly wait, so they run in parallel. The
    // compiler has low priority, so that it does not slow down the tests.
    let compiled = Stages::beside("compile", vec![("build", Box::new(build)), ("lints", Box::new(lints))]);
    stages.run("system packages", || setup::machine(fast));
    stages.run("shell scripts", shell_scripts);
    stages.run("workflows", || run(&setup::go_tool("github.com/rhysd/actionlint/cmd/actionlint")?, &[]));
    stages.run("python", python);
    services::run_all(stages, fast);
    stages.run("go format", go_format);
    if fast {
        stages.skip("go vet", "because of --fast");
    } else {
        stages.run("go vet", go_vet);
    }
    stages.run("licences, bans, sources", licences);
    stages.run("one build for all", crate::features::one_build);
    let compiled = match compiled {
        Ok(beside) => stages.join(beside),
        Err(error) => stages.run("build", || Err(error)),
    };
    if compiled {
        stages.run("supported versions", support::tell);
    }
    stages.run("unit and command line tests", || {
        let args = ["test", CI_PROFILE, "--workspace", "--locked", "--no-fail-fast"];
        run_tests(&root(), Path::new(&shell::cargo()), &args, &[])
    });
    if fast {
        stages.skip("image scan with grype", "because of --fast");
    } else {
        stages.run("image scan with grype", image_scan);
    }
    if fast {
        stages.skip("real cluster", "because of --fast");
    } else if compiled {
        e2e::run_all(stages, e2e::Sweep::Short);
    } else {
        stages.skip("real cluster", "because the build failed");
    }
}

/// Builds the program and all of its tests: one call of cargo keeps all cores busy.
fn build() -> Result {
    cargo_in_background(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])
}

fn lints() -> Result {
    let call = ["clippy", CI_PROFILE, "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    cargo_in_background(&call)?;
    // Links in the documentation that lead nowhere.
    let call =
        ["doc", CI_PROFILE, "--package", "todo-bootstrap", "--lib", "--no-deps", "--document-private-items"];
    cargo_in_background(&[&call[..], &["--locked"]].concat())
}

fn cargo_in_background(args: &[&str]) -> Result {
    let cargo = shell::cargo();
    if !shell::works(Path::new("nice"), &["-n", "10", "true"]) {
        return cargo_run(args);
    }
    let cargo = cargo.to_string_lossy();
    run(Path::new("nice"), &[&["-n", "10", &cargo], args].concat())
}

pub(crate) fn run_ci(fast: bool) -> Result {
    let mut stages = Stages::new();
    run_all(&mut stages, fast);
    stages.finish()
}

/// The test that needs a real scanner, which Go builds from its module.
fn image_scan() -> Result {
    let args = ["test", CI_PROFILE, "--locked", "--test", "main", "cli::scan", "--", "--ignored"];
    run_tests(&root(), Path::new(&shell::cargo()), &args, &[])
}

/// Advisories come from a Git server that not every network can reach, so failures are only reported.
fn licences() -> Result {
    let deny = setup::tool("cargo-deny")?;
    run(&deny, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])?;
    if let Err(error) = run(&deny, &["check", "--hide-inclusion-graph", "advisories"]) {
        println!("advisories could not be checked, or some apply (see above): {error}");
    }
    Ok(())
}

fn shell_scripts() -> Result {
    let scripts = shell::files(&root(), &is_shell_script);
    let mut args = vec!["--severity=style".to_owned()];
    args.extend(scripts.iter().map(|path| relative(path)));
    args.push(".ci/run".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(Path::new("shellcheck"), &args)
}

/// Finds scripts by their extension, or by their first line if they have none.
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
    let ruff = setup::tool("ruff")?;
    // Each project is a separate stage with its own tools.
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
        let args = ["-B", "-m", "unittest", "discover", "-p", "*test*.py"];
        run_tests(folder, Path::new("python3"), &args, &[])?;
    }
    Ok(())
}

fn is_python_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"))
}

fn go_programs() -> Vec<PathBuf> {
    let is_go = |path: &Path| path.extension().is_some_and(|e| e == "go");
    let mut all = shell::files(&root().join("offline/go"), &is_go);
    all.extend(shell::files(&root().join("tests"), &is_go));
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

/// Vets the programs that need only Go's standard library; the others would first compile half of
/// Kubernetes, and the source build compiles them anyway.
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

/// The package in a line of a Go import block.
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
