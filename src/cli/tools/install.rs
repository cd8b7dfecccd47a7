//! `tools install`: installs tools in parallel, each from the first origin that provides it.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::super::context::{Bench, Context, print_json};
use crate::error::{Error, Exit, Result};
use crate::fetch::Urgency;
use crate::origins::{Found, Origin, Way};
use crate::progress::{Event, State};
use crate::steps::{self, Session, UpOptions};
use crate::tools::ToolSpec;
use crate::ui::{Table, data};

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The tools [default: those that `up` needs]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Install only from this origin, even if the tools are already installed
    #[arg(long, value_name = "ORIGIN", value_parser = origin_parser())]
    from: Option<Origin>,
    /// Create links to them (copies on Windows) in this folder
    #[arg(long, value_name = "DIR")]
    link: Option<PathBuf>,
}

fn origin_parser() -> impl TypedValueParser<Value = Origin> {
    const ORIGINS: [Origin; 4] = [Origin::System, Origin::Mirror, Origin::Download, Origin::Source];
    PossibleValuesParser::new(ORIGINS.map(Origin::name))
        .try_map(|name| ORIGINS.into_iter().find(|origin| origin.name() == name).ok_or("is not an origin"))
}

pub(super) fn run(context: &Context<'_>, args: &InstallArgs) -> Result<Exit> {
    let mut specs = Vec::new();
    for name in &args.names {
        let spec = ToolSpec::named(name)?;
        if !specs.iter().any(|known: &&ToolSpec| known.name == spec.name) {
            specs.push(spec);
        }
    }
    let session = context.session_with(None, context.global.yes, UpOptions::default())?;
    if specs.is_empty() {
        for name in steps::up::tools(session.profile.provider) {
            specs.push(ToolSpec::named(name)?);
        }
    }
    let titles: Vec<(String, String)> =
        specs.iter().map(|spec| (step(spec.name), format!("Tool {}", spec.name))).collect();
    let bytes = |name| match session.origins.tool_forecast(name).way {
        Way::Fetched { bytes, .. } => Some((step(name), bytes)),
        _ => None,
    };
    let expected = specs.iter().filter_map(|spec| bytes(spec.name)).collect();
    let bench = context.bench_with(context.ui.reporter_expecting(&titles, expected), None)?;
    let results = all(&session, &bench, &specs, args.from);
    let link = args.link.as_ref().map(|dir| context.process_env.cwd.join(dir));
    let linked = match (&link, results.iter().all(Result::is_ok)) {
        (Some(dir), true) => {
            let found: Vec<&Found> = results.iter().flatten().collect();
            Some(session.origins.link(&found, dir))
        }
        _ => None,
    };
    report(context, &specs, &results)?;
    for error in results.iter().filter_map(|result| result.as_ref().err()).skip(1) {
        context.ui.error(error);
    }
    if let Some(error) = results.into_iter().find_map(Result::err) {
        return Err(error);
    }
    if let (Some(dir), Some(linked)) = (link, linked) {
        for path in linked? {
            context.ui.say(&format!("  {}", path.display()));
        }
        let on_path = context
            .process_env
            .env
            .get("PATH")
            .is_some_and(|path| std::env::split_paths(path).any(|d| d == dir));
        if !on_path {
            context.ui.warn(&format!("{} is not on PATH", dir.display()));
        }
    }
    Ok(Exit::Fine)
}

fn step(name: &str) -> String {
    format!("tool-{name}")
}

/// Installs each tool in its own thread.
fn all(
    session: &Session,
    bench: &Bench,
    specs: &[&'static ToolSpec],
    from: Option<Origin>,
) -> Vec<Result<Found>> {
    std::thread::scope(|scope| {
        let running: Vec<_> =
            specs.iter().map(|spec| scope.spawn(move || one(session, bench, spec.name, from))).collect();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::failed("installing a tool panicked"))));
        ended.collect()
    })
}

fn one(session: &Session, bench: &Bench, name: &str, from: Option<Origin>) -> Result<Found> {
    let step = step(name);
    let task = bench.task(&step);
    let say = |state: State, message: String| task.reporter.report(&Event::new(&step, state, message));
    say(State::Started, "looking for it".to_owned());
    let result = match from {
        Some(origin) => session.origins.tool_from(&task, name, origin),
        None => session.origins.tool(&task, name, Urgency::Check),
    };
    let result = result.map_err(|error| error.again_by(&format!("tools install {name}")));
    match &result {
        Ok(found) => {
            say(State::Done, format!("{} from {}: {}", found.version, found.origin, found.path.display()));
        }
        Err(error) => say(State::Failed, error.what().to_owned()),
    }
    result
}

fn report(context: &Context<'_>, specs: &[&'static ToolSpec], results: &[Result<Found>]) -> Result<Exit> {
    let rows: Vec<Value> = specs.iter().zip(results).map(|(spec, result)| row(spec, result)).collect();
    if context.json() {
        return print_json(&rows);
    }
    if context.global.events.is_some() {
        // The events contain the same, and programs that read them expect only events.
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["tool", "version", "origin", "path"]);
    for found in results.iter().flatten() {
        let path = found.path.display().to_string();
        table.row([found.name.as_str(), found.version.as_str(), found.origin.name(), path.as_str()]);
    }
    if results.iter().any(Result::is_ok) {
        data(&table.render());
    }
    Ok(Exit::Fine)
}

fn row(spec: &ToolSpec, result: &Result<Found>) -> Value {
    match result {
        Ok(found) => json!(found),
        Err(error) => json!({ "name": spec.name, "origin": null, "error": error.one_line() }),
    }
}
