//! Containers of the engine: list, start, stop, limit, remove.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Engine, images::absent_or};
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
    /// Of a container that ended.
    pub exit_code: Option<i32>,
}

impl Engine {
    /// The containers that match all `filters` (`label=a=b`, `name=^x$`), stopped ones included.
    pub fn containers(&self, task: &Task<'_>, filters: &[String]) -> Result<Vec<Container>> {
        let format = if self.is_podman() { "json" } else { "{{json .}}" };
        let mut cmd = self.cmd("list containers").args(["ps", "--all", "--no-trunc", "--format", format]);
        for filter in filters {
            cmd = cmd.args(["--filter", filter]);
        }
        parse(&task.run(&cmd)?.text())
    }

    /// Starts a container that stands still; a paused one goes on.
    pub fn start(&self, task: &Task<'_>, id: &str) -> Result<()> {
        let cmd = self.cmd(format!("start the container {id}")).args(["start", id]).any_status();
        let output = task.run(&cmd)?;
        if !output.ok() && output.stderr.contains("paused") {
            return task.run(&self.cmd(format!("resume the container {id}")).args(["unpause", id])).map(drop);
        }
        absent_or(&cmd, output)?.ok_or_else(|| Error::failed(format!("container {id} no longer exists")))?;
        Ok(())
    }

    /// Stops a container; it gets ten seconds to end by itself.
    pub fn stop(&self, task: &Task<'_>, id: &str) -> Result<()> {
        // `-t` is what every client knows: the long word is `--time` until 28, `--timeout` from then on.
        task.run(&self.cmd(format!("stop the container {id}")).args(["stop", "-t", "10", id])).map(drop)
    }

    /// Removes a container, running or not, with its anonymous volumes; `false` where it was gone.
    pub fn remove_container(&self, task: &Task<'_>, id: &str) -> Result<bool> {
        let cmd = self.cmd(format!("remove the container {id}"));
        let cmd = cmd.args(["rm", "--force", "--volumes", id]).any_status();
        absent_or(&cmd, task.run(&cmd)?).map(|found| found.is_some())
    }

    pub fn volume_exists(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        let cmd = self.cmd(format!("inspect the volume {name}"));
        let cmd = cmd.args(["volume", "inspect", "--format", "{{.Name}}", name]).any_status();
        absent_or(&cmd, task.run(&cmd)?).map(|found| found.is_some())
    }

    /// Makes the volume unless it is there; one of the same name without all `labels` is somebody
    /// else's, and refused.
    pub fn volume_ensure(&self, task: &Task<'_>, name: &str, labels: &[(String, String)]) -> Result<()> {
        let cmd = self.cmd(format!("inspect the volume {name}"));
        let cmd = cmd.args(["volume", "inspect", "--format", "{{json .Labels}}", name]).any_status();
        if let Some(json) = absent_or(&cmd, task.run(&cmd)?)? {
            let found: BTreeMap<String, String> = serde_json::from_str(&json).unwrap_or_default();
            if labels.iter().all(|(key, value)| found.get(key) == Some(value)) {
                return Ok(());
            }
            return Err(Error::refused(format!("engine volume `{name}` was not created by todo-bootstrap"))
                .help(format!("{} volume rm {name}", self.name)));
        }
        let mut cmd = self.cmd(format!("create the volume {name}")).args(["volume", "create"]);
        for (key, value) in labels {
            cmd = cmd.arg("--label").arg(format!("{key}={value}"));
        }
        task.run(&cmd.arg(name)).map(drop)
    }

    /// Removes a volume with the data in it; `false` where it was gone.
    pub fn volume_remove(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        let cmd = self.cmd(format!("remove the volume {name}")).args(["volume", "rm", name]).any_status();
        absent_or(&cmd, task.run(&cmd)?).map(|found| found.is_some())
    }

    /// Limits a container to `cpus` and to `memory` bytes, swap included.
    pub fn limit(&self, task: &Task<'_>, id: &str, cpus: u32, memory: u64) -> Result<()> {
        let memory = memory.to_string();
        let cmd = self.cmd(format!("limit the container {id}")).args(["update", "--cpus"]);
        let cmd = cmd.arg(cpus.to_string()).args(["--memory", &memory, "--memory-swap", &memory, id]);
        task.run(&cmd).map(drop)
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
    let (state, status) = (text("State"), text("Status"));
    let exited = status.strip_prefix("Exited (").and_then(|rest| rest.split(')').next()?.parse().ok());
    Container {
        id: text("ID").to_owned(),
        name: text("Names").split(',').next().unwrap_or_default().to_owned(),
        running: state == "running",
        paused: state == "paused",
        labels: labels(text("Labels")),
        networks: text("Networks").split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        exit_code: exited,
    }
}

/// `a=b,c=d`; a comma inside a value is told by what follows it having no `=`.
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
    let list = |key: &str| -> Vec<String> {
        let items = value[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let state = value["State"].as_str().unwrap_or_default();
    let ended = matches!(state, "exited" | "stopped");
    let exit_code = value["ExitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
    Container {
        id: value["Id"].as_str().unwrap_or_default().to_owned(),
        name: list("Names").into_iter().next().unwrap_or_default(),
        running: state == "running",
        paused: state == "paused",
        labels: serde_json::from_value(value["Labels"].clone()).unwrap_or_default(),
        networks: list("Networks"),
        exit_code: exit_code.filter(|_| ended),
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
        r#"{"ID":"4712","Names":"old","State":"exited","Status":"Exited (137) 5 minutes ago","Labels":"","Networks":"a,b"}"#,
        "\n"
    );
    const PODMAN: &str = r#"[{"Id":"4713","Names":["p"],"State":"exited","ExitCode":3,"Labels":{"a":"b"},"Networks":["kind"]},
        {"Id":"4714","Names":["q"],"State":"paused","ExitCode":0,"Labels":null,"Networks":[]}]"#;

    #[test]
    fn reads_dockers_list() {
        let found = parse(DOCKER).unwrap();
        assert_eq!(
            (found[0].name.as_str(), found[0].running, found[0].exit_code),
            ("n-control-plane", true, None)
        );
        assert_eq!(found[0].labels["note"], "a,b");
        assert_eq!(found[0].labels["io.x-k8s.kind.role"], "control-plane");
        assert_eq!((found[1].running, found[1].exit_code), (false, Some(137)));
        assert_eq!(found[1].networks, ["a", "b"]);
        assert!(parse("").unwrap().is_empty() && parse("{").is_err());
    }

    #[test]
    fn reads_podmans_list() {
        let found = parse(PODMAN).unwrap();
        assert_eq!((found[0].exit_code, found[0].labels["a"].as_str()), (Some(3), "b"));
        assert!(found[1].paused && found[1].exit_code.is_none());
    }

    #[test]
    fn a_paused_container_is_woken() {
        let said = "Error response from daemon: cannot start a paused container, try unpause instead";
        let script = Script::default().on_err("docker start", 1, "", said).on("docker unpause", 0, "");
        with_task(&script, |task| engine().start(task, "4711")).0.unwrap();
        assert_eq!(script.ran(), ["docker start 4711", "docker unpause 4711"]);
    }

    #[test]
    fn stopping_takes_the_word_that_every_client_knows() {
        let script = Script::default().on("docker stop", 0, "");
        with_task(&script, |task| engine().stop(task, "n")).0.unwrap();
        assert_eq!(script.ran(), ["docker stop -t 10 n"]);
    }

    #[test]
    fn limits_leave_no_swap() {
        let script = Script::default().on("docker update", 0, "");
        with_task(&script, |task| engine().limit(task, "n", 2, 4 << 30)).0.unwrap();
        assert_eq!(script.ran(), ["docker update --cpus 2 --memory 4294967296 --memory-swap 4294967296 n"]);
    }
}
