//! A cluster that minikube creates in one container of the local engine.
//!
//! Its `MINIKUBE_HOME` is in our state directory, separate from the user's own minikube.

mod driver;
mod flags;
mod output;
mod profile;

use std::path::PathBuf;

use super::Provider;
use super::local::ready::{self, Started};
use super::local::{Placing, fault};
use crate::error::{Error, Result};
use crate::exec::{Cmd, Inherit};
use crate::task::Task;
use driver::Traits;
use output::Log;
use profile::Profile;

/// What the node images that we built have as files, and kind applies itself: the network agent and the default
/// `StorageClass`.
const MANIFESTS: [&str; 2] = ["/kind/manifests/default-cni.yaml", "/kind/manifests/default-storage.yaml"];
/// The step that minikube announces once `kubeadm init` runs: it has configured the node then, and restarted its
/// containerd for the last time.
const CONFIGURED: &str = "Generating certificates";
/// What minikube copies into a node that lacks them.
const BINARIES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

/// `MINIKUBE_HOME`. minikube uses a path that ends in `.minikube` as it is.
fn home(cluster: &Provider) -> PathBuf {
    cluster.home().join("minikube").join(".minikube")
}

fn profile(cluster: &Provider) -> Profile {
    Profile { home: home(cluster), name: cluster.name().to_owned() }
}

/// A minikube command that uses our engine and home, and none of the user's `MINIKUBE_` variables.
fn minikube(cluster: &Provider, purpose: &str) -> Result<Cmd> {
    let cmd = Cmd::new(&cluster.tool, purpose)
        .inherit(Inherit::Engine)
        .env("MINIKUBE_HOME", home(cluster))
        .env("KUBECONFIG", cluster.unfinished())
        .env("MINIKUBE_IN_STYLE", "false")
        .env("MINIKUBE_WANTUPDATENOTIFICATION", "false");
    cluster
        .with_client(cluster.past_proxies(cmd), if cluster.engine.is_podman() { "podman" } else { "docker" })
}

/// `minikube start`, for a new cluster or a stopped one; `lacks_keys`: whether the node does.
fn run_start(
    cluster: &Provider,
    task: &Task<'_>,
    action: fault::Action,
    lacks_keys: bool,
    more: Vec<String>,
    taking_images: &mut dyn FnMut(),
) -> Result<()> {
    let mut flags = flags::always(cluster.name(), cluster.has_our_image(task)?);
    flags.extend(more);
    let cmd = minikube(cluster, action.purpose())?.arg("start").args(flags).any_status();
    let mut log = Log::default();
    let mut placing = Placing::new(cluster, lacks_keys);
    let output = task.run_lines(&cmd, &mut |line| {
        placing.line(task);
        log.line(task, line);
        if output::is_step(line, CONFIGURED) {
            taking_images();
        }
    })?;
    if output.ok() {
        return placing.finish(task);
    }
    task.check()?;
    let (error, help) = log.failure(output.status).error();
    Err(fault::explain(task, cluster, action, error, &log.text, &cluster.node_log(task), help))
}

fn create_flags(cluster: &Provider, task: &Task<'_>, ours: bool) -> Result<Vec<String>> {
    let traits = Traits::probe(task, &cluster.process_env, &cluster.engine);
    let requested = cluster.spec.driver.as_deref();
    let mut flags = driver::flags(&cluster.engine, &cluster.facts, traits, requested, cluster.ports)?;
    flags.extend(flags::create(cluster, cluster.versions.get("kubernetes")?, ours));
    Ok(flags)
}

/// Copies the binaries that minikube would download from the node image to its cache.
fn stage_binaries(cluster: &Provider, task: &Task<'_>) -> Result<()> {
    let version = cluster.versions.get("kubernetes")?;
    let arch = cluster.facts.arch.name();
    let dir = home(cluster).join("cache/linux").join(arch).join(format!("v{version}"));
    cluster.engine.check_access(&dir)?;
    std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
    let create = cluster.engine.cmd("open the node image").args(["create", &cluster.image]);
    let container = task.run(&create)?.text();
    let copied = BINARIES.iter().try_for_each(|name| {
        let cmd = cluster.engine.cmd(format!("read {name} from the node image"));
        task.run(&cmd.arg("cp").arg(format!("{container}:/usr/bin/{name}")).path(&dir)).map(drop)
    });
    let removed = cluster.engine.remove_container(task, &container);
    copied.and(removed.map(drop))
}

pub(super) fn delete_files(cluster: &Provider) -> Result<()> {
    let dir = cluster.home().join("minikube");
    match std::fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("delete", &dir, &error)),
        _ => Ok(()),
    }
}

/// Creates the node. Network and directory exist already.
pub(super) fn create_node(
    cluster: &Provider,
    task: &Task<'_>,
    taking_images: &mut dyn FnMut(),
) -> Result<()> {
    let ours = cluster.has_our_image(task)?;
    let flags = create_flags(cluster, task, ours)?;
    if ours {
        stage_binaries(cluster, task)?;
    }
    run_start(cluster, task, fault::Action::Create, true, flags, taking_images)?;
    if ours {
        let kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
        let cmd = cluster.engine.exec(cluster.name(), "add network and storage").args(kubectl);
        task.run(&cmd.arg("apply").args(MANIFESTS.map(|file| format!("--filename={file}"))))?;
    }
    profile(cluster).back_up()
}

/// minikube itself renews certificates that have expired.
pub(super) fn start(cluster: &Provider, task: &Task<'_>) -> Result<()> {
    let mut started = Started::now();
    let containers = cluster.ours(task)?;
    let paused: Vec<_> = containers.iter().filter(|container| container.paused).collect();
    for container in &paused {
        task.say(format!("resuming the node {}", container.name));
        cluster.start_container(task, container)?;
    }
    if !paused.is_empty() && cluster.kubeconfig.is_file() {
        return ready::wait(task, &cluster.kubeconfig, &started);
    }
    let lacks_keys = cluster.find_keys(task)?;
    cluster.rejoin(task, &containers)?;
    profile(cluster).restore(task)?;
    cluster.remove_unfinished()?;
    run_start(cluster, task, fault::Action::Start, lacks_keys, Vec::new(), &mut || ())?;
    profile(cluster).back_up()?;
    cluster.keep_kubeconfig()?;
    // Of a node that was running, minikube restarts only what does not work.
    let restarted = containers.iter().filter(|container| !container.running);
    started.nodes.extend(restarted.map(|container| container.name.clone()));
    ready::wait(task, &cluster.kubeconfig, &started)
}

#[cfg(test)]
mod tests;
