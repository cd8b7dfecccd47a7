//! The registry's container and volume.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use super::record::Record;
use crate::engine::{Container, Engine, cannot_publish};
use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::host::free_port;
use crate::lock;
use crate::registry::Registry;
use crate::task::Task;

/// The label of container and volume, with the instance of the record.
pub const LABEL: &str = "todo-bootstrap.dev/registry";
pub(super) const INSIDE: u16 = 5000;
/// How long a registry may take to respond after its container has started.
const START: Duration = Duration::from_secs(2 * 60);
const TICK: Duration = Duration::from_millis(50);
/// How many ports are tried: another program may take one after it was found free.
const TRIES: usize = 5;

/// Settings of the program, the same for our image and the published one
/// (<https://distribution.github.io/distribution/about/configuration/>).
const SETTINGS: [(&str, &str); 6] = [
    ("REGISTRY_HTTP_ADDR", ":5000"),
    ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/var/lib/registry"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
    ("REGISTRY_LOG_LEVEL", "warn"),
    // One line per request, thousands in an hour.
    ("REGISTRY_LOG_ACCESSLOG_DISABLED", "true"),
    // 3.x logs an error for each request if there is no trace collector (distribution#4270).
    ("OTEL_TRACES_EXPORTER", "none"),
];

#[derive(Debug, Clone)]
pub struct LocalRegistry {
    engine: Engine,
    /// The name of container and volume.
    pub name: String,
    pub networks: Vec<String>,
    client: Registry,
}

enum Found {
    Nothing,
    Stopped(Container),
    Running(Box<LocalRegistry>),
}

impl LocalRegistry {
    /// The registry, if it is running. Changes nothing.
    pub fn find(task: &Task<'_>, engine: &Engine, cache: &Path) -> Result<Option<Self>> {
        let Some(record) = Record::load(cache)? else { return Ok(None) };
        match look(task, engine, &record)? {
            Found::Running(registry) if registry.client.ready(task).is_ok() => Ok(Some(*registry)),
            _ => Ok(None),
        }
    }

    /// The registry, started or created if it is not running: only then `image` has to give its image.
    pub fn ensure(
        task: &Task<'_>,
        engine: &Engine,
        cache: &Path,
        image: impl FnOnce() -> Result<String>,
    ) -> Result<Self> {
        let _lock = lock(task, cache)?;
        let mut record = if let Some(record) = Record::load(cache)? {
            record
        } else {
            let record = Record::new();
            record.save(cache)?;
            record
        };
        let old = match look(task, engine, &record)? {
            Found::Running(registry) if registry.answers(task).is_ok() => return Ok(*registry),
            Found::Running(registry) => {
                task.warn(format!("the registry {} is not responding; restarting it", registry.name));
                Some(registry.name)
            }
            // The port of a container cannot be changed. If it is in use, a new container is created.
            Found::Stopped(container) => {
                if let Err(error) = engine.start(task, &container.id) {
                    task.check()?;
                    task.say(format!("recreating the registry: {}", error.one_line()));
                } else if let Found::Running(registry) = look(task, engine, &record)?
                    && registry.answers(task).is_ok()
                {
                    return Ok(*registry);
                }
                Some(container.id)
            }
            Found::Nothing => None,
        };
        if let Some(old) = old {
            engine.remove_container(task, &old)?;
        }
        let image = image()?;
        make(task, engine, cache, &mut record, &image)?;
        match look(task, engine, &record)? {
            Found::Running(registry) => registry.answers(task).map(|()| *registry),
            _ => Err(Error::failed("the local registry exited right after it started (registry-down)")
                .because(logs(task, engine, &record.name()))
                .help("todo-bootstrap up")),
        }
    }

    pub fn client(&self) -> &Registry {
        &self.client
    }

    /// `127.0.0.1:PORT`, for the engine.
    pub fn authority(&self) -> &str {
        self.client.authority()
    }

    /// Its name on the network of nodes.
    pub fn host(&self) -> &str {
        &self.name
    }

    /// `http://NAME:5000`, for nodes.
    pub fn endpoint(&self) -> String {
        format!("http://{}:{INSIDE}", self.name)
    }

    fn answers(&self, task: &Task<'_>) -> Result<()> {
        let until = Instant::now() + START.min(task.remaining());
        loop {
            task.check()?;
            match self.client.ready(task) {
                Ok(()) => return Ok(()),
                Err(_) if Instant::now() < until => std::thread::sleep(TICK),
                Err(error) => {
                    let logs = logs(task, &self.engine, &self.name);
                    return Err(Error::from(error)
                        .context("the local registry is not responding (registry-down)")
                        .because(logs)
                        .help("todo-bootstrap up"));
                }
            }
        }
    }

    /// Connects it to a cluster's network, at the last address of the range, so that nodes keep theirs (ctlptl#144).
    pub fn connect(&self, task: &Task<'_>, network: &str) -> Result<()> {
        self.engine.network_connect(task, network, &self.name)
    }

    pub fn disconnect(&self, task: &Task<'_>, network: &str) -> Result<()> {
        self.engine.network_disconnect(task, network, &self.name)
    }

    /// Stops the container unless a cluster other than the one on `network` uses it.
    pub fn stop(task: &Task<'_>, engine: &Engine, cache: &Path, network: &str) -> Result<bool> {
        unused(task, engine, cache, network, |container| engine.stop(task, &container.id))
    }

    /// As [`LocalRegistry::stop`], but removes the container; its volume stays.
    pub fn remove(task: &Task<'_>, engine: &Engine, cache: &Path, network: &str) -> Result<bool> {
        unused(task, engine, cache, network, |container| {
            engine.remove_container(task, &container.id).map(drop)
        })
    }

    /// Whether a registry was ever created. Its volume, which is kept when clusters are deleted, may exist.
    pub fn is_recorded(cache: &Path) -> Result<bool> {
        Ok(Record::load(cache)?.is_some())
    }

    /// What [`LocalRegistry::purge`] removes: kind and name of each.
    pub fn owned(task: &Task<'_>, engine: &Engine, cache: &Path) -> Result<Vec<(&'static str, String)>> {
        let Some(record) = Record::load(cache)? else { return Ok(Vec::new()) };
        let mut owned = Vec::new();
        if container(task, engine, &record)?.is_some() {
            owned.push(("container", record.name()));
        }
        if engine.volume_exists(task, &record.name())? {
            owned.push(("volume", record.name()));
        }
        Ok(owned)
    }

    pub fn purge(task: &Task<'_>, engine: &Engine, cache: &Path) -> Result<()> {
        let Some(record) = Record::load(cache)? else { return Ok(()) };
        if let Some(container) = container(task, engine, &record)? {
            engine.remove_container(task, &container.id)?;
        }
        engine.volume_remove(task, &record.name())?;
        let file = Record::file(cache);
        std::fs::remove_file(&file).map_err(|e| Error::io("remove", &file, &e))
    }
}

/// Runs `act` on the container if no cluster other than the one on `network` uses it.
fn unused(
    task: &Task<'_>,
    engine: &Engine,
    cache: &Path,
    network: &str,
    act: impl FnOnce(&Container) -> Result<()>,
) -> Result<bool> {
    let Some(record) = Record::load(cache)? else { return Ok(false) };
    let _lock = lock(task, cache)?;
    let Some(container) = container(task, engine, &record)? else { return Ok(false) };
    // The network that the engine gives to every container, by its name in Docker and Podman.
    let own = |name: &str| name == network || name == "bridge" || name == "podman";
    if container.networks.iter().any(|name| !own(name)) {
        return Ok(false);
    }
    act(&container).map(|()| true)
}

fn container(task: &Task<'_>, engine: &Engine, record: &Record) -> Result<Option<Container>> {
    let filter = format!("label={LABEL}={}", record.instance);
    Ok(engine.containers(task, &[filter])?.into_iter().next())
}

fn look(task: &Task<'_>, engine: &Engine, record: &Record) -> Result<Found> {
    Ok(match container(task, engine, record)? {
        None => Found::Nothing,
        Some(container) if !container.running => Found::Stopped(container),
        Some(container) => Found::Running(Box::new(LocalRegistry {
            engine: engine.clone(),
            name: container.name,
            networks: container.networks,
            client: Registry::new(&format!("127.0.0.1:{}", record.port))?,
        })),
    })
}

/// Creates the volume and the container. If the port is taken, the next free one is tried.
fn make(task: &Task<'_>, engine: &Engine, cache: &Path, record: &mut Record, image: &str) -> Result<()> {
    let name = record.name();
    engine.volume_ensure(task, &name, &[(LABEL.to_owned(), record.instance.clone())])?;
    let mut taken = Vec::new();
    let mut last = None;
    for _ in 0..TRIES {
        let port = free_port(record.port, &taken, true);
        record.port = port;
        record.save(cache)?;
        task.say(format!("starting the registry {name} on 127.0.0.1:{port}"));
        match task.run(&run(engine, record, image)) {
            Ok(_) => return Ok(()),
            Err(error) => {
                task.check()?;
                // The engine keeps a container that it could not start.
                engine.remove_container(task, &name)?;
                if !cannot_publish(&error.to_string()) {
                    return Err(error.help("todo-bootstrap doctor"));
                }
                taken.push(port);
                last = Some(error);
            }
        }
    }
    let error = last.unwrap_or_else(|| Error::host("no port is free for the local registry"));
    Err(error.context(format!(
        "no port could be published for the local registry (registry-port); tried {}",
        taken.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )))
}

fn run(engine: &Engine, record: &Record, image: &str) -> Cmd {
    let name = record.name();
    let mut cmd = engine
        .cmd("start the local registry")
        .args(["run", "--detach", "--name", &name, "--label"])
        .arg(format!("{LABEL}={}", record.instance))
        .args(["--restart", "unless-stopped", "--publish"])
        .arg(format!("127.0.0.1:{}:{INSIDE}", record.port))
        .arg("--volume")
        .arg(format!("{name}:/var/lib/registry"))
        // The directory of a volume belongs to root; without capabilities, root may do nothing else.
        .args(["--user", "0:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"]);
    for (key, value) in SETTINGS {
        cmd = cmd.arg("--env").arg(format!("{key}={value}"));
    }
    cmd.arg(image)
}

/// The last lines of the container's log; empty if it cannot be read.
fn logs(task: &Task<'_>, engine: &Engine, name: &str) -> String {
    let cmd = engine.cmd("read the log of the registry").args(["logs", "--tail", "5", name]).any_status();
    let output = task.within(Duration::from_secs(10)).run(&cmd);
    output.map(|output| format!("{}{}", output.text(), output.stderr)).unwrap_or_default()
}

/// Only one command at a time may create or remove the registry.
fn lock(task: &Task<'_>, cache: &Path) -> Result<File> {
    std::fs::create_dir_all(cache).map_err(|e| Error::io("create", cache, &e))?;
    lock::wait(task, &cache.join("registry.lock"), || {})
}

#[cfg(test)]
mod tests;
