//! `plan` (and `up --dry-run`): what `up` would do and change.

use std::sync::Arc;

use super::context::{Context, print_json};
use super::up::{UpArgs, open_bundle};
use crate::error::{Exit, Result};
use crate::progress::Silent;
use crate::steps;
use crate::ui::{Align, Table, data};

pub(crate) fn run(context: &Context<'_>, args: &UpArgs) -> Result<Exit> {
    let bundle = open_bundle(context, args)?;
    let session = context.session(bundle.as_ref(), false)?;
    let plan = steps::up::plan(&session)?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let previews = steps::preview(&plan, &bench.task("plan"));
    if context.json() {
        print_json(&previews)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&[("step", Align::Left), ("state", Align::Left), ("why", Align::Left)]);
    for preview in &previews {
        table.row([preview.title.as_str(), preview.state, preview.detail.as_str()]);
    }
    data(&table.render());
    let effects: Vec<&String> = previews.iter().flat_map(|preview| &preview.effects).collect();
    if effects.is_empty() {
        data("\nNothing would be changed.\n");
        return Ok(Exit::Fine);
    }
    data("\nThis would be changed:\n");
    for effect in effects {
        data(&format!("  - {effect}\n"));
    }
    data("\nTo do it:  todo-bootstrap up\n");
    Ok(Exit::Fine)
}
