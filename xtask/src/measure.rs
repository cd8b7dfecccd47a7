//! Runs a program and measures it: wall time, peak memory, output.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::Result;

pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// The highest resident set size that was seen, in KiB; `None` without /proc.
    pub(crate) memory: Option<u64>,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
}

/// Runs `program` to completion with its standard error hidden. Memory is sampled every 2 ms, so a peak
/// in the last 2 ms of the process may be missed.
pub(crate) fn measure(program: &Path, args: &[&str]) -> Result<Measured> {
    measure_call(Command::new(program).args(args).current_dir(crate::shell::root()))
}

/// The same with a directory and additional environment variables.
pub(crate) fn measure_call(call: &mut Command) -> Result<Measured> {
    let shown = call.get_program().to_string_lossy().into_owned();
    let fail = |error: std::io::Error| format!("cannot run {shown}: {error}");
    let started = Instant::now();
    let mut child = call.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(fail)?;
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.map(|mut output| output.read_to_string(&mut text));
        text
    });
    let (time, memory) = watch(&mut child, started).map_err(fail)?;
    let code = child.wait().map_err(fail)?.code();
    Ok(Measured { time, memory, code, stdout: reader.join().unwrap_or_default() })
}

fn watch(child: &mut Child, started: Instant) -> std::io::Result<(Duration, Option<u64>)> {
    let status = format!("/proc/{}/status", child.id());
    let mut memory = None;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            memory = memory.max(high_water(&text));
        }
        if child.try_wait()?.is_some() {
            return Ok((started.elapsed(), memory));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// The processor time of our ended child processes, in steps of 10 ms.
pub(crate) fn children_user_time() -> Result<Duration> {
    let text =
        std::fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    let ticks = user_ticks(&text).ok_or("/proc/self/stat has no cutime")?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Field 16, counted after the name, which may contain spaces.
fn user_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(13)?.parse().ok()
}

/// The median; `None` of an empty list.
pub(crate) fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_high_water_mark() {
        assert_eq!(high_water("Name:\tx\nVmHWM:\t   43210 kB\nVmRSS:\t 1 kB\n"), Some(43210));
        assert_eq!(high_water("Name:\tx\n"), None);
    }

    #[test]
    fn reads_the_time_of_children() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 1234 14";
        assert_eq!(user_ticks(stat), Some(1234));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let times = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Some(Duration::from_millis(5)));
        assert_eq!(median(Vec::new()), None);
    }
}
