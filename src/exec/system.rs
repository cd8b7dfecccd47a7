//! Runs commands for real, each in a process group of its own so that all of it can be ended.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use duct::{Expression, Handle};

use super::{Cmd, Input, Output, ProcessLog, RunError, Runner};
use crate::cancel::{Cancel, Reason};

/// How often a running command is asked whether it ended or should end.
const TICK: Duration = Duration::from_millis(20);
/// What a process group gets between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(5);
/// Captured text is cut in front to this many bytes: enough for a cause, bounded in memory.
const KEEP_STDERR: usize = 64 * 1024;

#[derive(Default)]
pub struct System {
    log: Option<Arc<dyn ProcessLog>>,
}

impl System {
    pub fn new(log: Option<Arc<dyn ProcessLog>>) -> Self {
        Self { log }
    }

    fn start(&self, cmd: &Cmd, expression: &Expression) -> Result<Running<'_>, RunError> {
        tracing::debug!(purpose = cmd.purpose, argv = cmd.argv(), "run");
        let handle = expression.start().map_err(|error| start_error(cmd, &error))?;
        let pids = handle.pids();
        for pid in &pids {
            if let Some(log) = &self.log {
                log.started(*pid, &cmd.purpose);
            }
        }
        Ok(Running { handle, pids, log: self.log.as_deref() })
    }
}

/// A started command; its pids leave the process log when it goes.
struct Running<'a> {
    handle: Handle,
    pids: Vec<u32>,
    log: Option<&'a dyn ProcessLog>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(log) = self.log {
            self.pids.iter().for_each(|pid| log.ended(*pid));
        }
    }
}

enum Heard {
    Line(String),
    Stdout(Vec<u8>),
    Stderr(String),
}

impl Runner for System {
    fn run(&self, cmd: &Cmd, cancel: &Cancel, on_line: &mut dyn FnMut(&str)) -> Result<Output, RunError> {
        let (err_read, err_write) = std::io::pipe().map_err(|e| start_error(cmd, &e))?;
        let (out_read, out_write) = std::io::pipe().map_err(|e| start_error(cmd, &e))?;
        // In a block: the expressions own the writers, and the readers see an end only when they go.
        let running = {
            let expression = expression(cmd)?.stdout_file(out_write).stderr_file(err_write);
            self.start(cmd, &expression)?
        };
        let (send, heard) = mpsc::channel();
        let lines = send.clone();
        std::thread::spawn(move || {
            let bytes = read_lines(out_read, &lines);
            let _ = lines.send(Heard::Stdout(bytes));
        });
        std::thread::spawn(move || {
            let mut bytes = read_lines(err_read, &send);
            let cut = bytes.len().saturating_sub(KEEP_STDERR);
            let text = String::from_utf8_lossy(&bytes.split_off(cut)).into_owned();
            let _ = send.send(Heard::Stderr(text));
        });
        let output = follow(cmd, &running, cancel, &heard, on_line)?;
        finish(cmd, output)
    }

    fn pipe(&self, from: &Cmd, to: &Cmd, cancel: &Cancel) -> Result<Output, RunError> {
        let (mut err_read, err_write) = std::io::pipe().map_err(|e| start_error(to, &e))?;
        let (mut out_read, out_write) = std::io::pipe().map_err(|e| start_error(to, &e))?;
        let running = {
            let into = piped(to).stdout_file(out_write);
            let both = expression(from)?.pipe(into).stderr_file(err_write).unchecked();
            self.start(to, &both)?
        };
        let (send, heard) = mpsc::channel();
        let also = send.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = out_read.read_to_end(&mut bytes);
            let _ = also.send(Heard::Stdout(bytes));
        });
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = err_read.read_to_end(&mut bytes);
            let _ = send.send(Heard::Stderr(String::from_utf8_lossy(&bytes).into_owned()));
        });
        let output = follow(to, &running, cancel, &heard, &mut |_| {})?;
        finish(to, output)
    }

    fn detach(&self, cmd: &Cmd, log: &Path) -> Result<u32, RunError> {
        let open = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let out = open(log).map_err(|e| start_error(cmd, &e))?;
        let err = out.try_clone().map_err(|e| start_error(cmd, &e))?;
        let expression = expression(cmd)?.stdout_file(out).stderr_file(err).unchecked();
        let handle = expression.start().map_err(|error| start_error(cmd, &error))?;
        let pid = handle.pids().first().copied().unwrap_or_default();
        // Reaped while we live; adopted by init afterwards.
        std::thread::spawn(move || {
            let _ = handle.wait();
        });
        Ok(pid)
    }
}

fn expression(cmd: &Cmd) -> Result<Expression, RunError> {
    let expression = piped(cmd);
    Ok(match &cmd.input {
        Input::None => expression.stdin_null(),
        Input::Bytes(bytes) => expression.stdin_bytes(bytes.clone()),
        Input::File(path) => expression.stdin_file(File::open(path).map_err(|e| start_error(cmd, &e))?),
    })
}

/// The command with its standard input left to what feeds it.
fn piped(cmd: &Cmd) -> Expression {
    let mut expression = duct::cmd(cmd.program.as_os_str(), &cmd.args).unchecked();
    for (key, value) in &cmd.env {
        expression = match value {
            Some(value) => expression.env(key, value),
            None => expression.env_remove(key),
        };
    }
    if let Some(cwd) = &cmd.cwd {
        expression = expression.dir(cwd);
    }
    #[cfg(unix)]
    let expression = expression.before_spawn(|command| {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
        Ok(())
    });
    expression
}

fn start_error(cmd: &Cmd, error: &std::io::Error) -> RunError {
    let purpose = cmd.purpose.clone();
    if error.kind() == std::io::ErrorKind::NotFound {
        return RunError::NotFound { purpose, program: cmd.program.display().to_string() };
    }
    RunError::Start { purpose, argv: cmd.argv(), cause: error.to_string() }
}

/// Sends whole lines as they come; returns all bytes.
fn read_lines(source: std::io::PipeReader, send: &mpsc::Sender<Heard>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut source = BufReader::new(source);
    loop {
        let before = all.len();
        match source.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {
                let line = String::from_utf8_lossy(&all[before..]);
                let _ = send.send(Heard::Line(line.trim_end_matches(['\n', '\r']).to_owned()));
            }
        }
    }
}

/// Waits for the end of the process and of both streams, minding cancellation and the deadline.
fn follow(
    cmd: &Cmd,
    running: &Running<'_>,
    cancel: &Cancel,
    heard: &mpsc::Receiver<Heard>,
    on_line: &mut dyn FnMut(&str),
) -> Result<Output, RunError> {
    let started = Instant::now();
    let (mut stdout, mut stderr) = (None, None);
    let mut ended: Option<(Instant, i32)> = None;
    let mut stop: Option<Instant> = None;
    let mut late = None;
    let mut last_line = started;
    loop {
        match heard.recv_timeout(TICK) {
            Ok(Heard::Line(line)) => {
                last_line = Instant::now();
                on_line(&line);
            }
            Ok(Heard::Stdout(bytes)) => stdout = Some(bytes),
            Ok(Heard::Stderr(text)) => stderr = Some(text),
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
            // A grandchild may hold the streams open (a daemon does): do not wait for it for long.
            if (stdout.is_some() && stderr.is_some()) || at.elapsed() > Duration::from_secs(2) {
                let output =
                    Output { status, stdout: stdout.unwrap_or_default(), stderr: stderr.unwrap_or_default() };
                return verdict(cmd, cancel, stop.is_some(), late, output);
            }
            continue;
        }
        late = late.or_else(|| overdue(cmd, started, last_line));
        match stop {
            None if late.is_some() || cancel.reason().is_some() => {
                running.pids.iter().for_each(|pid| signal_group(*pid, false));
                stop = Some(Instant::now());
            }
            Some(at) if at.elapsed() > GRACE => {
                running.pids.iter().for_each(|pid| signal_group(*pid, true));
                let _ = running.handle.kill();
            }
            _ => {}
        }
    }
}

/// Why a command has to end that does not do so by itself.
#[derive(Debug, Clone, Copy)]
enum Overdue {
    Late(Duration),
    Silent(Duration),
}

fn overdue(cmd: &Cmd, started: Instant, last_line: Instant) -> Option<Overdue> {
    let late = cmd.limit.filter(|limit| started.elapsed() > *limit).map(Overdue::Late);
    late.or_else(|| cmd.silence.filter(|most| last_line.elapsed() > *most).map(Overdue::Silent))
}

fn verdict(
    cmd: &Cmd,
    cancel: &Cancel,
    stopped: bool,
    late: Option<Overdue>,
    output: Output,
) -> Result<Output, RunError> {
    let (purpose, argv) = (cmd.purpose.clone(), cmd.argv());
    match late {
        Some(Overdue::Late(limit)) => Err(RunError::TimedOut { purpose, argv, limit, output: output.stderr }),
        Some(Overdue::Silent(silence)) => {
            Err(RunError::Silent { purpose, argv, silence, output: output.stderr })
        }
        None if stopped => Err(RunError::Stopped { reason: cancel.reason().unwrap_or(Reason::Interrupted) }),
        None => Ok(output),
    }
}

fn finish(cmd: &Cmd, output: Output) -> Result<Output, RunError> {
    if output.ok() || cmd.any_status {
        return Ok(output);
    }
    let mut text = output.stderr;
    if text.trim().is_empty() {
        let cut = output.stdout.len().saturating_sub(KEEP_STDERR);
        text = String::from_utf8_lossy(&output.stdout[cut..]).into_owned();
    }
    Err(RunError::Status {
        purpose: cmd.purpose.clone(),
        argv: cmd.argv(),
        status: output.status,
        output: text,
    })
}

fn status_of(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(-1)
}

/// Tells a process and all of its group to end: politely, or (`hard`) for good. A group that is gone
/// already is no error.
#[cfg(unix)]
pub fn signal_group(pid: u32, hard: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, if hard { Signal::KILL } else { Signal::TERM });
    }
}

#[cfg(not(unix))]
pub fn signal_group(_pid: u32, _hard: bool) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh", "try a script").args(["-c", script])
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
        let error = System::default()
            .run(&sh("echo broken >&2; exit 7"), &Cancel::default(), &mut |_| {})
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot try a script: `sh -c 'echo broken >&2; exit 7'` ended with status 7"
        );
        assert_eq!(error.output(), "broken\n");
    }

    #[test]
    fn the_deadline_ends_the_whole_group() {
        let cmd = sh("sleep 60 & sleep 60").within(Duration::from_millis(100));
        let error = System::default().run(&cmd, &Cancel::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, RunError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn silence_ends_a_command_and_a_line_now_and_then_keeps_it() {
        let silence = Duration::from_secs(2);
        let talks = sh("for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done").silent_for(silence);
        System::default().run(&talks, &Cancel::default(), &mut |_| {}).unwrap();
        let stands = sh("echo begun >&2; sleep 60").silent_for(silence);
        let error = System::default().run(&stands, &Cancel::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, RunError::Silent { .. }) && error.output() == "begun\n", "{error}");
    }

    #[test]
    fn cancelling_stops_a_command() {
        let cancel = Cancel::default();
        cancel.cancel(Reason::Interrupted);
        let error = System::default().run(&sh("sleep 60"), &cancel, &mut |_| {}).unwrap_err();
        assert!(matches!(error, RunError::Stopped { reason: Reason::Interrupted }), "{error}");
    }

    #[test]
    fn pipes_one_into_the_other() {
        let output =
            System::default().pipe(&sh("printf abc"), &sh("tr a-z A-Z"), &Cancel::default()).unwrap();
        assert_eq!(output.text(), "ABC");
    }

    #[test]
    fn a_missing_program_is_named() {
        let cmd = Cmd::new("/nonexistent/tool", "ask a tool");
        let error = System::default().run(&cmd, &Cancel::default(), &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "cannot ask a tool: `/nonexistent/tool` was not found");
    }
}
