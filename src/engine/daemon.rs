//! Starting Docker's daemon and waiting until it answers, with or without systemd.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::remedy::remedy;
use super::{Fault, Installed, detect};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::host::{Facts, Os};
use crate::task::Task;
use crate::world::World;

/// The daemon needs a second or two; with many containers to restore, many more.
const LIMIT: Duration = Duration::from_secs(90);
/// How often the socket is tried: no process, no noise.
const PAUSE: Duration = Duration::from_millis(100);
/// The daemon looks for iptables and runc itself.
const SBIN: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Containers inherit the daemon's limit of open files, which systemd would have raised for it.
const RAISED: &str = r#"ulimit -n "$(ulimit -H -n)"; exec "$0""#;
/// Lines of its log that are shown as the cause.
const TAIL: usize = 8;

/// Starts the local daemon unless it answers already. Returns its pid where we started it detached
/// (no systemd), with its log in `state`.
pub fn start(task: &Task<'_>, world: &World, facts: &Facts, state: &Path) -> Result<Option<u32>> {
    let task = &task.within(LIMIT);
    if answers(task) {
        return Ok(None);
    }
    let fault = Fault::NotRunning { detail: String::new() };
    if facts.os != Os::Linux || !facts.root {
        return Err(fault.error(facts));
    }
    if facts.systemd {
        return start_unit(task, facts);
    }
    let program = detect::daemon(world).ok_or_else(|| Fault::Absent.error(facts))?;
    std::fs::create_dir_all(state).map_err(|error| Error::io("create", state, &error))?;
    let daemon = Daemon { program, run: PathBuf::from("/var/run"), log: state.join("dockerd.log") };
    let pid = daemon
        .start(task, world)
        .map_err(|error| remedy(&fault, facts).commands.into_iter().fold(error, Error::help))?;
    if let (Some(pid), Some(mut made)) = (pid, Installed::load(state)?) {
        made.pid = Some(pid);
        made.save(state)?;
    }
    Ok(pid)
}

/// Ends a daemon that we started, with all its containers; nothing happens where `pid` is another
/// program by now.
pub fn halt(task: &Task<'_>, pid: u32) -> Result<()> {
    if program_of(pid).as_deref() != Some("dockerd") {
        return Ok(());
    }
    task.say(format!("stop dockerd (pid {pid})"));
    terminate(pid)
        .map_err(|error| Error::failed(format!("cannot stop dockerd (pid {pid})")).because(error))?;
    let task = &task.within(LIMIT);
    while program_of(pid).is_some() {
        pause(task).map_err(|error| error.context(format!("dockerd (pid {pid}) does not stop")))?;
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
    task.say("start docker by systemd");
    let started = task.run(&Cmd::new("systemctl", "start docker").args(["start", "docker.service"]));
    if let Err(error) = started {
        let journal = Cmd::new("journalctl", "read docker's journal")
            .args(["--unit", "docker.service", "--lines", "20", "--no-pager", "--output", "cat"])
            .any_status();
        let cause = task.run(&journal).map(|output| cause(&output.text())).unwrap_or_default();
        return Err(error.because(cause).help("journalctl --unit docker.service"));
    }
    while !answers(task) {
        pause(task).map_err(|error| {
            let detail = "systemd started it, but it is not responding".to_owned();
            if task.remaining().is_zero() { Fault::NotRunning { detail }.error(facts) } else { error }
        })?;
    }
    Ok(None)
}

/// Whether the engine behind the client answers.
fn answers(task: &Task<'_>) -> bool {
    let cmd = Cmd::new("docker", "check whether the engine responds")
        .args(["version", "--format", "{{.Server.Version}}"])
        .inherit(Inherit::Engine)
        .within(Duration::from_secs(20))
        .any_status();
    task.run(&cmd).is_ok_and(|output| output.ok() && !output.text().is_empty())
}

/// Sleeps a little; fails where the task is stopped or its time is up.
fn pause(task: &Task<'_>) -> Result<()> {
    task.check()?;
    std::thread::sleep(PAUSE.min(task.remaining()));
    Ok(())
}

/// A daemon without anyone to look after it.
struct Daemon {
    program: PathBuf,
    /// Where it keeps its pid files and socket: `/var/run`.
    run: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// `None` where one was starting already, and is only waited for.
    fn start(&self, task: &Task<'_>, world: &World) -> Result<Option<u32>> {
        let seen = std::fs::metadata(&self.log).map_or(0, |data| data.len());
        if let Some(pid) = self.clear_stale()? {
            task.say(format!("wait for the daemon that is starting (pid {pid})"));
            return self.wait(task, pid, seen).map(|()| None);
        }
        task.say("start dockerd");
        let mut path: OsString = world.env.get("PATH").cloned().unwrap_or_default();
        path.push(":");
        path.push(SBIN);
        let cmd = Cmd::new("sh", "start the container engine").args(["-c", RAISED]).path(&self.program);
        let cmd = cmd.inherit(Inherit::Daemon).env("PATH", path);
        let pid = task.runner.detach(&cmd, &self.log)?;
        self.wait(task, pid, seen)?;
        Ok(Some(pid))
    }

    /// The pid of a daemon that runs already. Pid files whose process is gone, or is another
    /// program by now (after a kill or a power cut), would keep the daemon from starting: they are
    /// removed.
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
            if self.listens() && answers(task) {
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

    /// An error with what the daemon wrote since its log was `seen` bytes long.
    fn failed(&self, what: &str, seen: u64) -> Error {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let new = log.get(usize::try_from(seen).unwrap_or_default()..).unwrap_or_default();
        Error::host(what)
            .because(cause(&String::from_utf8_lossy(new)))
            .help(format!("read {}", self.log.display()))
    }
}

/// The end of a daemon's log; where it names its failure, only that.
fn cause(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let fatal = lines
        .iter()
        .rposition(|line| line.starts_with("failed to start daemon") || line.contains("level=fatal"));
    match fatal {
        Some(at) => lines[at..].join("\n"),
        None => lines[lines.len().saturating_sub(TAIL)..].join("\n"),
    }
}

fn read_pid(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn remove(file: &Path) -> Result<()> {
    std::fs::remove_file(file).map_err(|error| Error::io("remove the stale", file, &error))
}

/// The name of the program that runs as `pid`; `None` where none does (a zombie does not run).
fn program_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    running(&stat).map(str::to_owned)
}

/// From the text of `/proc/PID/stat`: `7 (dockerd) S 1 …`.
fn running(stat: &str) -> Option<&str> {
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    (!matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None)).then_some(name)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::engine::testing::with_task;
    use crate::exec::{Output, RunError, Runner, Script, System};
    use crate::host::recorded::{debian, macos, micro_vm};

    fn daemon(dir: &Path) -> Daemon {
        Daemon {
            program: PathBuf::from("/usr/sbin/dockerd"),
            run: dir.to_owned(),
            log: dir.join("dockerd.log"),
        }
    }

    #[test]
    fn an_engine_that_answers_is_left_alone() {
        let script = Script::default().on("docker version", 0, "20.10.24\n");
        let pid =
            with_task(&script, |task| start(task, &World::real(), &micro_vm(), Path::new("/nonexistent")));
        assert_eq!(pid.0.unwrap(), None);
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn systemd_is_asked_where_it_runs() {
        let script = Script::default()
            .on("docker version", 1, "")
            .on("systemctl start docker.service", 0, "")
            .on("docker version", 0, "20.10.24\n");
        let facts = Facts { root: true, ..debian() };
        let pid = with_task(&script, |task| start(task, &World::real(), &facts, Path::new("/nonexistent"))).0;
        assert_eq!(pid.unwrap(), None);
    }

    #[test]
    fn a_unit_that_fails_shows_its_journal() {
        let script = Script::default()
            .on("docker version", 1, "")
            .on_err("systemctl start", 1, "", "Job for docker.service failed")
            .on("journalctl", 0, "noise\nfailed to start daemon: no iptables\n");
        let facts = Facts { root: true, ..debian() };
        let error =
            with_task(&script, |task| start(task, &World::real(), &facts, Path::new("/nonexistent"))).0;
        assert!(error.unwrap_err().to_string().contains("because failed to start daemon: no iptables"));
    }

    #[test]
    fn without_rights_or_on_macos_the_command_is_given() {
        let script = Script::default().on("docker version", 1, "");
        for (facts, command) in
            [(debian(), "sudo systemctl enable --now docker"), (macos(), "open -a Docker")]
        {
            let error = with_task(&script, |task| start(task, &World::real(), &facts, Path::new("/x")))
                .0
                .unwrap_err();
            assert_eq!(error.hints(), [command]);
        }
    }

    #[test]
    fn a_daemon_that_dies_is_explained_by_its_new_log_lines() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dockerd.log"), "failed to start daemon: of yesterday\n").unwrap();
        let daemon = daemon(dir.path());
        let script = Script::default().on("sh -c", 0, "");
        let error = with_task(&script, |task| daemon.start(task, &World::real())).0.unwrap_err();
        assert!(!error.to_string().contains("yesterday"), "{error}");
        std::fs::write(&daemon.log, "old\nfailed to start daemon: now\n").unwrap();
        assert_eq!(daemon.failed("x", 4).causes(), ["failed to start daemon: now"]);
    }

    /// Answers from a script, and starts for real what is to be detached.
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
        let pid = with_task(&runner, |task| daemon.start(task, &World::real())).0.unwrap().unwrap();
        // The socket is there from the start in this test, so the shell may still be on its way.
        while program_of(pid).as_deref() == Some("sh") {
            std::thread::sleep(PAUSE);
        }
        with_task(&runner, |task| halt(task, pid)).0.unwrap();
        assert_eq!(program_of(pid), None);
        with_task(&runner, |task| halt(task, std::process::id())).0.unwrap();
    }

    #[test]
    fn a_daemon_that_cannot_start_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = fake(dir.path(), "echo noise; echo failed to start daemon: no space left; exit 1");
        let runner = Half(Script::default());
        let error = with_task(&runner, |task| daemon.start(task, &World::real())).0.unwrap_err();
        assert_eq!(error.what(), "dockerd exited before it was ready");
        assert_eq!(error.causes(), ["failed to start daemon: no space left"]);
    }

    #[test]
    fn stale_pid_files_go_and_a_running_daemon_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let containerd = dir.path().join("docker/containerd");
        std::fs::create_dir_all(&containerd).unwrap();
        std::fs::write(containerd.join("containerd.pid"), "4194303").unwrap();
        // A pid that lives, and is not a daemon: the test itself.
        std::fs::write(dir.path().join("docker.pid"), std::process::id().to_string()).unwrap();
        assert_eq!(daemon(dir.path()).clear_stale().unwrap(), None);
        assert!(!dir.path().join("docker.pid").exists() && !containerd.join("containerd.pid").exists());
    }

    #[test]
    fn reads_process_states() {
        assert_eq!(running("7 (dockerd) S 1 7"), Some("dockerd"));
        assert_eq!(running("7 (a) b) R 1"), Some("a) b"));
        assert_eq!(running("7 (dockerd) Z 1 7"), None);
    }

    #[test]
    fn the_cause_is_the_named_failure_or_the_end() {
        assert_eq!(cause("a\nfailed to start daemon: x\n"), "failed to start daemon: x");
        let long = (0..20).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        assert!(cause(&long).starts_with("line 12\n") && cause("").is_empty());
    }
}
