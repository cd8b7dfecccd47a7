//! A cluster of one or several containers, created by kind on a network of its own.

mod config;

use super::local::ready::{self, Started};
use super::local::{Placing, fault};
use super::{Provider, Sizes};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::task::Task;

/// A kubeadm patch that the node images built by todo-bootstrap need.
const PATCH: &str = "offline/images/node/kubeadm-patch.yaml";

/// What kind announces right before `kubeadm init`: it has configured all nodes then, and restarted their containerd for
/// the last time.
const CONFIGURED: &str = "Starting control-plane";

/// A kind command that uses our engine and network, and no kubeconfig of the user.
fn kind(cluster: &Provider, purpose: &str) -> Result<Cmd> {
    let engine = if cluster.engine.is_podman() { "podman" } else { "docker" };
    let cmd = Cmd::new(&cluster.tool, purpose)
        .inherit(Inherit::Engine)
        .env("KIND_EXPERIMENTAL_PROVIDER", engine)
        .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", cluster.network())
        .env("KIND_EXPERIMENTAL_PODMAN_NETWORK", cluster.network());
    cluster.with_client(cluster.past_proxies(cmd), engine)
}

fn config(cluster: &Provider, task: &Task<'_>) -> Result<String> {
    if !cluster.has_our_image(task)? {
        return Ok(config::render(cluster, None));
    }
    let patch = cluster.data.read(PATCH)?.ok_or_else(|| Error::failed(format!("{PATCH} is missing")))?;
    Ok(config::render(cluster, Some(cluster.versions.fill(&patch.text))))
}

/// Creates the nodes. Network and directory exist already.
pub(super) fn create_nodes(
    cluster: &Provider,
    task: &Task<'_>,
    taking_images: &mut dyn FnMut(),
) -> Result<()> {
    // The nodes are kept for their logs, and deleted by the caller.
    let cmd = kind(cluster, "create the cluster")?
        .args(["create", "cluster", "--name", cluster.name(), "--image", &cluster.image])
        .args(["--config", "-", "--wait", "0s", "--retain", "--kubeconfig"])
        .path(&cluster.unfinished())
        .input(config(cluster, task)?);
    let mut output = String::new();
    let mut placing = Placing::new(cluster, true);
    let ran = task.run_lines(&cmd, &mut |line| {
        placing.line(task);
        if let Some(step) = progress(line) {
            let configured = step == CONFIGURED;
            task.say(step);
            if configured {
                taking_images();
            }
        }
        output.push_str(line);
        output.push('\n');
    });
    if let Err(error) = ran {
        task.check()?;
        let log = cluster.node_log(task);
        return Err(fault::explain(task, cluster, fault::Action::Create, error, &output, &log, ""));
    }
    placing.finish(task)?;
    let Sizes { cpus, memory, .. } = cluster.sizes;
    cluster.node_names().iter().try_for_each(|node| cluster.engine.limit(task, node, cpus, memory))
}

pub(super) fn start(cluster: &Provider, task: &Task<'_>) -> Result<()> {
    let mut started = Started::now();
    let mut containers = cluster.ours(task)?;
    // The others wait for the control plane.
    containers.sort_by_key(|container| (container.name != cluster.node(), container.name.clone()));
    let lacks_keys = cluster.find_keys(task)?;
    cluster.rejoin(task, &containers)?;
    for container in containers.iter().filter(|container| !container.running) {
        task.say(format!("starting the node {}", container.name));
        cluster.start_container(task, container)?;
        // The pods of a paused node continue where they were.
        started.nodes.extend((!container.paused).then(|| container.name.clone()));
    }
    if lacks_keys {
        cluster.place_keys(task)?;
    }
    cluster.renew_certificates(task)?;
    // The kubeconfig may be lost; the node has one.
    let export = kind(cluster, "write the kubeconfig again")?
        .args(["export", "kubeconfig", "--name", cluster.name(), "--kubeconfig"])
        .path(&cluster.unfinished());
    cluster.remove_unfinished()?;
    task.run(&export)?;
    cluster.keep_kubeconfig()?;
    ready::wait(task, &cluster.kubeconfig, &started)
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
