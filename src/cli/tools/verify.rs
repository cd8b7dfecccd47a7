//! `tools verify`: hashes every tool again and says which is not what it was.

use std::sync::Arc;

use super::super::context::{Context, print_json};
use crate::error::{Error, Exit, Kind, Result};
use crate::progress::Silent;
use crate::ui::{Align, Table, data};

pub(super) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let verdicts = session.origins.verify_tools(&bench.task("tools"))?;
    if context.json() {
        print_json(&verdicts)?;
    } else if !verdicts.is_empty() {
        let headings = ["tool", "version", "origin", "state", "path"].map(|heading| (heading, Align::Left));
        let mut table = Table::new(&headings);
        for verdict in &verdicts {
            let state = if verdict.fault.is_none() { "good" } else { "wrong" };
            let path = verdict.path.display().to_string();
            table.row([verdict.name.as_str(), verdict.version.as_str(), verdict.origin.name(), state, &path]);
        }
        data(&table.render());
    }
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| verdict.fault.is_some()).collect();
    if wrong.is_empty() {
        context.ui.say(match verdicts.len() {
            0 => "no tools are installed yet:  todo-bootstrap tools install",
            _ => "✓ every tool is unchanged",
        });
        return Ok(Exit::Fine);
    }
    let noun = if wrong.len() == 1 { "tool has" } else { "tools have" };
    let what = format!("{} {noun} changed since installation", wrong.len());
    let mut error = Error::new(Kind::CheckFailed, what);
    for verdict in wrong {
        error = error.because(format!("{}: {}", verdict.name, verdict.fault.as_deref().unwrap_or_default()));
        error = error.help(verdict.remedy.as_deref().unwrap_or_default());
    }
    Err(error)
}
