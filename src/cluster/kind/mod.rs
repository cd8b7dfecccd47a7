//! A cluster in one container, created by kind on a network of its own.

mod config;

use super::Provider;
use super::local::{fault, ready};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::task::Task;

/// A kubeadm patch that the node images built by todo-bootstrap need.
const PATCH: &str = "offline/images/node/kubeadm-patch.yaml";

/// A kind command that uses our engine and network, and no kubeconfig of the user.
fn kind(cluster: &Provider, purpose: &str) -> Result<Cmd> {
    let engine = if cluster.engine.is_podman() { "podman" } else { "docker" };
    let cmd = Cmd::new(&cluster.tool, purpose)
        .inherit(Inherit::Engine)
        .env("KIND_EXPERIMENTAL_PROVIDER", engine)
        .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", cluster.network())
        .env("KIND_EXPERIMENTAL_PODMAN_NETWORK", cluster.network());
    cluster.with_client(cmd, engine)
}

fn config(cluster: &Provider, task: &Task<'_>) -> Result<String> {
    if !cluster.has_our_image(task)? {
        return Ok(config::render(cluster, None));
    }
    let patch = cluster.data.read(PATCH)?.ok_or_else(|| Error::failed(format!("{PATCH} is missing")))?;
    Ok(config::render(cluster, Some(cluster.versions.fill(&patch.text))))
}

/// Creates the node. Network and directory exist already.
pub(super) fn create_node(cluster: &Provider, task: &Task<'_>) -> Result<()> {
    // The node is kept for its log, and deleted by the caller.
    let cmd = kind(cluster, "create the cluster")?
        .args(["create", "cluster", "--name", cluster.name(), "--image", &cluster.image])
        .args(["--config", "-", "--wait", "0s", "--retain", "--kubeconfig"])
        .path(&cluster.unfinished())
        .input(config(cluster, task)?);
    let mut output = String::new();
    let ran = task.run_lines(&cmd, &mut |line| {
        if let Some(step) = progress(line) {
            task.say(step);
        }
        output.push_str(line);
        output.push('\n');
    });
    if let Err(error) = ran {
        task.check()?;
        let log = cluster.node_log(task);
        return Err(fault::explain(task, &cluster.engine, fault::Action::Create, error, &output, &log, ""));
    }
    cluster.engine.limit(task, &cluster.node(), cluster.sizes.cpus, cluster.sizes.memory)
}

pub(super) fn start(cluster: &Provider, task: &Task<'_>) -> Result<()> {
    let since = jiff::Timestamp::now();
    let mut started = false;
    let containers = cluster.ours(task)?;
    cluster.rejoin(task, &containers)?;
    for container in containers.iter().filter(|container| !container.running) {
        task.say(format!("starting the node {}", container.name));
        cluster.start_container(task, container)?;
        // The pods of a paused node continue where they were.
        started = started || !container.paused;
    }
    cluster.renew_certificates(task)?;
    // The kubeconfig may be lost; the node has one.
    let export = kind(cluster, "write the kubeconfig again")?
        .args(["export", "kubeconfig", "--name", cluster.name(), "--kubeconfig"])
        .path(&cluster.unfinished());
    cluster.remove_unfinished()?;
    task.run(&export)?;
    cluster.keep_kubeconfig()?;
    ready::wait(task, &cluster.kubeconfig, started.then_some(since))
}

/// The step that a line of kind's output announces. The line with `✓`, which ends it, is left out.
fn progress(line: &str) -> Option<String> {
    const STEPS: [&str; 7] =
        ["Creating", "Ensuring", "Preparing", "Writing", "Starting", "Installing", "Joining"];
    let text: String = line.chars().filter(char::is_ascii).collect();
    let text = text.trim().trim_end_matches("...").trim();
    (!line.contains('✓') && STEPS.iter().any(|step| text.starts_with(step))).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
