//! Networks of the engine.

use std::collections::BTreeMap;

use super::{Engine, images::absent_or};
use crate::error::{Error, Result};
use crate::task::Task;

impl Engine {
    /// Makes the network unless it is there; `true` if it was made. One of the same name that does
    /// not carry all `labels` is somebody else's, and refused.
    pub fn network_ensure(&self, task: &Task<'_>, name: &str, labels: &[(String, String)]) -> Result<bool> {
        if let Some(found) = self.network_labels(task, name)? {
            let ours = labels.iter().all(|(key, value)| found.get(key) == Some(value));
            let foreign = || {
                Error::refused(format!("the engine's network `{name}` was not made by us"))
                    .help(format!("{} network rm {name}   if nothing needs it", self.name))
            };
            return if ours { Ok(false) } else { Err(foreign()) };
        }
        let mut cmd = self.cmd(format!("create the network {name}")).args(["network", "create"]);
        for (key, value) in labels {
            cmd = cmd.arg("--label").arg(format!("{key}={value}"));
        }
        task.run(&cmd.arg(name))?;
        Ok(true)
    }

    /// `false` where it was not there.
    pub fn network_remove(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        let cmd = self.cmd(format!("remove the network {name}")).args(["network", "rm", name]).any_status();
        absent_or(&cmd, task.run(&cmd)?).map(|found| found.is_some())
    }

    /// `None` where there is no such network.
    pub fn network_labels(&self, task: &Task<'_>, name: &str) -> Result<Option<BTreeMap<String, String>>> {
        let cmd = self
            .cmd(format!("look for the network {name}"))
            .args(["network", "inspect", "--format", "{{json .Labels}}", name])
            .any_status();
        let found = absent_or(&cmd, task.run(&cmd)?)?;
        Ok(found.map(|json| serde_json::from_str(&json).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::testing::{engine, with_task};
    use crate::error::Exit;
    use crate::exec::Script;

    fn ours() -> Vec<(String, String)> {
        vec![("owner".to_owned(), "us".to_owned())]
    }

    #[test]
    fn makes_what_is_missing_and_leaves_what_is_ours() {
        let script = Script::default()
            .on_err("docker network inspect", 1, "[]", "Error: No such network: n")
            .on("docker network inspect", 0, r#"{"owner":"us","more":"1"}"#)
            .on("docker network create --label owner=us n", 0, "4711");
        let ((first, second), _) = with_task(&script, |task| {
            (engine().network_ensure(task, "n", &ours()), engine().network_ensure(task, "n", &ours()))
        });
        assert_eq!((first.unwrap(), second.unwrap()), (true, false));
    }

    #[test]
    fn refuses_a_network_of_somebody_else() {
        let script = Script::default().on("docker network inspect", 0, "{}");
        let error = with_task(&script, |task| engine().network_ensure(task, "n", &ours())).0.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn removing_what_is_gone_is_fine() {
        let script = Script::default().on_err("docker network rm", 1, "", "Error: No such network: n");
        assert!(!with_task(&script, |task| engine().network_remove(task, "n")).0.unwrap());
    }
}
