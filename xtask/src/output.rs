//! Where the output of a stage goes: to the screen, or to a file while another stage uses the screen. Test
//! results in it are counted, so that a log shows that tests ran.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::shell::Result;
use crate::tally::Tally;

/// How many lines of a failed stage are shown again; enough for the panic of a test.
const KEPT: usize = 60;

thread_local! {
    static FILE: RefCell<Option<File>> = const { RefCell::new(None) };
    static TALLY: Cell<Tally> = const { Cell::new(Tally::NONE) };
    static LAST: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// From here on, the output of this thread goes to `file`.
pub fn into_file(file: File) {
    FILE.set(Some(file));
}

/// The test results that this thread saw since the last call.
pub fn tallied() -> Tally {
    TALLY.replace(Tally::NONE)
}

/// The last lines that this thread wrote since the last call.
pub fn last_lines() -> Vec<String> {
    LAST.take().into()
}

/// Writes one line.
pub fn say(line: &str) {
    LAST.with_borrow_mut(|last| {
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    });
    FILE.with_borrow_mut(|file| match file {
        // A full disk also makes the stage fail, so this error is ignored.
        Some(file) => _ = writeln!(file, "{line}"),
        None => println!("{line}"),
    });
}

/// Sends the output of a program to where this thread writes.
pub fn attached(call: duct::Expression) -> std::io::Result<duct::Expression> {
    FILE.with_borrow(|file| match file {
        Some(file) => Ok(call.stderr_to_stdout().stdout_file(file.try_clone()?)),
        None => Ok(call),
    })
}

/// Runs a program to completion; prints each of its lines and counts test results.
///
/// # Errors
/// The program cannot be started.
pub fn counted(command: &mut Command) -> std::io::Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (send, lines) = channel();
    if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
        read(out, send.clone());
        read(err, send);
    }
    let mut ended = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                TALLY.set(TALLY.get() + Tally::of_line(&line));
                say(&line);
            }
            // A daemon that the program started may keep the streams open, so they are not waited for.
            Err(RecvTimeoutError::Timeout) => match ended {
                Some(status) => return Ok(status),
                None => ended = child.try_wait()?,
            },
            Err(RecvTimeoutError::Disconnected) => return child.wait(),
        }
    }
}

fn read(stream: impl Read + Send + 'static, send: Sender<String>) {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        // Invalid UTF-8 in one line must not lose the rest.
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if send.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
}

/// Fails a stage in which no test ran, because it proves nothing.
pub fn expect_tests(before: Tally) -> Result {
    let now = TALLY.get();
    if now.ran() > before.ran() { Ok(()) } else { Err("no test ran".to_owned()) }
}

/// What this thread counted so far.
pub fn so_far() -> Tally {
    TALLY.get()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn results_are_counted_on_both_streams() {
        tallied();
        let status = counted(&mut shell(
            "echo 'test result: ok. 3 passed; 0 failed; 1 ignored;'; echo '2 passed in 0.1s' >&2; exit 4",
        ));
        assert_eq!(status.unwrap().code(), Some(4));
        assert_eq!(tallied(), Tally { passed: 5, failed: 0, left_out: 1 });
        assert_eq!(tallied(), Tally::NONE);
    }

    #[test]
    fn the_last_lines_are_kept() {
        last_lines();
        counted(&mut shell("seq 100; echo panicked")).unwrap();
        let last = last_lines();
        assert_eq!((last.len(), last[0].as_str(), last[KEPT - 1].as_str()), (KEPT, "42", "panicked"));
        assert!(last_lines().is_empty());
    }

    #[test]
    fn a_daemon_that_keeps_the_streams_is_not_waited_for() {
        let began = std::time::Instant::now();
        assert!(counted(&mut shell("sleep 20 & echo said")).unwrap().success());
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_stage_beside_others_writes_to_its_file() {
        let mut file = {
            let path = std::env::temp_dir().join(format!("xtask-output-{}", std::process::id()));
            let file =
                File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            // Only visible to this thread.
            std::fs::remove_file(&path).unwrap();
            file
        };
        let copy = file.try_clone().unwrap();
        let thread = std::thread::spawn(move || {
            into_file(copy);
            say("one");
            counted(&mut shell("echo two; echo three >&2")).unwrap();
            attached(duct::cmd!("/bin/sh", "-c", "echo four; echo five >&2")).unwrap().run().unwrap();
        });
        thread.join().unwrap();
        let mut text = String::new();
        std::io::Seek::rewind(&mut file).unwrap();
        file.read_to_string(&mut text).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.remove(0), lines.len()), ("one", 4), "{text}");
        assert!(lines.contains(&"two") && lines.contains(&"three") && lines.ends_with(&["four", "five"]));
    }
}
