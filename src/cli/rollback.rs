//! `rollback`: installs an earlier revision of the application again, or lists the revisions.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::context::{Context, print_json};
use super::reach::{application, connect_or_explain};
use super::up::end_orphans;
use crate::deploy::{self, Release};
use crate::error::{Exit, Result};
use crate::steps::{self, shown};
use crate::ui::{Table, data};

/// Volumes, their data and the settings of .env stay as they are. The next `up` installs the sources of the
/// project again; `plan` shows what it would undo.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Number of a revision, as --list shows it [default: the newest earlier one that differs]
    #[arg(value_name = "REVISION", value_parser = clap::value_parser!(u32).range(1..))]
    pub revision: Option<u32>,
    /// List the revisions, and what each of them changed
    #[arg(long, conflicts_with = "revision")]
    pub list: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &RollbackArgs) -> Result<Exit> {
    if args.list {
        return list(context);
    }
    let (_lock, session) = context.locked()?;
    let silent = context.silent()?;
    let task = silent.task("rollback");
    let app = application(&session)?;
    connect_or_explain(&session, &task)?;
    let history = deploy::history(&task, session.kube()?, &app.namespace, &app.name)?;
    let to = steps::rollback::chosen(&history, args.revision)?;
    if let Some(fault) = session.detect_engine(&task)? {
        return Err(fault.error(&session.facts));
    }
    // Helm must not run while the release is repaired.
    end_orphans(context, &session.dir());
    context.ui.say(&format!(
        "restoring revision {} of {} (chart {}, {})",
        to.revision,
        app.name,
        to.chart,
        date(to)
    ));
    let plan = steps::rollback::plan(&session, to)?;
    context.execute(&session, &plan, "rollback", &session.dir(), 4)?;
    context.ui.good(&format!("✓ revision {} is installed again; all checks passed.", to.revision));
    context.ui.say("  next:  todo-bootstrap plan   # shows what the next `up` would undo");
    Ok(Exit::Fine)
}

fn list(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let silent = context.silent()?;
    let task = silent.task("rollback");
    let app = application(&session)?;
    connect_or_explain(&session, &task)?;
    let history = deploy::history(&task, session.kube()?, &app.namespace, &app.name)?;
    let changes = changes(&history)?;
    if context.json() {
        let row = |(release, changes): (&Release, &Vec<String>)| {
            json!({
                "revision": release.revision, "date": release.date, "status": release.status,
                "chart": release.chart, "application": release.app, "restored": release.restored,
                "changes": changes,
            })
        };
        return print_json(&history.iter().zip(&changes).map(row).collect::<Vec<_>>());
    }
    let mut table = Table::new(&[">revision", "date", "status", "chart", "application", "changes"]);
    for (index, (release, changes)) in history.iter().zip(&changes).enumerate() {
        let what = match release.restored {
            Some(restored) => format!("rollback to revision {restored}: {}", shown(changes)),
            None if index == 0 => "the oldest that is stored".to_owned(),
            None => shown(changes),
        };
        let (chart, app) = (release.chart.clone(), release.app.clone());
        table.row([release.revision.to_string(), date(release), release.status.clone(), chart, app, what]);
    }
    data(&table.render());
    Ok(Exit::Fine)
}

/// When a revision was installed, to the second, in UTC; Helm writes the local time with its offset.
fn date(release: &Release) -> String {
    let time = release.date.parse::<Timestamp>().ok();
    let second = time.and_then(|time| Timestamp::from_second(time.as_second()).ok());
    second.map_or_else(|| release.date.clone(), |second| second.to_string())
}

/// What each revision changed in the one before it.
fn changes(history: &[Release]) -> Result<Vec<Vec<String>>> {
    let first = history.first().map(|_| Ok(Vec::new()));
    let pairs = history.windows(2).map(|pair| deploy::changes(&pair[0], &pair[1]));
    first.into_iter().chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_shown_in_utc_to_the_second() {
        let of = |text: &str| date(&Release { date: text.to_owned(), ..Release::default() });
        assert_eq!(of("2026-11-30T12:51:27.859817367+01:00"), "2026-11-30T11:51:27Z");
        assert_eq!(of("unknown"), "unknown");
    }
}
