//! One run of the program: its output, its events and its end.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// A line of `--events json`.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Event {
    pub ts: String,
    pub step: String,
    pub state: String,
    pub current: Option<u64>,
    pub total: Option<u64>,
    pub message: String,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// `None` if it was killed.
    pub code: Option<i32>,
    pub events: Vec<Event>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Run {
    /// Whether an event message or a line of output contains `text`.
    pub fn said(&self, text: &str) -> bool {
        self.stderr.contains(text) || self.events.iter().any(|event| event.message.contains(text))
    }

    /// The ids of steps that reached `state`, in order.
    pub fn steps(&self, state: &str) -> Vec<&str> {
        self.events.iter().filter(|event| event.state == state).map(|event| event.step.as_str()).collect()
    }

    /// Fails the test with the complete output unless the run ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "unexpected end; it said:\n{}", self.tail(60));
        self
    }

    #[track_caller]
    pub fn expect_said(&self, text: &str) {
        assert!(self.said(text), "`{text}` was not printed; the output is:\n{}", self.tail(60));
    }

    /// The last lines of both streams.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.stdout.lines().chain(self.stderr.lines()).collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// What to do after an event was seen.
pub enum Then {
    GoOn,
    /// SIGKILL after this time.
    KillIn(Duration),
    /// Ctrl-C after this time; the program then ends by itself.
    InterruptIn(Duration),
}

/// What is sent to the run, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kill(Instant),
    Interrupt(Instant),
}

enum Line {
    Out(String),
    Err(String),
}

/// Runs `command` to completion, or until `watch` kills it; kills it and fails after `limit`.
pub fn run(mut command: Command, limit: Duration, watch: &mut dyn FnMut(&Event) -> Then) -> Run {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let (send, lines) = channel();
    read(child.stdout.take(), send.clone(), Line::Out);
    read(child.stderr.take(), send, Line::Err);
    let mut seen =
        Run { code: None, events: vec![], stdout: String::new(), stderr: String::new(), took: limit };
    let mut fate: Option<Fate> = None;
    let mut interrupted = false;
    let status = loop {
        match lines.recv_timeout(Duration::from_millis(5)) {
            Ok(line) => {
                let new = seen.take(line, watch);
                fate = fate.or(new);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(5)),
        }
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        match fate {
            Some(Fate::Kill(at)) if Instant::now() >= at => break kill(&mut child),
            Some(Fate::Interrupt(at)) if Instant::now() >= at && !interrupted => {
                interrupted = true;
                interrupt(&child);
            }
            _ => {}
        }
        if started.elapsed() > limit {
            kill(&mut child);
            panic!("{command:?} did not end within {limit:?}; the output is:\n{}", seen.tail(60));
        }
    };
    seen.took = started.elapsed();
    seen.drain(&lines, watch);
    seen.code = status.code();
    seen
}

/// The signal that a terminal sends at Ctrl-C.
fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupt");
}

fn kill(child: &mut Child) -> ExitStatus {
    // SIGKILL, by the id of the process that we started.
    child.kill().expect("kill");
    child.wait().expect("wait")
}

fn read(stream: Option<impl Read + Send + 'static>, send: Sender<Line>, kind: fn(String) -> Line) {
    let stream = stream.expect("a piped stream");
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            if send.send(kind(line)).is_err() {
                break;
            }
        }
    });
}

impl Run {
    /// The output that was written before the end but not read yet. A daemon that the program started may
    /// keep the streams open, so this does not wait for their end.
    fn drain(&mut self, lines: &Receiver<Line>, watch: &mut dyn FnMut(&Event) -> Then) {
        while let Ok(line) = lines.recv_timeout(Duration::from_millis(200)) {
            self.take(line, watch);
        }
    }

    fn take(&mut self, line: Line, watch: &mut dyn FnMut(&Event) -> Then) -> Option<Fate> {
        match line {
            Line::Err(text) => {
                println!("  | {text}");
                self.stderr.push_str(&text);
                self.stderr.push('\n');
                None
            }
            Line::Out(text) => {
                self.stdout.push_str(&text);
                self.stdout.push('\n');
                let event: Event = serde_json::from_str(&text).ok()?;
                if event.state != "progress" {
                    println!("  | {} {}: {}", event.step, event.state, event.message);
                }
                let then = watch(&event);
                self.events.push(event);
                match then {
                    Then::GoOn => None,
                    Then::KillIn(after) => Some(Fate::Kill(Instant::now() + after)),
                    Then::InterruptIn(after) => Some(Fate::Interrupt(Instant::now() + after)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    const STARTED: &str =
        r#"echo '{"ts":"t","step":"one","state":"started","current":null,"total":null,"message":"m"}'"#;

    #[test]
    fn a_run_dies_at_the_wanted_event() {
        let run = run(shell(&format!("{STARTED}; sleep 60")), Duration::from_secs(30), &mut |event| {
            if event.step == "one" { Then::KillIn(Duration::ZERO) } else { Then::GoOn }
        });
        assert_eq!((run.code, run.steps("started")), (None, vec!["one"]));
        assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    }

    #[test]
    fn a_child_that_keeps_the_streams_open_is_not_waited_for() {
        let run =
            run(shell("sleep 5 & echo narration >&2; exit 3"), Duration::from_secs(30), &mut |_| Then::GoOn);
        assert!(run.code == Some(3) && run.said("narration") && run.took < Duration::from_secs(3), "{run:?}");
    }
}
