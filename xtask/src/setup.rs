//! What the stages need and the machine may lack: found, or installed by its ordinary client.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::shell::{self, Result, cache};

/// The version that deny.toml is written for.
const CARGO_DENY: &str = "0.20.2";
const RUFF: &str = "0.17.5";

/// Installs Debian packages; needs root or `sudo` without a password.
pub(crate) fn apt(packages: &[&str]) -> Result {
    if !shell::works(Path::new("apt-get"), &["--version"]) {
        return Err(format!("install these by hand: {}", packages.join(" ")));
    }
    let root = shell::works(Path::new("test"), &["-w", "/var/lib/dpkg"]);
    let (program, before) = if root { ("apt-get", vec![]) } else { ("sudo", vec!["-n", "apt-get"]) };
    let call = |args: &[&str]| shell::run(Path::new(program), &[&before, args].concat());
    call(&["update", "-q"])?;
    call(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
}

/// Shellcheck's program.
pub(crate) fn shellcheck() -> Result<PathBuf> {
    let program = PathBuf::from("shellcheck");
    if !shell::works(&program, &["--version"]) {
        apt(&["shellcheck"])?;
    }
    Ok(program)
}

/// Ruff's program, from a virtual environment in the cache.
pub(crate) fn ruff() -> Result<PathBuf> {
    let venv = cache().join(format!("ruff-{RUFF}"));
    let program = venv.join("bin/ruff");
    if shell::works(&program, &["--version"]) {
        return Ok(program);
    }
    virtual_environment(&venv)?;
    shell::run(&venv.join("bin/pip"), &["install", "--quiet", &format!("ruff=={RUFF}")])?;
    Ok(program)
}

/// An empty virtual environment in the folder `venv`.
pub(crate) fn virtual_environment(venv: &Path) -> Result {
    let python = Path::new("python3");
    let target = venv.to_string_lossy().into_owned();
    if shell::run(python, &["-m", "venv", "--clear", &target]).is_err() {
        apt(&["python3-venv", "python3-pip"])?;
        shell::run(python, &["-m", "venv", "--clear", &target])?;
    }
    Ok(())
}

/// The servers that the services' tests start for themselves.
pub(crate) fn databases() -> Result {
    let database = std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut all| all.next().is_some());
    if !database || !shell::works(Path::new("redis-server"), &["--version"]) {
        apt(&["postgresql", "redis-server"])?;
    }
    Ok(())
}

/// The browser that the tests drive, by its path.
pub(crate) fn chromium() -> Result<PathBuf> {
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join("chromium")).find(|program| program.is_file())
    };
    if let Some(program) = found() {
        return Ok(program);
    }
    apt(&["chromium"])?;
    found().ok_or_else(|| "the package chromium brought no program of that name".to_owned())
}

/// cargo-deny's program, built beside the stages that do not need it.
pub(crate) enum Deny {
    Ready(PathBuf),
    Building { program: PathBuf, log: PathBuf, thread: JoinHandle<Result> },
}

impl Deny {
    fn program() -> PathBuf {
        cache().join(format!("cargo-deny-{CARGO_DENY}/bin/cargo-deny"))
    }

    /// Whether no installation is needed.
    pub(crate) fn is_installed() -> bool {
        shell::works(&Self::program(), &["--version"])
    }

    /// Finds it, or starts to build it; the log of that goes to a file.
    pub(crate) fn start() -> Result<Self> {
        let program = Self::program();
        if Self::is_installed() {
            return Ok(Self::Ready(program));
        }
        let home = program.ancestors().nth(2).unwrap_or(&program).to_owned();
        std::fs::create_dir_all(&home).map_err(|e| format!("cannot create {}: {e}", home.display()))?;
        let log = home.with_extension("log");
        println!("cargo-deny {CARGO_DENY} is built in the background, log: {}", log.display());
        let output = File::create(&log).map_err(|e| format!("cannot create {}: {e}", log.display()))?;
        let thread = std::thread::spawn(move || install_deny(&home, output));
        Ok(Self::Building { program, log, thread })
    }

    /// The program, waiting for its build where one runs.
    pub(crate) fn wait(self) -> Result<PathBuf> {
        match self {
            Self::Ready(program) => Ok(program),
            Self::Building { program, log, thread } => {
                println!("waiting for cargo-deny ({})", log.display());
                let done = thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()));
                done.map_err(|error| format!("{error}; see {}", log.display()))?;
                Ok(program)
            }
        }
    }
}

/// Unoptimised, as building it is the cost and running it is not; its own target folder lets an
/// interrupted build go on.
fn install_deny(home: &Path, output: File) -> Result {
    let target = home.join("target");
    let args = ["install", "--locked", "--debug", "--version", CARGO_DENY, "--root"];
    let call = duct::cmd(
        shell::cargo(),
        args.iter().map(std::ffi::OsString::from).chain([
            home.into(),
            "--target-dir".into(),
            target.clone().into(),
            "cargo-deny".into(),
        ]),
    );
    let call = call.dir(home).env("CARGO_PROFILE_DEV_DEBUG", "0").stderr_to_stdout().stdout_file(output);
    let status = call.unchecked().run().map_err(|error| format!("cannot start cargo: {error}"))?.status;
    if !status.success() {
        return Err(format!("`cargo install cargo-deny` ended with {status}"));
    }
    std::fs::remove_dir_all(&target).map_err(|e| format!("cannot remove {}: {e}", target.display()))
}
