//! Programs and directories: what is run, and where.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::output::{self, say};

/// A failure in one line; developers read it under the output of what failed.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The checkout.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().find(|dir| dir.join("Cargo.lock").is_file()).unwrap_or(own).to_owned()
}

/// What xtask installs for itself, below the cache that the tool uses.
pub fn cache() -> PathBuf {
    tool_cache().join("xtask")
}

/// The tool's own cache, found by the rules that it follows itself.
pub fn tool_cache() -> PathBuf {
    let var = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("TODO_BOOTSTRAP_CACHE").unwrap_or_else(|| {
        let base = var("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let base = base.or_else(|| Some(std::env::home_dir()?.join(".cache")));
        base.unwrap_or_else(std::env::temp_dir).join("todo-bootstrap")
    })
}

/// Where cargo puts its output.
pub fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    root().join(given.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// The profile that everything here is compiled with: see Cargo.toml.
pub const CI_PROFILE: &str = "--profile=ci";

/// The binary that `cargo build --profile=ci` makes.
pub fn binary() -> PathBuf {
    target().join("ci").join(format!("todo-bootstrap{}", std::env::consts::EXE_SUFFIX))
}

/// What `cargo run` told us about our own package: build scripts of dependencies watch those variables,
/// and would make half of all crates be compiled anew for each caller.
fn told_by_cargo() -> impl Iterator<Item = OsString> {
    let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    let keys = std::env::vars_os().map(|(key, _)| key);
    keys.filter(move |key| own.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)))
}

/// A program that does not see what cargo told us.
pub fn cmd<'a>(dir: &Path, program: &Path, args: impl IntoIterator<Item = &'a str>) -> duct::Expression {
    let call = duct::cmd(program.as_os_str(), args).dir(dir);
    told_by_cargo().fold(call, |call, key| call.env_remove(key))
}

/// The cargo that started us.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo in the checkout, its output streamed.
pub fn cargo_run(args: &[&str]) -> Result {
    run(Path::new(&cargo()), args)
}

/// Runs a program in the checkout, its output streamed; a status other than 0 is an error.
pub fn run(program: &Path, args: &[&str]) -> Result {
    run_in(&root(), program, args)
}

pub fn run_in(dir: &Path, program: &Path, args: &[&str]) -> Result {
    let shown = show(program, args);
    say(&format!("$ {shown}"));
    let done = output::attached(cmd(dir, program, args.iter().copied()).unchecked());
    let done = done.and_then(|call| call.run());
    let status = done.map_err(|error| format!("cannot start `{shown}`: {error}"))?.status;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
}

/// Runs a program of tests; that none ran is an error too.
pub fn run_tests(dir: &Path, program: &Path, args: &[&str], env: &[(&str, &OsStr)]) -> Result {
    let shown = show(program, args);
    let set = env
        .iter()
        .fold(String::new(), |set, (key, value)| set + &format!("{key}={} ", value.to_string_lossy()));
    say(&format!("$ {set}{shown}"));
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).envs(env.iter().copied());
    told_by_cargo().for_each(|key| _ = command.env_remove(key));
    let before = output::so_far();
    let status = output::counted(&mut command).map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if !status.success() {
        return Err(format!("`{shown}` ended with {status}"));
    }
    output::expect_tests(before).map_err(|error| format!("`{shown}`: {error}"))
}

/// A program's standard output; its standard error is streamed.
pub fn read(program: &Path, args: &[&str]) -> Result<String> {
    let shown = show(program, args);
    let read = cmd(&root(), program, args.iter().copied()).read();
    read.map_err(|error| format!("`{shown}`: {error}"))
}

/// Whether a program can be started and says it is fine; nothing of it is shown.
pub fn works(program: &Path, args: &[&str]) -> bool {
    let quiet = cmd(&root(), program, args.iter().copied()).stdout_null().stderr_null().unchecked().run();
    quiet.is_ok_and(|output| output.status.success())
}

fn show(program: &Path, args: &[&str]) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    if args.len() > 12 {
        return format!("{name} {} … ({} arguments)", args[..6].join(" "), args.len());
    }
    format!("{name} {}", args.join(" "))
}

/// All files below `dir` for which `wanted` holds, sorted; build output and hidden folders aside.
pub fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let skipped =
                    name == "target" || name == "node_modules" || name.as_encoded_bytes().starts_with(b".");
                if !skipped {
                    left.push(path);
                }
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub fn exit(done: Result) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
