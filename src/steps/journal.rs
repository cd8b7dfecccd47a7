//! The crash-safe log of a command: one JSON object per line.
//!
//! It records each started process by pid and start time, so that the next run can end the processes that an
//! interrupted run left behind.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::exec::{ProcessLog, signal_group};

/// A larger journal is renamed, and a new one begun.
const MOST_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub struct Journal {
    file: Mutex<File>,
}

/// A process that an earlier run started and that still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub pid: u32,
    /// Seconds since the epoch; pid and start time together identify a process.
    pub started: u64,
    pub purpose: String,
}

impl Journal {
    /// Opens the journal in `dir` for a run of `command`.
    pub fn open(dir: &Path, command: &str) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
        let path = dir.join("journal.jsonl");
        if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > MOST_BYTES) {
            let old = dir.join("journal.1.jsonl");
            std::fs::rename(&path, &old).map_err(|e| Error::io("rename", &path, &e))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| Error::io("open", &path, &e))?;
        let journal = Self { file: Mutex::new(file) };
        journal.write(&json!({ "run": command, "pid": std::process::id() }));
        Ok(journal)
    }

    pub fn step(&self, id: &str, state: &str, message: &str) {
        self.write(&json!({ "step": id, "state": state, "message": message }));
    }

    /// A failure must not stop the work: the probes of the next run do not depend on the journal.
    fn write(&self, entry: &Value) {
        let mut entry = entry.clone();
        entry["ts"] = json!(jiff::Timestamp::now().to_string());
        if let Ok(mut file) = self.file.lock() {
            let written = writeln!(file, "{entry}").and_then(|()| file.sync_data());
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write the journal");
            }
        }
    }

    /// The processes that the journal in `dir` records as started but not as ended, and that still run.
    pub fn orphans(dir: &Path) -> Vec<Orphan> {
        let Ok(file) = File::open(dir.join("journal.jsonl")) else { return Vec::new() };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        // A line that a crash truncated is not JSON, and is skipped.
        let open = still_open(lines.filter_map(|line| serde_json::from_str(&line).ok()));
        open.into_iter().filter(Orphan::is_running).collect()
    }
}

fn still_open(entries: impl Iterator<Item = Value>) -> Vec<Orphan> {
    let mut open: Vec<Orphan> = Vec::new();
    for entry in entries {
        let Some(pid) = entry["process"].as_u64().and_then(|pid| u32::try_from(pid).ok()) else { continue };
        open.retain(|orphan| orphan.pid != pid);
        if let (Some(started), Some(purpose)) = (entry["started"].as_u64(), entry["purpose"].as_str()) {
            open.push(Orphan { pid, started, purpose: purpose.to_owned() });
        }
    }
    open
}

impl ProcessLog for Journal {
    fn started(&self, pid: u32, purpose: &str) {
        self.write(&json!({ "process": pid, "started": start_time(pid), "purpose": purpose }));
    }

    fn ended(&self, pid: u32) {
        self.write(&json!({ "process": pid, "ended": true }));
    }
}

impl Orphan {
    /// Whether it still runs. Its start time may change by a second when the system corrects its boot time.
    pub(super) fn is_running(&self) -> bool {
        start_time(self.pid).is_some_and(|started| started.abs_diff(self.started) <= 2)
    }

    /// Terminates the process and its group; kills them if they still run after five seconds.
    pub fn end(&self) {
        for signal in [false, true] {
            signal_group(self.pid, signal);
            for _ in 0..50 {
                if !self.is_running() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }
}

/// The start time of a process in seconds since the epoch; `None` if it does not exist or is a zombie.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let pid = sysinfo::Pid::from_u32(pid);
    let mut system = sysinfo::System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
    let process = system.process(pid)?;
    (process.status() != sysinfo::ProcessStatus::Zombie).then(|| process.start_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_is_no_orphan() {
        let entries = [
            json!({ "process": 10, "started": 5, "purpose": "build" }),
            json!({ "process": 11, "started": 5, "purpose": "load" }),
            json!({ "process": 10, "ended": true }),
        ];
        let open = still_open(entries.into_iter());
        assert_eq!(open, [Orphan { pid: 11, started: 5, purpose: "load".into() }]);
    }

    #[test]
    fn pid_and_start_time_identify_a_process() {
        let own = std::process::id();
        assert!(start_time(own).is_some());
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "test").unwrap();
        journal.started(own, "this test");
        assert_eq!(Journal::orphans(dir.path()).len(), 1);
        journal.ended(own);
        assert!(Journal::orphans(dir.path()).is_empty());
    }
}
