//! Runs commands as processes, each in a process group of its own, so that the whole group can be ended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use duct::{Expression, Handle};

use super::{Cmd, Output, ProcessLog, RunError, Runner};
use crate::cancel::{Cancel, Reason};
use crate::quantity::show_time;

const POLL: Duration = Duration::from_millis(20);
/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// How long output is awaited after the process has ended: a daemon that it started may hold the streams.
const DRAIN: Duration = Duration::from_secs(2);
/// How much of an error's output is kept, in bytes from the end.
const OUTPUT_LIMIT: usize = 64 * 1024;

#[derive(Default)]
pub struct System {
    log: Option<Arc<dyn ProcessLog>>,
    /// What commands may inherit from; each gets only what its [`super::Inherit`] lists.
    env: BTreeMap<String, OsString>,
}

impl System {
    pub fn new(log: Option<Arc<dyn ProcessLog>>, env: BTreeMap<String, OsString>) -> Self {
        Self { log, env }
    }

    fn expression(&self, cmd: &Cmd) -> Expression {
        let inherited = self.env.iter().filter(|(name, _)| cmd.inherit.includes(name));
        let env: BTreeMap<&String, &OsString> =
            inherited.chain(cmd.env.iter().map(|(name, value)| (name, value))).collect();
        let mut expression = duct::cmd(cmd.program.as_os_str(), &cmd.args).unchecked().full_env(env);
        if let Some(cwd) = &cmd.cwd {
            expression = expression.dir(cwd);
        }
        #[cfg(unix)]
        let expression = expression.before_spawn(|command| {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
            Ok(())
        });
        if cmd.input.is_empty() { expression.stdin_null() } else { expression.stdin_bytes(cmd.input.clone()) }
    }
}

/// A started command. Its pid is removed from the process log when it is dropped.
struct Running<'a> {
    handle: Handle,
    pid: u32,
    log: Option<&'a dyn ProcessLog>,
}

impl Running<'_> {
    #[cfg(unix)]
    fn group_exists(&self) -> bool {
        pid_of(self.pid).is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
    }

    #[cfg(not(unix))]
    fn group_exists(&self) -> bool {
        false
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(log) = self.log {
            log.ended(self.pid);
        }
    }
}

enum Received {
    Line(String),
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

impl Runner for System {
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        tracing::debug!(purpose = cmd.purpose, argv = cmd.argv(), "run");
        let (err_read, err_write) = std::io::pipe().map_err(|e| start_error(cmd, &e))?;
        let (out_read, out_write) = std::io::pipe().map_err(|e| start_error(cmd, &e))?;
        // The expression is dropped at once: it owns the write ends, and reading ends when they are closed.
        let (handle, pid) = start(cmd, self.expression(cmd).stdout_file(out_write).stderr_file(err_write))?;
        let running = Running { handle, pid, log: self.log.as_deref() };
        if let Some(log) = running.log {
            log.started(pid, &cmd.purpose);
        }
        let (send, received) = mpsc::channel();
        let lines = send.clone();
        std::thread::spawn(move || {
            let bytes = read_lines(out_read, &lines);
            let _ = lines.send(Received::Stdout(bytes));
        });
        std::thread::spawn(move || {
            let bytes = read_lines(err_read, &send);
            let _ = send.send(Received::Stderr(bytes));
        });
        let output = follow(cmd, &running, cancel, &received, on_line)?;
        if output.ok() || cmd.any_status { Ok(output) } else { Err(RunError::status(cmd, output)) }
    }

    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError> {
        let open = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let out = open(log).map_err(|e| start_error(cmd, &e))?;
        let err = out.try_clone().map_err(|e| start_error(cmd, &e))?;
        let (handle, pid) = start(cmd, self.expression(cmd).stdout_file(out).stderr_file(err))?;
        // Reaps the process while this program runs; init adopts it afterwards.
        std::thread::spawn(move || {
            let _ = handle.wait();
        });
        Ok(pid)
    }
}

#[allow(clippy::needless_pass_by_value)] // to drop it
fn start(cmd: &Cmd, expression: Expression) -> Result<(Handle, u32), RunError> {
    let handle = expression.start().map_err(|error| start_error(cmd, &error))?;
    let pid = handle.pids().first().copied().unwrap_or_default();
    Ok((handle, pid))
}

fn end_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(OUTPUT_LIMIT)..]).into_owned()
}

fn start_error(cmd: &Cmd, error: &std::io::Error) -> RunError {
    let purpose = cmd.purpose.clone();
    if error.kind() == std::io::ErrorKind::NotFound {
        return RunError::NotFound { purpose, program: cmd.program.display().to_string() };
    }
    RunError::Other {
        purpose,
        argv: cmd.argv(),
        why: format!("could not be started: {error}"),
        output: String::new(),
    }
}

/// Sends each line as it arrives; returns all bytes.
fn read_lines(source: std::io::PipeReader, send: &mpsc::Sender<Received>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut source = BufReader::new(source);
    loop {
        let before = all.len();
        match source.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {
                let line = String::from_utf8_lossy(&all[before..]);
                let _ = send.send(Received::Line(line.trim_end_matches(['\n', '\r']).to_owned()));
            }
        }
    }
}

/// Waits until the process and its streams end; ends the process on cancellation or when it is overdue.
fn follow(
    cmd: &Cmd,
    running: &Running<'_>,
    cancel: &Cancel,
    received: &mpsc::Receiver<Received>,
    on_line: &mut dyn FnMut(&str),
) -> Result<Output, RunError> {
    let started = Instant::now();
    let (mut stdout, mut stderr) = (None, None);
    let mut ended: Option<(Instant, i32)> = None;
    let mut stop: Option<(Instant, Stop)> = None;
    let mut last_line = started;
    loop {
        match received.recv_timeout(POLL) {
            Ok(Received::Line(line)) => {
                last_line = Instant::now();
                on_line(&line);
            }
            Ok(Received::Stdout(bytes)) => stdout = Some(bytes),
            Ok(Received::Stderr(bytes)) => stderr = Some(bytes),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(2)),
        }
        if ended.is_none() {
            match running.handle.try_wait() {
                Ok(Some(output)) => ended = Some((Instant::now(), status_of(output.status))),
                Ok(None) => {}
                Err(error) => return Err(start_error(cmd, &error)),
            }
        }
        if let Some((at, status)) = ended {
            let drained = (stdout.is_some() && stderr.is_some()) || at.elapsed() > DRAIN;
            // Other processes of the group may need longer than its leader, or ignore SIGTERM.
            let ending = stop.is_some_and(|(at, _)| at.elapsed() <= GRACE && running.group_exists());
            if !drained || ending {
                continue;
            }
            let (stdout, stderr) = (stdout.unwrap_or_default(), end_of(&stderr.unwrap_or_default()));
            let Some((_, why)) = stop else { return Ok(Output { status, stdout, stderr }) };
            signal_group(running.pid, true);
            return Err(why.error(cmd, stderr));
        }
        match stop {
            None => {
                if let Some(why) = Stop::due(cmd, cancel, started, last_line) {
                    signal_group(running.pid, false);
                    stop = Some((Instant::now(), why));
                }
            }
            Some((at, _)) if at.elapsed() > GRACE => {
                signal_group(running.pid, true);
                let _ = running.handle.kill();
            }
            Some(_) => {}
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancelled(Reason),
    Late(Duration),
    Silent(Duration),
}

impl Stop {
    fn due(cmd: &Cmd, cancel: &Cancel, started: Instant, last_line: Instant) -> Option<Self> {
        let late = cmd.limit.filter(|limit| started.elapsed() > *limit).map(Self::Late);
        let silent = || cmd.silence.filter(|limit| last_line.elapsed() > *limit).map(Self::Silent);
        late.or_else(silent).or_else(|| cancel.reason().map(Self::Cancelled))
    }

    fn error(self, cmd: &Cmd, output: String) -> RunError {
        let (purpose, argv) = (cmd.purpose.clone(), cmd.argv());
        let why = match self {
            Self::Cancelled(reason) => return RunError::Stopped { reason },
            Self::Late(limit) => format!("was still running after {}", show_time(limit)),
            Self::Silent(limit) => format!("printed nothing for {}", show_time(limit)),
        };
        RunError::Other { purpose, argv, why, output }
    }
}

fn status_of(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(-1)
}

/// Ends a process and its group, if it still exists, with SIGTERM, or with SIGKILL if `hard`.
#[cfg(unix)]
pub fn signal_group(pid: u32, hard: bool) {
    use rustix::process::{Signal, kill_process_group};
    if let Some(pid) = pid_of(pid) {
        let _ = kill_process_group(pid, if hard { Signal::KILL } else { Signal::TERM });
    }
}

#[cfg(unix)]
fn pid_of(pid: u32) -> Option<rustix::process::Pid> {
    i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
}

#[cfg(not(unix))]
pub fn signal_group(_pid: u32, _hard: bool) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::exec::Inherit;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh", "try a script").args(["-c", script])
    }

    fn run(cmd: &Cmd) -> Result<Output, RunError> {
        System::default().run(cmd, &Cancel::default(), &mut |_| {})
    }

    #[test]
    fn captures_both_streams_and_lines() {
        let mut lines = Vec::new();
        let output = System::default()
            .run(&sh("echo out; echo err >&2"), &Cancel::default(), &mut |line| {
                lines.push(line.to_owned());
            })
            .unwrap();
        assert_eq!((output.text().as_str(), output.stderr.as_str()), ("out", "err\n"));
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
    }

    #[test]
    fn a_status_is_an_error_with_argv_and_output() {
        let error = run(&sh("echo broken >&2; exit 7")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot try a script: `sh -c 'echo broken >&2; exit 7'` ended with status 7"
        );
        assert_eq!(error.output(), "broken\n");
    }

    /// Waits until `pid` is gone or a zombie, which nobody may have reaped yet.
    #[cfg(target_os = "linux")]
    fn is_gone(pid: &str) -> bool {
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat"));
        for _ in 0..500 {
            if state().map_or(true, |stat| stat.contains(") Z ")) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// One child of the shell ends on SIGTERM; the other ignores it and outlives the shell.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_deadline_ends_every_process_of_the_group() {
        let script = "sleep 600 & echo $!; (trap '' TERM; exec sleep 600) >/dev/null 2>&1 & echo $!; wait";
        let mut pids = Vec::new();
        let cmd = sh(script).within(Duration::from_millis(500));
        let result = System::default().run(&cmd, &Cancel::default(), &mut |pid| pids.push(pid.to_owned()));
        assert!(result.is_err_and(|error| error.to_string().contains("was still running")));
        assert_eq!(pids.len(), 2, "{pids:?}");
        assert!(pids.iter().all(|pid| is_gone(pid)), "{pids:?}");
    }

    #[test]
    fn a_child_gets_listed_variables_and_those_of_its_command() {
        let env = ["PATH", "HTTPS_PROXY", "DOCKER_HOST", "DOCKER_DEFAULT_PLATFORM", "LD_LIBRARY_PATH"];
        let system = System::new(None, env.map(|name| (name.to_owned(), "/bin".into())).into());
        let inherited = |inherit| {
            let cmd = Cmd::new("/usr/bin/env", "print the environment").env("OWN", "1").inherit(inherit);
            let text = system.run(&cmd, &Cancel::default(), &mut |_| {}).unwrap().text();
            let mut names: Vec<String> =
                text.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
            names.sort();
            names
        };
        assert_eq!(inherited(Inherit::Base), ["HTTPS_PROXY", "OWN", "PATH"]);
        assert_eq!(inherited(Inherit::Engine), ["DOCKER_HOST", "HTTPS_PROXY", "OWN", "PATH"]);
    }

    #[test]
    fn a_command_without_output_is_ended() {
        let silence = Duration::from_secs(2);
        let active = sh("for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done").silent_for(silence);
        run(&active).unwrap();
        let silent = sh("echo begun >&2; sleep 60").silent_for(silence);
        let error = run(&silent).unwrap_err();
        assert!(error.to_string().contains("printed nothing") && error.output() == "begun\n", "{error}");
    }

    #[test]
    fn cancelling_stops_a_command() {
        let cancel = Cancel::default();
        cancel.cancel(Reason::Interrupted);
        let error = System::default().run(&sh("sleep 60"), &cancel, &mut |_| {}).unwrap_err();
        assert!(matches!(error, RunError::Stopped { reason: Reason::Interrupted }), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let cmd = Cmd::new("/nonexistent/tool", "ask a tool");
        let error = run(&cmd).unwrap_err();
        assert_eq!(error.to_string(), "cannot ask a tool: `/nonexistent/tool` was not found");
    }
}
