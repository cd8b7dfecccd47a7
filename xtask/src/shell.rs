//! Runs programs, and knows the directories.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::output::{self, say};

/// A one-line error; developers read it below the output of what failed.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The checkout.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().find(|dir| dir.join("Cargo.lock").is_file()).unwrap_or(own).to_owned()
}

/// What xtask installs for itself, in the cache directory of the program.
pub fn cache() -> PathBuf {
    tool_cache().join("xtask")
}

/// The program's own cache, found by the same rules.
pub fn tool_cache() -> PathBuf {
    let var = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("TODO_BOOTSTRAP_CACHE").unwrap_or_else(|| {
        let base = var("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let base = base.or_else(|| Some(std::env::home_dir()?.join(".cache")));
        base.unwrap_or_else(std::env::temp_dir).join("todo-bootstrap")
    })
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    root().join(given.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// The profile that everything here is compiled with: see Cargo.toml.
pub const CI_PROFILE: &str = "--profile=ci";

/// The binary that `cargo build --profile=ci` creates.
pub fn binary() -> PathBuf {
    target().join("ci").join(format!("todo-bootstrap{}", std::env::consts::EXE_SUFFIX))
}

/// Variables that `cargo run` sets for our package: build scripts of dependencies watch them, so half of all
/// crates would be compiled again for each caller.
fn told_by_cargo() -> impl Iterator<Item = OsString> {
    let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    let keys = std::env::vars_os().map(|(key, _)| key);
    keys.filter(move |key| own.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)))
}

/// A command without the variables that cargo set for us.
pub fn cmd<'a>(dir: &Path, program: &Path, args: impl IntoIterator<Item = &'a str>) -> duct::Expression {
    let call = duct::cmd(program.as_os_str(), args).dir(dir);
    told_by_cargo().fold(call, |call, key| call.env_remove(key))
}

/// The cargo that started us.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo in the checkout and streams its output.
pub fn cargo_run(args: &[&str]) -> Result {
    run(Path::new(&cargo()), args)
}

/// Runs a program in the checkout and streams its output; a status other than 0 is an error.
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

/// Runs a test program; it is also an error if no test ran.
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

/// Returns a program's standard output; its standard error is streamed.
pub fn read(program: &Path, args: &[&str]) -> Result<String> {
    let shown = show(program, args);
    let read = cmd(&root(), program, args.iter().copied()).read();
    read.map_err(|error| format!("`{shown}`: {error}"))
}

/// Whether a program runs successfully; its output is hidden.
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

/// All files below `dir` that satisfy `wanted`, sorted, without build output and hidden directories.
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
