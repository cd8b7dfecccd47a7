//! `scale`: sets the number of pods of a service.

use clap::Args;

use super::context::Context;
use super::reach::{application, connect_or_explain};
use super::up::end_orphans;
use crate::deploy;
use crate::error::{Exit, Result};
use crate::steps;

/// `up` keeps the number, unless it is 0 or the chart's values have no such service. A service with an
/// autoscaler is refused: it sets the number itself.
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// Name of a service, as `status` shows it
    #[arg(value_name = "SERVICE")]
    pub service: String,
    /// Number of pods; 0 stops the service until the next `up`
    #[arg(value_name = "PODS", value_parser = clap::value_parser!(u32).range(0..=i64::from(steps::scale::MOST)))]
    pub pods: u32,
}

pub(crate) fn run(context: &Context<'_>, args: &ScaleArgs) -> Result<Exit> {
    let (_lock, session) = context.locked()?;
    let silent = context.silent()?;
    let task = silent.task("scale");
    let namespace = &application(&session)?.namespace;
    connect_or_explain(&session, &task)?;
    let ScaleArgs { service, pods } = args;
    let live = deploy::services::read(&task, session.kube()?, namespace)?;
    let services = steps::restart::chosen(&live, std::slice::from_ref(service))?;
    end_orphans(context, &session.dir());
    for found in &services {
        let plan = steps::scale::plan(&session, &task, found, *pods)?;
        context.execute(&session, &plan, "scale", &session.dir(), 1)?;
    }
    let kept = steps::scale::keep(&session, namespace, service, *pods)?;
    let next =
        if kept { "the next `up` keeps this number" } else { "the next `up` sets the chart's number again" };
    context
        .ui
        .good(&format!("✓ {service} has {pods} ready {}; {next}.", if *pods == 1 { "pod" } else { "pods" }));
    Ok(Exit::Fine)
}
