//! Starting Docker's daemon and waiting until it responds, with or without systemd.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fix::fix;
use super::{Fault, detect};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::files::remove;
use crate::host::{Facts, Os};
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// A daemon that has to restore many containers needs more than the usual second or two.
const LIMIT: Duration = Duration::from_secs(90);
/// How often the socket is tried.
const PAUSE: Duration = Duration::from_millis(100);
/// Added to PATH, where the daemon looks for iptables and runc.
const SBIN: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Containers inherit the daemon's limit of open files, which systemd would raise.
const RAISED: &str = r#"ulimit -n "$(ulimit -H -n)"; exec "$0""#;
/// How many lines of its log are shown as the cause.
const TAIL: usize = 8;

/// Starts the local daemon unless it responds already. Without systemd, it is started detached, with its
/// log in `state`, and its pid is returned.
pub fn start(task: &Task<'_>, process_env: &ProcessEnv, facts: &Facts, state: &Path) -> Result<Option<u32>> {
    let task = &task.within(LIMIT);
    if responds(task) {
        return Ok(None);
    }
    let fault = Fault::NotRunning { detail: String::new() };
    if facts.os != Os::Linux || !facts.root {
        return Err(fault.error(facts));
    }
    if facts.systemd {
        return start_unit(task, facts);
    }
    let program = detect::daemon(process_env).ok_or_else(|| Fault::Absent.error(facts))?;
    std::fs::create_dir_all(state).map_err(|error| Error::io("create", state, &error))?;
    let daemon = Daemon { program, run: PathBuf::from("/var/run"), log: state.join("dockerd.log") };
    daemon
        .start(task, process_env)
        .map_err(|error| fix(&fault, facts).commands.into_iter().fold(error, Error::help))
}

/// Ends a daemon that we started, with its containers. Does nothing if `pid` is another program by now.
pub fn halt(task: &Task<'_>, pid: u32) -> Result<()> {
    if program_of(pid).as_deref() != Some("dockerd") {
        return Ok(());
    }
    task.say(format!("stopping dockerd (pid {pid})"));
    terminate(pid)
        .map_err(|error| Error::failed(format!("cannot stop dockerd (pid {pid})")).because(error))?;
    let task = &task.within(LIMIT);
    while program_of(pid).is_some() {
        pause(task).map_err(|error| error.context(format!("dockerd (pid {pid}) has not stopped")))?;
    }
    Ok(())
}

#[cfg(unix)]
fn terminate(pid: u32) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(kill_process(pid, Signal::TERM)?),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn terminate(_pid: u32) -> std::io::Result<()> {
    Ok(())
}

fn start_unit(task: &Task<'_>, facts: &Facts) -> Result<Option<u32>> {
    task.say("starting docker with systemd");
    let started = task.run(&Cmd::new("systemctl", "start docker").args(["start", "docker.service"]));
    if let Err(error) = started {
        let journal = Cmd::new("journalctl", "read docker's journal")
            .args(["--unit", "docker.service", "--lines", "20", "--no-pager", "--output", "cat"])
            .any_status();
        let cause = task.run(&journal).map(|output| cause(&output.text())).unwrap_or_default();
        return Err(error.because(cause).help("journalctl --unit docker.service"));
    }
    while !responds(task) {
        pause(task).map_err(|error| {
            let detail = "systemd started it, but it is not responding".to_owned();
            if task.remaining().is_zero() { Fault::NotRunning { detail }.error(facts) } else { error }
        })?;
    }
    Ok(None)
}

fn responds(task: &Task<'_>) -> bool {
    let cmd = Cmd::new("docker", "check whether the engine responds")
        .args(["version", "--format", "{{.Server.Version}}"])
        .inherit(Inherit::Engine)
        .within(Duration::from_secs(20))
        .any_status();
    task.run(&cmd).is_ok_and(|output| output.ok() && !output.text().is_empty())
}

/// Sleeps for [`PAUSE`]; fails if the task is stopped or its time is up.
fn pause(task: &Task<'_>) -> Result<()> {
    task.check()?;
    std::thread::sleep(PAUSE.min(task.remaining()));
    Ok(())
}

/// A daemon that no service manager supervises.
struct Daemon {
    program: PathBuf,
    /// The directory of its pid files and socket: `/var/run`.
    run: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// `None` if a daemon was starting already.
    fn start(&self, task: &Task<'_>, process_env: &ProcessEnv) -> Result<Option<u32>> {
        let seen = std::fs::metadata(&self.log).map_or(0, |data| data.len());
        if let Some(pid) = self.clear_stale()? {
            task.say(format!("waiting for the daemon that is starting (pid {pid})"));
            return self.wait(task, pid, seen).map(|()| None);
        }
        task.say("starting dockerd");
        let mut path: OsString = process_env.env.get("PATH").cloned().unwrap_or_default();
        path.push(":");
        path.push(SBIN);
        let cmd = Cmd::new("sh", "start the container engine").args(["-c", RAISED]).path(&self.program);
        let cmd = cmd.inherit(Inherit::Daemon).env("PATH", path);
        let pid = task.runner.detach(&cmd, &self.log)?;
        self.wait(task, pid, seen)?;
        Ok(Some(pid))
    }

    /// The pid of a daemon that is running. Removes pid files that a kill left, which would prevent a start.
    fn clear_stale(&self) -> Result<Option<u32>> {
        let containerd = self.run.join("docker/containerd/containerd.pid");
        if read_pid(&containerd).is_some_and(|pid| program_of(pid).as_deref() != Some("containerd")) {
            remove(&containerd)?;
        }
        let file = self.run.join("docker.pid");
        let Some(pid) = read_pid(&file) else { return Ok(None) };
        if program_of(pid).as_deref() == Some("dockerd") {
            return Ok(Some(pid));
        }
        remove(&file)?;
        Ok(None)
    }

    fn wait(&self, task: &Task<'_>, pid: u32, seen: u64) -> Result<()> {
        loop {
            if self.listens() && responds(task) {
                return Ok(());
            }
            if program_of(pid).is_none() {
                return Err(self.failed("dockerd exited before it was ready", seen));
            }
            pause(task).map_err(|error| {
                let what = format!("dockerd (pid {pid}) is running but not responding");
                if task.remaining().is_zero() { self.failed(&what, seen) } else { error }
            })?;
        }
    }

    #[cfg(unix)]
    fn listens(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.run.join("docker.sock")).is_ok()
    }

    #[cfg(not(unix))]
    fn listens(&self) -> bool {
        true
    }

    /// An error with what the daemon has written since its log was `seen` bytes long.
    fn failed(&self, what: &str, seen: u64) -> Error {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let new = log.get(usize::try_from(seen).unwrap_or_default()..).unwrap_or_default();
        Error::host(what)
            .because(cause(&String::from_utf8_lossy(new)))
            .help(format!("less {}", self.log.display()))
    }
}

/// The failure that a daemon's log names, otherwise the end of the log.
fn cause(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let is_fatal = |line: &&str| line.starts_with("failed to start daemon") || line.contains("level=fatal");
    let start = lines.iter().rposition(is_fatal).unwrap_or(lines.len().saturating_sub(TAIL));
    lines[start..].join("\n")
}

fn read_pid(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The name of the program that runs as `pid`; `None` if there is none or it is a zombie.
fn program_of(pid: u32) -> Option<String> {
    let pid = sysinfo::Pid::from_u32(pid);
    let mut system = sysinfo::System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
    let process = system.process(pid)?;
    let runs = process.status() != sysinfo::ProcessStatus::Zombie;
    runs.then(|| process.name().to_string_lossy().into_owned())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::error::Exit;
    use crate::exec::{Output, RunError, Runner, Script, System};
    use crate::host::recorded::{debian, macos, micro_vm};
    use crate::task::testing::with_task;

    fn daemon(dir: &Path) -> Daemon {
        Daemon {
            program: PathBuf::from("/usr/sbin/dockerd"),
            run: dir.to_owned(),
            log: dir.join("dockerd.log"),
        }
    }

    fn start_on(facts: &Facts, script: &Script) -> Result<Option<u32>> {
        with_task(script, |task| start(task, &ProcessEnv::real(), facts, Path::new("/nonexistent"))).0
    }

    #[test]
    fn an_engine_that_responds_is_not_started() {
        let script = Script::default().on("docker version", 0, "20.10.24\n");
        assert_eq!(start_on(&micro_vm(), &script).unwrap(), None);
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn systemd_starts_the_daemon_or_its_journal_shows_why_not() {
        let facts = Facts { root: true, ..debian() };
        let script = Script::default()
            .on("docker version", 1, "")
            .on("systemctl start docker.service", 0, "")
            .on("docker version", 0, "20.10.24\n");
        assert_eq!(start_on(&facts, &script).unwrap(), None);
        let script = Script::default()
            .on("docker version", 1, "")
            .fails("systemctl start", "Job for docker.service failed")
            .on("journalctl", 0, "noise\nfailed to start daemon: no iptables\n");
        let error = start_on(&facts, &script).unwrap_err().to_string();
        assert!(error.contains("because failed to start daemon: no iptables"), "{error}");
    }

    #[test]
    fn without_root_or_on_macos_the_error_names_the_command() {
        let script = Script::default().on("docker version", 1, "");
        for (facts, command) in
            [(debian(), "sudo systemctl enable --now docker"), (macos(), "open -a Docker")]
        {
            let error = start_on(&facts, &script).unwrap_err();
            assert_eq!((error.exit(), error.hints()), (Exit::HostNotReady, &[command.to_owned()][..]));
        }
    }

    /// Returns recorded output, but starts detached processes.
    struct Half(Script);

    impl Runner for Half {
        fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
            self.0.run(cmd, cancel, on_line)
        }
        fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError> {
            System::default().detach(cmd, log)
        }
    }

    /// A daemon that is a shell script.
    fn fake(dir: &Path, script: &str) -> Daemon {
        use std::os::unix::fs::PermissionsExt as _;
        let program = dir.join("dockerd");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Daemon { program, ..daemon(dir) }
    }

    #[test]
    fn a_daemon_is_started_detached_and_ended_by_its_pid() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("docker.sock")).unwrap();
        let daemon = fake(dir.path(), "echo up; while :; do sleep 0.1; done");
        let runner = Half(Script::default().on("docker version", 0, "20.10.24\n"));
        let pid = with_task(&runner, |task| daemon.start(task, &ProcessEnv::real())).0.unwrap().unwrap();
        // The socket exists before the daemon in this test, so the shell may still be starting it.
        while program_of(pid).as_deref() == Some("sh") {
            std::thread::sleep(PAUSE);
        }
        with_task(&runner, |task| halt(task, pid)).0.unwrap();
        assert_eq!(program_of(pid), None);
        with_task(&runner, |task| halt(task, std::process::id())).0.unwrap();
    }

    #[test]
    fn a_daemon_that_cannot_start_is_explained_by_its_log() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dockerd.log"), "failed to start daemon: an earlier run\n").unwrap();
        let daemon = fake(dir.path(), "echo noise; echo failed to start daemon: no space left; exit 1");
        let runner = Half(Script::default());
        let error = with_task(&runner, |task| daemon.start(task, &ProcessEnv::real())).0.unwrap_err();
        assert_eq!(error.what(), "dockerd exited before it was ready");
        assert_eq!(error.causes(), ["failed to start daemon: no space left"]);
    }

    #[test]
    fn stale_pid_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let containerd = dir.path().join("docker/containerd");
        std::fs::create_dir_all(&containerd).unwrap();
        std::fs::write(containerd.join("containerd.pid"), "4194303").unwrap();
        // A process that exists and is not a daemon: the test itself.
        std::fs::write(dir.path().join("docker.pid"), std::process::id().to_string()).unwrap();
        assert_eq!(daemon(dir.path()).clear_stale().unwrap(), None);
        assert!(!dir.path().join("docker.pid").exists() && !containerd.join("containerd.pid").exists());
    }

    #[test]
    fn the_cause_is_the_named_failure_or_the_end() {
        assert_eq!(cause("a\nfailed to start daemon: x\n"), "failed to start daemon: x");
        let long = (0..20).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        assert!(cause(&long).starts_with("line 12\n") && cause("").is_empty());
    }
}
