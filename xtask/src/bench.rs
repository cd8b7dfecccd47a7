//! `cargo xtask bench`: measures the limits of time and memory on this machine.
//!
//! It uses the cluster that `up --dir DIR` creates or finds in the caller's state directory.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::measure::{Measured, measure, median};
use crate::shell::{CI_PROFILE, Result, binary, cargo_run};
use crate::stages::show;

#[derive(Args)]
pub(crate) struct Options {
    /// The project that `up` deploys
    #[arg(long, default_value = "examples/hello")]
    dir: PathBuf,
    /// How often to run each command
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Only what needs no cluster
    #[arg(long)]
    no_cluster: bool,
}

/// One line of the table: what is measured, its limit, the result, and whether it is within the limit.
struct Row {
    what: &'static str,
    limit: String,
    measured: String,
    within: bool,
}

pub(crate) fn run(options: &Options) -> Result {
    cargo_run(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])?;
    let mut rows = vec![help(options)?, doctor(options)?];
    if !options.no_cluster {
        rows.extend(second_up(options)?);
    }
    println!("\n| what | limit | measured | |\n|---|---|---|---|");
    for row in &rows {
        let verdict = if row.within { "within" } else { "over" };
        println!("| {} | {} | {} | {verdict} |", row.what, row.limit, row.measured);
    }
    let over = rows.iter().filter(|row| !row.within).count();
    if over == 0 { Ok(()) } else { Err(format!("{over} of {} are over their limit", rows.len())) }
}

fn repeat(options: &Options, args: &[&str], codes: &[i32]) -> Result<Vec<Measured>> {
    (0..options.runs.max(1))
        .map(|_| {
            let one = measure(&binary(), args)?;
            let fine = one.code.is_some_and(|code| codes.contains(&code));
            if fine { Ok(one) } else { Err(format!("`{}` ended with {:?}", args.join(" "), one.code)) }
        })
        .collect()
}

fn middle(all: &[Measured]) -> Duration {
    median(all.iter().map(|one| one.time).collect()).unwrap_or_default()
}

fn help(options: &Options) -> Result<Row> {
    let time = middle(&repeat(options, &["--help"], &[0])?);
    Ok(Row {
        what: "`--help`",
        limit: "20 ms".to_owned(),
        measured: format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        within: time < Duration::from_millis(20),
    })
}

/// `doctor` runs its probes in parallel, so it takes about as long as the slowest one.
fn doctor(options: &Options) -> Result<Row> {
    let all = repeat(options, &["doctor", "--output", "json"], &[0, 3, 4])?;
    let time = middle(&all);
    let slowest = median(all.iter().filter_map(|one| slowest_probe(&one.stdout)).collect());
    let slowest = slowest.ok_or("`doctor --output json` names no probe with `millis`")?;
    // If no probe takes measurable time, any overhead would be infinite; starting a process costs 20 ms.
    let limit = slowest.mul_f64(1.2).max(Duration::from_millis(20));
    Ok(Row {
        what: "`doctor`",
        limit: format!("1.2 × its slowest probe = {:.0} ms", limit.as_secs_f64() * 1000.0),
        measured: format!("{:.0} ms", time.as_secs_f64() * 1000.0),
        within: time <= limit,
    })
}

/// The largest `millis` in the output.
fn slowest_probe(output: &str) -> Option<Duration> {
    fn largest(value: &Value) -> Option<u64> {
        match value {
            Value::Object(map) => {
                let own = map.get("millis").and_then(Value::as_u64);
                own.max(map.values().filter_map(largest).max())
            }
            Value::Array(items) => items.iter().filter_map(largest).max(),
            _ => None,
        }
    }
    largest(&serde_json::from_str(output).ok()?).map(Duration::from_millis)
}

fn second_up(options: &Options) -> Result<Vec<Row>> {
    let dir = options.dir.to_string_lossy();
    let args = ["up", "--yes", "--dir", &*dir, "--quiet"];
    let first = measure(&binary(), &args)?;
    if first.code != Some(0) {
        return Err(format!("`{}` ended with {:?}: {}", args.join(" "), first.code, first.stdout));
    }
    println!("the first `up` took {}", show(first.time));
    let all = repeat(options, &args, &[0])?;
    let time = middle(&all);
    let memory = all.iter().filter_map(|one| one.memory).max().ok_or("memory cannot be read here")?;
    Ok(vec![
        Row {
            what: "second `up`",
            limit: "1000 ms".to_owned(),
            measured: format!("{:.0} ms", time.as_secs_f64() * 1000.0),
            within: time < Duration::from_secs(1),
        },
        Row {
            what: "peak memory of the second `up`",
            limit: "60 MB".to_owned(),
            measured: format!("{} MB", memory / 1024),
            within: memory < 60 * 1024,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_probe_is_found_at_any_depth() {
        let output = r#"{"findings":[{"millis":3,"x":{"millis":41}},{"millis":7}]}"#;
        assert_eq!(slowest_probe(output), Some(Duration::from_millis(41)));
        assert_eq!(slowest_probe("[]"), None);
    }
}
