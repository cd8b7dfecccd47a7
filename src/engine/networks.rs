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
                    .help(format!("{} network rm {name}   # if nothing needs it", self.name))
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

    /// As [`Engine::network_ensure`], with address range and gateway written down, so that a
    /// container can ask for an address in it and keeps it. The engine chooses the range.
    pub fn network_ensure_fixed(
        &self,
        task: &Task<'_>,
        name: &str,
        labels: &[(String, String)],
    ) -> Result<bool> {
        let made = self.network_ensure(task, name, labels)?;
        // Podman gives a container the same address again without being asked.
        if !made || self.is_podman() {
            return Ok(made);
        }
        let format = "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}\n{{end}}";
        let cmd = self.cmd(format!("read the range of the network {name}"));
        let ranges = task.run(&cmd.args(["network", "inspect", "--format", format, name]))?.text();
        let fixed =
            ranges.lines().find_map(|line| line.split_once(' ').filter(|(range, _)| !range.contains("::")));
        let Some((range, gateway)) = fixed else { return Ok(true) };
        self.network_remove(task, name)?;
        let cmd = self.cmd(format!("create the network {name}")).args(["network", "create"]);
        let cmd = cmd.args(["--subnet", range]).args(["--gateway", gateway.trim()]);
        let labels = labels.iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
        task.run(&cmd.args(labels).arg(name))?;
        Ok(true)
    }

    /// Puts a container on the network, at the last address of its range where the engine knows the
    /// range and lets us choose. One that is on it already is no error.
    pub fn network_connect(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        let mut cmd =
            self.cmd(format!("connect {container} to the network {network}")).args(["network", "connect"]);
        if let Some(address) = self.last_address(task, network)? {
            cmd = cmd.args(["--ip", &address]);
        }
        let cmd = cmd.args([network, container]).any_status();
        let output = task.run(&cmd)?;
        let low = output.stderr.to_ascii_lowercase();
        if output.ok() || low.contains("already exists in network") || low.contains("already connected") {
            return Ok(());
        }
        Err(failed(&cmd, &output))
    }

    /// Takes a container off the network; one that is not on it, or gone, is no error.
    pub fn network_disconnect(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        let cmd = self
            .cmd(format!("disconnect {container} from the network {network}"))
            .args(["network", "disconnect", "--force", network, container])
            .any_status();
        let output = task.run(&cmd)?;
        if output.ok() || output.stderr.contains("is not connected") {
            return Ok(());
        }
        absent_or(&cmd, output).map(drop)
    }

    /// Podman assigns addresses that stay with their container, and has another form of answer.
    fn last_address(&self, task: &Task<'_>, network: &str) -> Result<Option<String>> {
        if self.is_podman() {
            return Ok(None);
        }
        let format = "{{range .IPAM.Config}}{{.Subnet}}\n{{end}}";
        let cmd = self.cmd(format!("read the range of the network {network}"));
        let ranges = task.run(&cmd.args(["network", "inspect", "--format", format, network]))?.text();
        Ok(ranges.lines().find_map(last_of))
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

/// The last address of a range that a container can have: `172.18.255.254` of `172.18.0.0/16`.
fn last_of(range: &str) -> Option<String> {
    let (first, bits) = range.trim().split_once('/')?;
    let (first, bits): (std::net::Ipv4Addr, u32) = (first.parse().ok()?, bits.parse().ok()?);
    // In a smaller range the address could be a node's.
    let hosts = (8..=24).contains(&bits).then(|| u32::MAX >> bits)?;
    Some(std::net::Ipv4Addr::from((u32::from(first) | hosts) - 1).to_string())
}

fn failed(cmd: &crate::exec::Cmd, output: &crate::exec::Output) -> Error {
    Error::failed(format!("cannot {}: `{}` ended with status {}", cmd.purpose, cmd.argv(), output.status))
        .because(&output.stderr)
}

#[cfg(test)]
mod tests {
    use super::last_of;
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
    fn a_fixed_range_is_the_one_that_the_engine_chose() {
        let script = Script::default()
            .on_err(
                "docker network inspect --format '{{json .Labels}}'",
                1,
                "[]",
                "Error: No such network: n",
            )
            .on("docker network create --label", 0, "4711")
            .on("docker network inspect --format '{{range", 0, "172.18.0.0/16 172.18.0.1\n")
            .on("docker network rm", 0, "")
            .on("docker network create --subnet", 0, "4712");
        let made = with_task(&script, |task| engine().network_ensure_fixed(task, "n", &ours())).0;
        assert!(made.unwrap());
        let last = script.ran().pop().unwrap();
        assert_eq!(
            last,
            "docker network create --subnet 172.18.0.0/16 --gateway 172.18.0.1 --label owner=us n"
        );
    }

    #[test]
    fn the_registry_gets_the_last_address_of_the_range() {
        assert_eq!(last_of("172.18.0.0/16").as_deref(), Some("172.18.255.254"));
        assert_eq!(last_of("192.168.49.0/24").as_deref(), Some("192.168.49.254"));
        assert_eq!((last_of("192.168.49.0/28"), last_of("fc00::/64"), last_of("")), (None, None, None));
        let script = Script::default()
            .on("docker network inspect", 0, "fc00:f853::/64\n172.18.0.0/16\n")
            .on("docker network connect --ip 172.18.255.254 n c", 0, "")
            .on_err("docker network connect", 1, "", "endpoint with name c already exists in network n");
        let ((first, again), _) = with_task(&script, |task| {
            let connect = || engine().network_connect(task, "n", "c");
            (connect(), connect())
        });
        assert!(first.is_ok() && again.is_ok(), "{again:?}");
    }

    #[test]
    fn leaving_a_network_is_no_error_where_it_was_left() {
        for said in ["container 1 is not connected to network n", "Error: No such container: c"] {
            let script = Script::default().on_err("docker network disconnect", 1, "", said);
            assert!(with_task(&script, |task| engine().network_disconnect(task, "n", "c")).0.is_ok());
        }
        let script = Script::default().on_err("docker network disconnect", 1, "", "permission denied");
        assert!(with_task(&script, |task| engine().network_disconnect(task, "n", "c")).0.is_err());
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
