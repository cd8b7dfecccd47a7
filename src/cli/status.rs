//! `status`: the cluster, the application and where to reach it.

use super::context::{Context, print_json};
use super::up::{connect, url};
use crate::error::{Exit, Result};
use crate::steps;
use crate::ui::{Align, Table, data};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session(None, false)?;
    let bench = context.bench(context.reporter(), None)?;
    let task = bench.task("status");
    connect(&session, &task)?;
    let status = steps::status(&session, &task, url(&session))?;
    if context.json() {
        print_json(&status)?;
        return Ok(Exit::Fine);
    }
    for node in &status.nodes {
        let state = if node.ready { "ready" } else { "NOT ready" };
        data(&format!(
            "cluster {} ({}): node {} {state}, Kubernetes {}, {} CPU and {} for pods\n\n",
            status.cluster, status.provider, node.name, node.version, node.cpu, node.memory
        ));
    }
    let mut table = Table::new(&[
        ("namespace", Align::Left),
        ("pod", Align::Left),
        ("ready", Align::Right),
        ("state", Align::Left),
        ("restarts", Align::Right),
        ("image", Align::Left),
    ]);
    for pod in status.pods {
        let restarts = pod.restarts.to_string();
        table.row([pod.namespace, pod.name, pod.ready, pod.state, restarts, pod.image]);
    }
    data(&table.render());
    if let Some(url) = status.url {
        data(&format!("\nopen: {url}\n"));
    }
    Ok(Exit::Fine)
}
