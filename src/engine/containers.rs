//! Containers of the engine: list, start, stop, limit, remove.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Engine, absent_or};
use crate::error::{Error, Result};
use crate::task::Task;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub running: bool,
    pub paused: bool,
    pub labels: BTreeMap<String, String>,
    pub networks: Vec<String>,
}

impl Engine {
    /// The containers that match all `filters` (`label=a=b`, `name=^x$`), including stopped ones.
    pub fn containers(&self, task: &Task<'_>, filters: &[String]) -> Result<Vec<Container>> {
        let format = if self.is_podman() { "json" } else { "{{json .}}" };
        let cmd = self.cmd("list containers").args(["ps", "--all", "--no-trunc", "--format", format]);
        let cmd = cmd.args(filters.iter().flat_map(|filter| ["--filter", filter]));
        parse(&task.run(&cmd)?.text())
    }

    /// The network that a container was created for; the list of containers shows none until it has started once.
    pub fn network_of(&self, task: &Task<'_>, id: &str) -> Result<Option<String>> {
        let args = ["inspect", "--format", "{{.HostConfig.NetworkMode}}", id];
        let mode = self.lookup(task, &format!("inspect the container {id}"), &args)?;
        Ok(mode.map(|mode| mode.trim().to_owned()))
    }

    /// Starts a stopped container; resumes a paused one.
    pub fn start(&self, task: &Task<'_>, id: &str) -> Result<()> {
        let cmd = self.cmd(format!("start the container {id}")).args(["start", id]).any_status();
        let output = task.run(&cmd)?;
        if !output.ok() && output.stderr.contains("paused") {
            return self.call(task, &format!("resume the container {id}"), &["unpause", id]).map(drop);
        }
        absent_or(&cmd, output)?.ok_or_else(|| Error::failed(format!("container {id} no longer exists")))?;
        Ok(())
    }

    /// Stops a container; the engine kills it after ten seconds.
    pub fn stop(&self, task: &Task<'_>, id: &str) -> Result<()> {
        // All clients know `-t`; the long form is `--time` before version 28, `--timeout` since.
        self.call(task, &format!("stop the container {id}"), &["stop", "-t", "10", id]).map(drop)
    }

    /// Removes a container with its anonymous volumes, even if it is running; `false` if it did not exist.
    pub fn remove_container(&self, task: &Task<'_>, id: &str) -> Result<bool> {
        let args = ["rm", "--force", "--volumes", id];
        Ok(self.lookup(task, &format!("remove the container {id}"), &args)?.is_some())
    }

    pub fn volume_exists(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        Ok(self.labels_of(task, "volume", name)?.is_some())
    }

    /// Creates the volume unless it exists. A volume of this name without `own` labels is refused.
    pub fn volume_ensure(&self, task: &Task<'_>, name: &str, own: &[(String, String)]) -> Result<()> {
        if let Some(found) = self.labels_of(task, "volume", name)? {
            if own.iter().all(|(key, value)| found.get(key) == Some(value)) {
                return Ok(());
            }
            return Err(Error::refused(format!("engine volume `{name}` was not created by todo-bootstrap"))
                .help(format!("{} volume rm {name}", self.name)));
        }
        self.create(task, "volume", name, own, &[])
    }

    /// Removes a volume with its data; `false` if it did not exist.
    pub fn volume_remove(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        Ok(self.lookup(task, &format!("remove the volume {name}"), &["volume", "rm", name])?.is_some())
    }

    /// Limits a container to `cpus` and to `memory` bytes, without swap.
    pub fn limit(&self, task: &Task<'_>, id: &str, cpus: u32, memory: u64) -> Result<()> {
        let (cpus, memory) = (cpus.to_string(), memory.to_string());
        let args = ["update", "--cpus", &cpus, "--memory", &memory, "--memory-swap", &memory, id];
        self.call(task, &format!("limit the container {id}"), &args).map(drop)
    }
}

/// Docker writes one object per line, Podman one array.
fn parse(text: &str) -> Result<Vec<Container>> {
    let broken = |error: serde_json::Error| {
        Error::failed("cannot read the engine's list of containers").because(error)
    };
    if text.starts_with('[') {
        let all: Vec<Value> = serde_json::from_str(text).map_err(broken)?;
        return Ok(all.iter().map(podman).collect());
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).map(|value| docker(&value)).map_err(broken)).collect()
}

fn docker(value: &Value) -> Container {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let state = text("State");
    Container {
        id: text("ID").to_owned(),
        name: text("Names").split(',').next().unwrap_or_default().to_owned(),
        running: state == "running",
        paused: state == "paused",
        labels: labels(text("Labels")),
        networks: text("Networks").split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    }
}

/// `a=b,c=d`; a part without `=` continues the value before it, which contained a comma.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        match (part.split_once('='), found.last_mut()) {
            (Some((key, value)), _) => found.push((key.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(part);
            }
            (None, None) => {}
        }
    }
    found.into_iter().collect()
}

fn podman(value: &Value) -> Container {
    let list = |key: &str| serde_json::from_value::<Vec<String>>(value[key].clone()).unwrap_or_default();
    let state = value["State"].as_str().unwrap_or_default();
    Container {
        id: value["Id"].as_str().unwrap_or_default().to_owned(),
        name: list("Names").into_iter().next().unwrap_or_default(),
        running: state == "running",
        paused: state == "paused",
        labels: serde_json::from_value(value["Labels"].clone()).unwrap_or_default(),
        networks: list("Networks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;

    const DOCKER: &str = concat!(
        r#"{"ID":"4711","Names":"n-control-plane","State":"running","Status":"Up 2 minutes","Labels":"io.x-k8s.kind.cluster=n,note=a,b,io.x-k8s.kind.role=control-plane","Networks":"kind"}"#,
        "\n",
        r#"{"ID":"4712","Names":"old","State":"exited","Labels":"","Networks":"a,b"}"#,
        "\n"
    );
    const PODMAN: &str = r#"[{"Id":"4713","Names":["p"],"State":"exited","ExitCode":3,"Labels":{"a":"b"},"Networks":["kind"]},
        {"Id":"4714","Names":["q"],"State":"paused","ExitCode":0,"Labels":null,"Networks":[]}]"#;

    #[test]
    fn dockers_list_is_parsed() {
        let found = parse(DOCKER).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].running), ("n-control-plane", true));
        assert_eq!(found[0].labels["note"], "a,b");
        assert_eq!(found[0].labels["io.x-k8s.kind.role"], "control-plane");
        assert!(!found[1].running && found[1].networks == ["a", "b"]);
        assert!(parse("").unwrap().is_empty() && parse("{").is_err());
    }

    #[test]
    fn podmans_list_is_parsed() {
        let found = parse(PODMAN).unwrap();
        assert!(!found[0].running && found[0].labels["a"] == "b" && found[1].paused);
    }

    #[test]
    fn a_paused_container_is_resumed() {
        let stderr = "Error response from daemon: cannot start a paused container, try unpause instead";
        let script = Script::default().fails("docker start", stderr).on("docker unpause", 0, "");
        with_task(&script, |task| engine().start(task, "4711")).0.unwrap();
        assert_eq!(script.ran(), ["docker start 4711", "docker unpause 4711"]);
    }

    #[test]
    fn stop_uses_the_option_that_every_client_knows_and_limits_leave_no_swap() {
        let script = Script::default().on("docker", 0, "");
        with_task(&script, |task| {
            engine().stop(task, "n").unwrap();
            engine().limit(task, "n", 2, 4 << 30).unwrap();
        });
        let update = "docker update --cpus 2 --memory 4294967296 --memory-swap 4294967296 n";
        assert_eq!(script.ran(), ["docker stop -t 10 n", update]);
    }
}
