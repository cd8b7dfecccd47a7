//! A current laptop inside this machine: Debian sid with Docker (containerd image store, buildx) or
//! Podman, and a user, in separate namespaces (`tests/laptop/`). It ends with its process, however this
//! one ends; needs root.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bed::output;
use crate::laptop_root::{root, tool_cache};
use crate::leftover;
use crate::program::{Run, Then, run};

/// The prefix of their control groups.
const PREFIX: &str = "todo-bootstrap-laptop";
/// With a new storage directory, the daemon needs seconds; on a loaded machine, many more.
const BOOT: Duration = Duration::from_secs(2 * 60);

/// The engine that runs containers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// For a user without root.
    Docker,
    /// For root.
    Podman,
}

impl Daemon {
    pub fn client(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    fn user(self) -> &'static str {
        match self {
            Self::Docker => "ada",
            Self::Podman => "root",
        }
    }

    /// What the laptop runs at boot; Docker waits as long as /run/stopped exists.
    fn service(self) -> &'static str {
        match self {
            Self::Docker => {
                "while sleep 0.1; do [ -e /run/stopped ] || dockerd >>/var/log/dockerd.log 2>&1; done"
            }
            Self::Podman => "exec sleep infinity",
        }
    }

    /// The other engine's programs, which are removed: a machine has one engine.
    fn others(self) -> &'static str {
        match self {
            Self::Docker => "podman",
            Self::Podman => "docker dockerd",
        }
    }
}

pub struct Laptop {
    pub daemon: Daemon,
    name: String,
    /// The directory for what it writes; deleted with it.
    dir: PathBuf,
    /// Its first process, as seen from this machine.
    init: u32,
    boot: Child,
    plug: Option<Child>,
}

impl Laptop {
    /// Boots one below `dir`, without any network. `cached`: the user's cache starts with the content of
    /// this machine's cache; `program`, if given, is on PATH.
    pub fn boot(checkout: &Path, dir: &Path, daemon: Daemon, cached: bool, program: Option<&Path>) -> Self {
        sweep(dir);
        let lower = root(checkout);
        let name = leftover::cluster_name(dir).replace(leftover::PREFIX, PREFIX);
        let dir = dir.join("laptop");
        std::fs::create_dir_all(dir.join("upper/usr/local/bin")).expect("create the laptop's folder");
        if let Some(program) = program {
            std::fs::copy(program, dir.join("upper/usr/local/bin/todo-bootstrap")).expect("copy the program");
        }
        let cache = if cached { tool_cache() } else { PathBuf::from("-") };
        println!("=== booting a laptop with {} for {}", daemon.client(), daemon.user());
        let log = File::create(dir.join("boot.log")).expect("a log");
        let mut boot = Command::new("bash");
        boot.arg(checkout.join("tests/laptop/boot.sh")).arg(&name).arg(lower).arg(&dir).arg(daemon.user());
        boot.arg(cache).args(["sh", "-c", daemon.service()]).stdin(Stdio::null()).stderr(log);
        let boot = boot.spawn().expect("bash runs");
        let mut laptop = Self { daemon, name, dir, init: 0, boot, plug: None };
        laptop.wait();
        let programs = format!("cd /usr/bin && rm -f {0} && cd ../sbin && rm -f {0}", daemon.others());
        laptop.root(&programs).expect("one engine is left");
        laptop
    }

    /// Its first process, as seen from this machine.
    pub fn init(&self) -> u32 {
        self.init
    }

    /// The files outside the home directories and the engine's storage that were written since it was created.
    pub fn written(&self) -> BTreeSet<String> {
        let upper = self.dir.join("upper");
        let mut list = Command::new("find");
        // The engine's log, and the file of all users' logins.
        list.arg(&upper).args([
            "-not",
            "-name",
            "dockerd.log",
            "-not",
            "-name",
            "lastlog",
            "-not",
            "-type",
            "d",
        ]);
        list.args(["-printf", "%P %T@\\n"]);
        let list = output(list).expect("find runs");
        list.lines().map(str::to_owned).collect()
    }

    fn wait(&mut self) {
        let end = Instant::now() + BOOT;
        let ask = format!("{} version", self.daemon.client());
        loop {
            self.init = first_process(&self.name).unwrap_or_default();
            if self.init != 0 && self.sh(&ask).is_ok() {
                return;
            }
            let ended = self.boot.try_wait().expect("wait").is_some();
            assert!(!ended && Instant::now() < end, "no engine answers:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Stops Docker and its containers, and returns once its socket does not answer.
    pub fn stop_engine(&self) {
        self.root("touch /run/stopped && kill $(cat /run/docker.pid)").expect("dockerd runs");
        let end = Instant::now() + BOOT;
        while self.root("pgrep -x dockerd").is_ok() {
            assert!(Instant::now() < end, "dockerd does not end:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn start_engine(&mut self) {
        self.root("rm /run/stopped").expect("the engine was stopped");
        self.wait();
    }

    /// The output of booting and of the daemon.
    fn logs(&self) -> String {
        let logs = ["boot.log", "upper/var/log/dockerd.log"].map(|file| self.dir.join(file));
        let texts = logs.map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn enter(&self, user: &str, line: &str) -> Command {
        let mut command = Command::new("sh");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/laptop/enter.sh");
        command.arg(script).arg(&self.name).arg(self.init.to_string()).args([user, line]);
        command.stdin(Stdio::null());
        command
    }

    /// Standard output of a shell command line as the user, which must succeed.
    pub fn sh(&self, line: &str) -> Result<String, String> {
        output(self.enter(self.daemon.user(), line))
    }

    pub fn root(&self, line: &str) -> Result<String, String> {
        output(self.enter("root", line))
    }

    /// Runs the program as the user.
    pub fn run(&self, line: &str, limit: Duration) -> Run {
        println!("laptop$ {line}");
        run(self.enter(self.daemon.user(), line), limit, &mut |_| Then::GoOn)
    }

    /// Mounts a directory of this machine as `~/name` of the user.
    pub fn give(&self, from: &Path, name: &str) {
        let user = self.daemon.user();
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(self.dir.join("data/home/given.tar")).arg("-C").arg(from).arg(".");
        output(tar).expect("tar packs it");
        let line = format!(
            "home=$(getent passwd {user} | cut -d: -f6) && mkdir $home/{name} && tar -xf /home/given.tar \
             --no-same-owner -C $home/{name} && chown -R {user}: $home/{name} && rm /home/given.tar"
        );
        self.root(&line).expect("the folder is given");
    }

    /// Mounts a file of this machine as `~/name`.
    pub fn give_file(&self, from: &Path, name: &str) {
        let shared = self.dir.join("data/home").join(name);
        std::fs::hard_link(from, &shared).expect("a link on one file system");
        let user = self.daemon.user();
        let line = format!(
            "chmod a+r /home/{name} && ln -s /home/{name} $(getent passwd {user} | cut -d: -f6)/{name}"
        );
        self.root(&line).expect("the file is given");
    }

    /// Connects it to this machine's network.
    pub fn plug_in(&mut self) {
        let file = self.dir.join("netns");
        File::create(&file).expect("a file for the namespace");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/laptop/plug.sh");
        let mut plug = Command::new("sh");
        plug.arg(script).arg(self.init.to_string()).arg(file).stdin(Stdio::null());
        self.plug = Some(plug.spawn().expect("sh runs"));
        let end = Instant::now() + Duration::from_secs(20);
        while !self.has_way_out() {
            assert!(Instant::now() < end, "pasta gives no way out");
            std::thread::sleep(Duration::from_millis(100));
        }
        // The pasta of Debian 12 sends segments without any flag. A socket ignores them, but connection tracking
        // does not know them, so a container's connection is reset.
        self.root("iptables -t raw -A PREROUTING -p tcp --tcp-flags ALL NONE -j DROP")
            .expect("iptables runs");
    }

    pub fn is_plugged_in(&self) -> bool {
        self.plug.is_some()
    }

    /// Whether a packet to an outside address would leave the machine.
    pub fn has_way_out(&self) -> bool {
        let routes = self.root("ip -4 route show default; ip -6 route show default").expect("ip runs");
        !routes.trim().is_empty()
    }

    fn end(&mut self) {
        for child in [self.plug.as_mut(), Some(&mut self.boot)].into_iter().flatten() {
            // SIGKILL, by the id of what we started. When the first process of the namespace is killed, the kernel
            // ends all others, and removes the mounts and the network.
            let _ = child.kill();
            let _ = child.wait();
        }
        remove_groups(&self.name);
        std::fs::remove_dir_all(&self.dir).expect("remove what the laptop wrote");
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- output of the laptop:\n{}", self.logs());
            let client = self.daemon.client();
            println!("{}", self.sh(&format!("{client} ps --all")).unwrap_or_else(|error| error));
            if std::env::var_os("TODO_BOOTSTRAP_E2E_KEEP").is_some() {
                let enter = self.enter(self.daemon.user(), "COMMAND");
                println!("kept for you as long as this runs: {enter:?}");
                let _ = self.boot.wait();
            }
        }
        self.end();
    }
}

/// Ends what a killed run left behind: usually nothing, because a laptop ends with its process.
pub fn sweep(dir: &Path) {
    for entry in std::fs::read_dir("/sys/fs/cgroup/pids").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) {
            println!("=== {name} was left by a run that did not end in order");
            for pid in processes(&entry.path()) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            remove_groups(&name);
        }
    }
    let _ = std::fs::remove_dir_all(dir.join("laptop"));
}

/// The first process in the laptop's own PID namespace, once it has executed the final program.
fn first_process(name: &str) -> Option<u32> {
    let procs = std::fs::read_to_string(format!("/sys/fs/cgroup/pids/{name}/cgroup.procs")).ok()?;
    procs.lines().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
        let counted: Vec<&str> = field("NSpid:").unwrap_or_default().split_whitespace().collect();
        counted.len() == 2 && counted[1] == "1" && field("Name:").map(str::trim) == Some("tini")
    })
}

/// All processes of a control group and those below it.
fn processes(group: &Path) -> Vec<rustix::process::Pid> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let own = text.lines().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?));
    let mut found: Vec<_> = own.collect();
    for below in folders(group) {
        found.extend(processes(&below));
    }
    found
}

/// Processes leave their groups some time after they were killed.
fn remove_groups(name: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    for hierarchy in folders(Path::new("/sys/fs/cgroup")) {
        let group = hierarchy.join(name);
        while group.exists() {
            remove_group(&group);
            assert!(Instant::now() < end, "{} is in use", group.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn remove_group(group: &Path) {
    for below in folders(group) {
        remove_group(&below);
    }
    let _ = std::fs::remove_dir(group);
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect()
}
