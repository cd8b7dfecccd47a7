//! `status`: shows the cluster, the application's services and their addresses.

use super::context::{Context, print_json};
use super::reach::connect_or_explain;
use crate::error::{Exit, Result};
use crate::quantity::show_bytes;
use crate::steps::{self, PodStatus, ServiceStatus, Status};
use crate::ui::{Table, data};

pub(crate) fn run(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.bench()?;
    let task = bench.task("status");
    connect_or_explain(&session, &task)?;
    let access = steps::access(&session)?;
    let address = access.as_ref().map(|access| &access.address);
    let status = steps::status(&session, &task, address)?;
    if context.json() {
        return print_json(&status);
    }
    nodes(&status);
    services(&status.services);
    pods(&status, context.global.verbose);
    if let Some(address) = address {
        data("\n");
        for note in &address.notes {
            data(&format!("{note}\n"));
        }
        data(&format!("open: {}\n", address.url));
    }
    Ok(Exit::Fine)
}

fn nodes(status: &Status) {
    for node in &status.nodes {
        let state = if node.ready { "ready" } else { "NOT ready" };
        data(&format!(
            "cluster {} ({}): node {} {state}, Kubernetes {}, {} CPU and {} for pods\n\n",
            status.cluster, status.provider, node.name, node.version, node.cpu, node.memory
        ));
    }
    data(if status.secrets_encrypted {
        "Secrets are encrypted in etcd\n\n"
    } else {
        "Secrets are NOT encrypted in etcd: an earlier version created this cluster\n  help: todo-bootstrap down && \
         todo-bootstrap up   # a new cluster encrypts them; discards the data\n\n"
    });
    if let Some(target) = status.target {
        let of = status.environment.as_ref().map_or_else(String::new, |name| format!("environment {name}; "));
        data(&format!("{of}images are built for target {target}\n\n"));
    }
}

fn services(services: &[ServiceStatus]) {
    if services.is_empty() {
        return;
    }
    let mut table = Table::new(&["service", ">ready", ">restarts", ">cpu", ">ram", ">age", "image", "url"]);
    for service in services {
        let figure = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row([
            service.service.clone(),
            format!("{}/{}", service.ready, service.wanted),
            service.restarts.to_string(),
            figure(service.usage.map(|usage| format!("{}m", usage.cpu_millis))),
            figure(service.usage.map(|usage| show_bytes(usage.memory))),
            figure(service.age_seconds.map(age)),
            service.images.iter().map(|image| short(image)).collect::<Vec<_>>().join(", "),
            service.urls.join(", "),
        ]);
    }
    data(&table.render());
    services.iter().for_each(problem);
}

/// Why a service, or one of its pods, is not ready.
fn problem(service: &ServiceStatus) {
    let name = &service.service;
    let short = service.ready < service.wanted;
    let Some(cause) = &service.cause else {
        if short {
            data(&format!("\n{name} is NOT ready: no errors detected; it may still be starting\n"));
        }
        return;
    };
    let state = if short { "is NOT ready" } else { "is serving, but its new pod is NOT ready" };
    data(&format!("\n{name} {state}: {}: {} ({})\n", cause.object, cause.what, cause.code));
    for detail in &cause.details {
        data(&format!("  because {detail}\n"));
    }
    let logs = format!("todo-bootstrap logs {name}");
    for help in std::iter::once(&logs).chain(&cause.help) {
        data(&format!("  help: {help}\n"));
    }
}

/// The pods in the cluster: only the unhealthy ones, or all with `--verbose`.
fn pods(status: &Status, all: bool) {
    let shown: Vec<&PodStatus> = status.pods.iter().filter(|pod| all || !pod.healthy()).collect();
    let fine = status.pods.iter().filter(|pod| pod.healthy()).count();
    let rest = if all { "" } else { "   (-v shows them)" };
    data(&format!("\n{fine} of {} pods in the cluster are healthy{rest}\n", status.pods.len()));
    if shown.is_empty() {
        return;
    }
    let mut table = Table::new(&["namespace", "pod", ">ready", "state", ">restarts", "image"]);
    for pod in shown {
        let (name, ready) = (pod.name.clone(), pod.ready.clone());
        table.row([
            pod.namespace.clone(),
            name,
            ready,
            pod.state.clone(),
            pod.restarts.to_string(),
            pod.image.clone(),
        ]);
    }
    data(&table.render());
}

/// The name without the registry: `localhost/x/web:1` → `web:1`.
fn short(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

/// `45s`, `12m`, `3h`, `8d`.
fn age(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::{age, short};

    #[test]
    fn ages_and_images_are_short() {
        assert_eq!([0, 119, 120, 7_200, 172_800].map(age), ["0s", "119s", "2m", "2h", "2d"]);
        assert_eq!(short("localhost/todo-bootstrap/web:0.1.0-1f"), "web:0.1.0-1f");
    }
}
