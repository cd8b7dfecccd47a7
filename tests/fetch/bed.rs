//! A machine, a server and a custom pin for one tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::liar::{Behaviour, Liar, Wire, noise, sha256};
use crate::support::{self, Machine, PROGRAM, Screen};

pub const TOOL: &str = "kubectl";
/// The time limit of a hanging run; no test takes a tenth of it.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct Bed {
    pub machine: Machine,
    pub liar: Liar,
    /// The program.
    pub bytes: Vec<u8>,
    pin: Pin,
}

/// The content of `pin.toml` besides the checksum.
#[derive(Clone)]
struct Pin {
    url: String,
    hosts: Vec<&'static str>,
    size: bool,
    /// The archive that contains the program.
    packed: Option<Vec<u8>>,
}

/// An executable program of `len` bytes that depend on the seed.
pub fn program(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = b"#!/bin/sh\necho '{\"clientVersion\":{\"gitVersion\":\"v0.0.0\"}}'\nexit 0\n".to_vec();
    bytes.extend(noise(seed, len.saturating_sub(bytes.len())));
    bytes
}

/// A program as some tools are published: in an archive, next to another file.
pub fn archive(program: &[u8], name: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in [("os/LICENSE".to_owned(), &b"free"[..]), (format!("os/{name}"), program)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes).expect("an entry");
    }
    archive.into_inner().and_then(GzEncoder::finish).expect("an archive")
}

pub const FILE: &str = "/release/kubectl";

impl Bed {
    pub fn new(behaviour: Behaviour, bytes: Vec<u8>) -> Self {
        let liar = Liar::start(behaviour);
        liar.serve(FILE, bytes.clone());
        // A Go version that is too old: what is not downloaded is not built either.
        let machine = Machine::new().stub("go", "exit 1").env("TODO_BOOTSTRAP_IDLE_TIMEOUT", "1s");
        fs::write(machine.path("VERSION"), "go1.4\n").expect("write a version");
        let roots = machine.path("roots.pem");
        fs::write(&roots, liar.state.authority.pem()).expect("write the roots");
        let machine = machine.env("SSL_CERT_FILE", &roots.display().to_string());
        let pins = machine.path("pins").display().to_string();
        let machine = machine.env("TODO_BOOTSTRAP_PINS", &pins);
        let url = liar.origin(behaviour.wire) + FILE;
        // Reachability is tested for all hosts of tools at once: none may be a real host.
        for other in ["helm", "kind", "minikube"] {
            write_pin(&machine, other, &format!("{}/{other}", liar.origin(Wire::Plain)), b"x", "", true);
        }
        let bed = Self { machine, liar, bytes, pin: Pin { url, hosts: vec![], size: true, packed: None } };
        bed.write_pin();
        bed
    }

    pub fn allowing(mut self, hosts: &[&'static str]) -> Self {
        self.pin.hosts = hosts.to_vec();
        self.write_pin();
        self
    }

    pub fn without_size(mut self) -> Self {
        self.pin.size = false;
        self.write_pin();
        self
    }

    /// Publishes the program as a member of an archive; returns what is served.
    pub fn packed(mut self) -> (Self, usize) {
        let packed = archive(&self.bytes, TOOL);
        let len = packed.len();
        self.liar.serve(&format!("{FILE}.tar.gz"), packed.clone());
        self.pin.url.push_str(".tar.gz");
        self.pin.packed = Some(packed);
        self.write_pin();
        (self, len)
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.machine = self.machine.env(key, value);
        self
    }

    /// Pins the file at another URL.
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.pin.url);
        self.write_pin();
        self
    }

    fn write_pin(&self) {
        let Pin { url, hosts, size, packed } = &self.pin;
        let member = if packed.is_some() { format!("member = \"os/{TOOL}\"\n") } else { String::new() };
        let more = format!("hosts = {hosts:?}\n{member}");
        write_pin(&self.machine, TOOL, url, packed.as_ref().unwrap_or(&self.bytes), &more, *size);
    }

    pub fn install(&self) -> Screen {
        self.run(&["tools", "install", TOOL])
    }

    /// Runs the program; one that does not end is a separate failure.
    pub fn run(&self, args: &[&str]) -> Screen {
        let run = self.start(args);
        run.end(&self.machine)
    }

    pub fn start(&self, args: &[&str]) -> Running {
        Running::of(self.machine.command(Path::new(PROGRAM)).args(args), &self.machine)
    }

    pub fn folder(&self) -> PathBuf {
        self.machine.path("cache/tools").join(format!("{TOOL}-{}", version(TOOL)))
    }

    pub fn installed(&self) -> PathBuf {
        self.folder().join(TOOL)
    }

    /// Whether the tool is installed with exactly the pinned bytes; other bytes fail the test.
    #[track_caller]
    pub fn is_installed(&self) -> bool {
        match fs::read(self.installed()) {
            Ok(bytes) => {
                assert_eq!(sha256(&bytes), sha256(&self.bytes), "wrong bytes are installed");
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => panic!("{}: {error}", self.installed().display()),
        }
    }

    /// The files in the cache that are neither a tool nor its record, nor the empty lock file that is used
    /// while a tool is changed.
    pub fn leftovers(&self) -> Vec<String> {
        let dir = self.machine.path("cache");
        let turn = dir.join("tools/.turns").join(TOOL);
        let known = [self.installed(), self.folder().join("found.json"), turn];
        let files = all_files(&dir).into_iter().filter(|path| !known.contains(path));
        files.map(|path| path.strip_prefix(&dir).unwrap_or(&path).display().to_string()).collect()
    }
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Pins a tool; `more` are additional lines of `pin.toml`.
pub fn write_pin(machine: &Machine, tool: &str, url: &str, bytes: &[u8], more: &str, size: bool) {
    let size = if size { format!("size = {}\n", bytes.len()) } else { String::new() };
    let text = format!(
        "version = \"{}\"\nurl = \"{url}\"\nsources = [\"https://one.test\", \"https://two.test\"]\n{more}\
         [platforms.\"{}\"]\nsha256 = \"{}\"\n{size}",
        version(tool),
        platform(),
        sha256(bytes),
    );
    let dir = machine.path("pins").join(tool);
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(dir.join("pin.toml"), text).expect("write a pin");
}

/// A started command.
pub struct Running {
    pub child: Child,
    out: tempfile::NamedTempFile,
    err: tempfile::NamedTempFile,
}

impl Running {
    /// Output goes to files, because nobody reads it while the command runs.
    pub fn of(command: &mut Command, machine: &Machine) -> Self {
        let file = || tempfile::NamedTempFile::new_in(machine.path("calls")).expect("a file");
        let (out, err) = (file(), file());
        let handle = |file: &tempfile::NamedTempFile| Stdio::from(file.reopen().expect("the file again"));
        let child = command.stdout(handle(&out)).stderr(handle(&err)).spawn().expect("the command starts");
        Self { child, out, err }
    }

    /// A command that does not end is killed, and has no exit code.
    pub fn end(mut self, machine: &Machine) -> Screen {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break Some(status);
            }
            if begun.elapsed() > DEADLINE {
                self.child.kill().expect("it can be killed");
                self.child.wait().expect("it was killed");
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |file: &tempfile::NamedTempFile| {
            support::read(file.path()).replace(&machine.path("").display().to_string(), "[machine]/")
        };
        let hung = if status.is_none() { "\nIT DID NOT END\n" } else { "" };
        let stderr = text(&self.err) + hung;
        Screen { code: status.and_then(|status| status.code()), stdout: text(&self.out), stderr }
    }
}

/// The version of a tool that the program requires: that of its own pin.
pub fn version(tool: &str) -> String {
    let text = support::read(&support::root().join(format!("src/tools/{tool}/pin.toml")));
    let line = text.lines().find_map(|line| line.strip_prefix("version = \""));
    line.expect("a version").trim_end_matches('"').to_owned()
}

pub fn platform() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}/{arch}")
}
