//! `logs`: shows the logs of the application as one stream.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::reach::{application, connect_or_explain, ended, until_stopped};
use crate::deploy::logs::{self, Entry, Kind, Query};
use crate::error::{Exit, Result};
use crate::steps;
use crate::ui::{prefix, printable, stream};

/// The default number of lines of each container.
const TAIL: u32 = 1000;

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Names of services, as `status` shows them [default: all of them]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Print new lines as they arrive, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Show only lines newer than this, such as 10m
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    pub since: Option<Duration>,
    /// Show only the last lines of each container [default: 1000, or all lines with --since]
    #[arg(long, value_name = "LINES")]
    pub tail: Option<u32>,
    /// Show the logs of the containers before their last restart
    #[arg(long, short, conflicts_with = "follow")]
    pub previous: bool,
    /// Prefix each line with its time
    #[arg(long, short)]
    pub timestamps: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &LogsArgs) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.bench()?;
    let task = bench.task("logs");
    let namespace = &application(&session)?.namespace;
    connect_or_explain(&session, &task)?;
    let query = Query {
        services: args.services.clone(),
        since: args.since,
        tail: args.tail.or(if args.since.is_none() { Some(TAIL) } else { None }).map(i64::from),
        previous: args.previous,
    };
    let kube = session.kube()?;
    let past = logs::past(&task, kube, namespace, &query)?;
    steps::restart::known(&past.services, &args.services)?;
    for missed in &past.missed {
        context.ui.warn(&format!("cannot read some logs: {missed}"));
    }
    let mut printer = Printer { json: context.json(), timestamps: args.timestamps, width: 0 };
    printer.width = past.entries.iter().map(|entry| entry.source.label().len()).max().unwrap_or(0);
    if past.entries.is_empty() && !args.follow {
        context.ui.say("no log lines found");
    }
    if !past.entries.iter().all(|entry| printer.print(entry)) || !args.follow {
        return Ok(Exit::Fine);
    }
    let task = until_stopped(context, &task);
    let result = logs::follow(&task, kube, namespace, &query, &past, &mut |entry| printer.print(entry));
    ended(&task, result)
}

struct Printer {
    json: bool,
    timestamps: bool,
    /// The width of the widest label so far.
    width: usize,
}

impl Printer {
    /// Returns false if standard output was closed.
    fn print(&mut self, entry: &Entry) -> bool {
        let source = &entry.source;
        if self.json {
            let line = json!({
                "time": entry.time.to_string(), "service": source.service, "pod": source.pod,
                "container": source.container, "kind": entry.kind, "message": entry.message,
            });
            return stream(&format!("{line}\n"));
        }
        let label = source.label();
        self.width = self.width.max(label.len());
        let label = prefix(&format!("{label:width$} │", width = self.width), colour(&source.service));
        let time = if self.timestamps { format!("{:.3} ", entry.time) } else { String::new() };
        let message = match entry.kind {
            Kind::Line => printable(&entry.message),
            Kind::Event => format!("— {} —", printable(&entry.message)),
        };
        stream(&format!("{label} {time}{message}\n"))
    }
}

/// The colour of a service, which is always the same.
fn colour(service: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    service.hash(&mut hasher);
    hasher.finish()
}
