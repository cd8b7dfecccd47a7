//! `doctor`: reports problems of this machine, with a fix for each, and applies fixes.

mod apply;
mod inspect;

use clap::Args;
use serde_json::json;

use super::context::{Context, print_json};
use crate::doctor::Severity;
use crate::error::{Error, Exit, Result};
use crate::ui::{Table, Volume, data};
pub(super) use inspect::ask;
use inspect::{Found, inspect};

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DoctorArgs {
    /// Run the commands that solve the problems found, then check again; asks before it changes the system
    #[arg(long)]
    pub fix: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &DoctorArgs) -> Result<Exit> {
    let mut found = inspect(context)?;
    if args.fix && apply::all(context, &found)? {
        let before = std::mem::replace(&mut found, inspect(context)?);
        apply::compare(context, &before, &found);
    }
    show(context, &found)?;
    let failed = found.failed().count();
    if failed == 0 {
        return Ok(Exit::Fine);
    }
    let noun = if failed == 1 { "problem prevents" } else { "problems prevent" };
    let error = Error::host(format!("{failed} {noun} `up` from working"));
    let remedies = found.failed().filter_map(|finding| finding.remedy.as_ref());
    let error = remedies.flat_map(|remedy| remedy.lines()).fold(error, Error::help);
    let fixable = found.failed().any(|finding| finding.fix.is_some());
    Err(if fixable && !args.fix {
        error.help("todo-bootstrap doctor --fix   # runs such commands")
    } else {
        error
    })
}

/// Prints the findings; as JSON with the duration of each in milliseconds, and with all artifacts and hosts.
fn show(context: &Context<'_>, found: &Found) -> Result<()> {
    if context.json() {
        let rows: Vec<_> = found
            .rows
            .iter()
            .map(|row| {
                let mut value = json!(row.finding);
                value["millis"] = json!(row.millis);
                match (row.probe, &found.artifacts) {
                    ("artifacts", Some(artifacts)) => value["artifacts"] = json!(artifacts.json()),
                    ("network", Some(artifacts)) => value["hosts"] = json!(artifacts.answers),
                    _ => {}
                }
                value
            })
            .collect();
        return print_json(&rows).map(drop);
    }
    for row in &found.rows {
        let finding = &row.finding;
        let (mark, style) = match finding.severity {
            Severity::Ok => ("[✓]", console::Style::new().green()),
            Severity::Warn => ("[!]", console::Style::new().yellow()),
            Severity::Fail => ("[✗]", console::Style::new().red()),
        };
        data(&format!("{} {}: {}\n", style.apply_to(mark), finding.title, finding.detail));
        if let Some(remedy) = &finding.remedy {
            data(&format!("      {} ({})\n", remedy.replace('\n', "\n      "), finding.code));
        }
    }
    if let Some(artifacts) = found.artifacts.as_ref().filter(|_| context.ui.volume == Volume::Verbose) {
        let mut table = Table::new(&["artifact", "from", "cost"]);
        artifacts.rows().into_iter().for_each(|row| table.row(row));
        data(&format!("\n{}", table.render()));
    }
    Ok(())
}
