//! `check`: runs the checks against the running cluster.

use clap::Args;

use super::context::{Context, print_json};
use super::reach::connect_or_explain;
use crate::checks::Spec;
use crate::config::{Problems, suggest};
use crate::error::{Exit, Result};
use crate::images::{self, Order};
use crate::local_registry::LocalRegistry;
use crate::steps::{self, Session};
use crate::task::Task;
use crate::ui::{Table, data};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Names of checks, as `check --output json` shows them [default: all of them]
    #[arg(value_name = "CHECK")]
    pub checks: Vec<String>,
}

pub(crate) fn run(context: &Context<'_>, args: &CheckArgs) -> Result<Exit> {
    let session = context.session()?;
    let specs = chosen(steps::check_specs(&session)?, &args.checks)?;
    let bench = context.bench()?;
    let task = bench.task("check");
    connect_or_explain(&session, &task)?;
    load_images(&session, &task);
    let outcomes = steps::run_checks(&session, &task, &specs, false)?;
    // Checks that Ctrl-C interrupted are reported as failed.
    task.check()?;
    if context.json() {
        print_json(&outcomes)?;
    } else {
        let mut table = Table::new(&["", "check", "found", ">ms"]);
        for outcome in &outcomes {
            let mark = if outcome.passed { "✓" } else { "✗" };
            table.row([
                mark.to_owned(),
                outcome.title.clone(),
                outcome.detail.clone(),
                outcome.millis.to_string(),
            ]);
        }
        data(&table.render());
    }
    steps::check_failure(&outcomes).map_or(Ok(Exit::Fine), Err)
}

/// The checks with these names, or all of them without names.
fn chosen(specs: Vec<Spec>, names: &[String]) -> Result<Vec<Spec>> {
    let known: Vec<&str> = specs.iter().map(|spec| spec.id.as_str()).collect();
    let mut problems = Problems::new("check");
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        problems.add(None, format!("there is no check `{name}`{}", suggest(name, &known)));
    }
    let named = |spec: &Spec| names.is_empty() || names.contains(&spec.id);
    let chosen = problems
        .or(Some(()))
        .map_err(|error| error.help("todo-bootstrap check --output json   # lists all checks"));
    chosen.map(|()| specs.into_iter().filter(named).collect())
}

/// Adds the images of the application in the registry to the session, so that the running images can be
/// compared with them. Without engine or registry, the checks compare references only.
fn load_images(session: &Session, task: &Task<'_>) {
    let Some(application) = &session.application else { return };
    let Ok(None) = session.detect_engine(task) else { return };
    let Ok(engine) = session.engine() else { return };
    let Ok(Some(registry)) = LocalRegistry::find(task, engine, &session.paths.cache) else { return };
    let client = registry.client();
    for spec in &application.images {
        let base = spec
            .base
            .as_deref()
            .and_then(|base| session.origins.present_image(task, client, base).ok()?.ok())
            .map(|found| found.stored);
        let order = Order { app: application, spec, target: session.target(), base: base.as_ref() };
        if let Ok(Ok(built)) = images::probe(task, client, &order) {
            session.set_image(&spec.name, built.stored);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_selected_by_name() {
        let spec = |id: &str| {
            let text = "title = \"t\"\ncode = \"c\"\nkind = \"metrics\"\ntimeout = \"1s\"\nof = \"nodes\"\n";
            Spec::parse(id, "f", text).unwrap()
        };
        let all = || vec![spec("page"), spec("journey")];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(chosen(all(), &[]).unwrap().len(), 2);
        assert_eq!(chosen(all(), &names(&["journey"])).unwrap()[0].id, "journey");
        let error = chosen(all(), &names(&["jorney", "nothing-like-it"])).unwrap_err();
        assert_eq!(error.causes().len(), 2, "{error}");
        assert!(error.to_string().contains("did you mean `journey`?"), "{error}");
    }
}
