//! An isolated machine for each test: home, cache, state, and a PATH with only stubs.

pub mod liar;
pub mod registry;
pub mod serve;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A temporary machine. Of the real one, only `/bin/sh` and the kernel are visible.
pub struct Machine {
    dir: TempDir,
    env: Vec<(String, String)>,
    home: bool,
}

/// The output and the exit status of a command.
#[derive(Debug)]
pub struct Screen {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    pub fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().expect("a folder"), env: vec![], home: true };
        for folder in ["home", "bin", "cache", "state", "work", "calls"] {
            fs::create_dir(machine.path(folder)).expect("a folder");
        }
        machine
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn without_home(mut self) -> Self {
        self.home = false;
        self
    }

    /// Writes a file below the working directory of commands.
    pub fn file(self, relative: &str, text: &str) -> Self {
        let path = self.path("work").join(relative);
        fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        fs::write(path, text).expect("write a file");
        self
    }

    /// Adds links to real programs to PATH; an existing stub is kept.
    pub fn link(&self, programs: &[&str]) {
        for program in programs.iter().filter(|program| !self.path("bin").join(program).exists()) {
            let real = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(program));
            let real = real.iter().find(|path| path.exists());
            let real = real.unwrap_or_else(|| panic!("{program} is not on this machine"));
            std::os::unix::fs::symlink(real, self.path("bin").join(program)).expect("a link");
        }
    }

    /// Adds a program to PATH that records its arguments and then runs `body` (POSIX shell).
    pub fn stub(self, name: &str, body: &str) -> Self {
        let calls = self.path("calls").join(name);
        let script =
            format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{}'\nPATH=/usr/bin:/bin\n{body}\n", calls.display());
        let path = self.path("bin").join(name);
        // Writing through a link would overwrite the real program.
        let _ = fs::remove_file(&path);
        fs::write(&path, script).expect("write a stub");
        make_executable(&path);
        self
    }

    /// The argument lists of a stub's calls.
    pub fn calls(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls").join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Runs the program.
    pub fn run(&self, args: &[&str]) -> Screen {
        self.finish(self.command(Path::new(PROGRAM)).args(args))
    }

    /// Runs a shell command line in which `$program` is the program.
    pub fn shell(&self, line: &str) -> Screen {
        let mut command = self.command(Path::new("/bin/sh"));
        self.finish(command.args(["-c", line]).env("program", PROGRAM))
    }

    /// Any other program, on the same machine.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("TODO_BOOTSTRAP_CACHE", self.path("cache"))
            .env("TODO_BOOTSTRAP_STATE", self.path("state"))
            .stdin(Stdio::null());
        if self.home {
            command.env("HOME", self.path("home"));
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs a command to completion, and replaces this machine's paths in its output.
    pub fn finish(&self, command: &mut Command) -> Screen {
        let Output { status, stdout, stderr } = command.output().expect("the command starts");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(&self.dir.path().display().to_string(), "[machine]")
        };
        Screen { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_todo-bootstrap");

impl Screen {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self.well_behaved()
    }

    #[track_caller]
    pub fn fails(self) -> Self {
        assert!(self.code.is_some_and(|code| code != 0), "{self}");
        self.well_behaved()
    }

    /// Requirements on every output: no panic, and no control sequences without a terminal.
    #[track_caller]
    fn well_behaved(self) -> Self {
        assert!(!self.stderr.contains("panicked"), "{self}");
        assert!(!self.stdout.contains('\u{1b}') && !self.stderr.contains('\u{1b}'), "{self}");
        self
    }

    #[track_caller]
    pub fn err_has(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "`{part}` is missing on standard error\n{self}");
        self
    }

    #[track_caller]
    pub fn out_has(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "`{part}` is missing on standard output\n{self}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

#[cfg(unix)]
pub fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("make it executable");
}

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `dir` with one of these extensions, sorted.
pub fn files(dir: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The names of the directories in `dir`, sorted.
pub fn folders(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A path relative to the checkout.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
