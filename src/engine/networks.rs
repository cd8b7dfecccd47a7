//! Networks of the engine.

use std::collections::BTreeMap;

use super::{Engine, images::absent_or};
use crate::error::{Error, Result};
use crate::task::Task;

impl Engine {
    /// Makes the network unless it is there; `true` if it was made. `refusal` judges one that is there
    /// by its labels.
    pub fn network_ensure(
        &self,
        task: &Task<'_>,
        name: &str,
        labels: &[(String, String)],
        refusal: impl FnOnce(&BTreeMap<String, String>) -> Option<Error>,
    ) -> Result<bool> {
        if let Some(found) = self.network_labels(task, name)? {
            return refusal(&found).map_or(Ok(false), Err);
        }
        self.network_create(task, name, labels, &[])?;
        Ok(true)
    }

    fn network_create(
        &self,
        task: &Task<'_>,
        name: &str,
        labels: &[(String, String)],
        range: &[&str],
    ) -> Result<()> {
        let cmd = self.cmd(format!("create the network {name}")).args(["network", "create"]);
        let labels = labels.iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
        task.run(&cmd.args(range.to_vec()).args(labels).arg(name)).map(drop)
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
        refusal: impl FnOnce(&BTreeMap<String, String>) -> Option<Error>,
    ) -> Result<bool> {
        let made = self.network_ensure(task, name, labels, refusal)?;
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
        self.network_create(task, name, labels, &["--subnet", range, "--gateway", gateway.trim()])?;
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

    /// Puts a stopped container on the network of this name as it is now. The engine remembers networks
    /// by id, and starts no container whose network was removed and made again.
    pub fn network_rejoin(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        // Podman remembers names, and keeps a network as long as a container needs it.
        if self.is_podman() {
            return Ok(());
        }
        let format = format!(
            "{{{{with index .NetworkSettings.Networks \"{network}\"}}}}{{{{.NetworkID}}}} \
             {{{{with .IPAMConfig}}}}{{{{.IPv4Address}}}}{{{{end}}}}{{{{end}}}}"
        );
        let cmd = self.cmd(format!("read the networks of {container}"));
        let joined = task.run(&cmd.args(["inspect", "--format", &format, container]))?.text();
        let cmd = self.cmd(format!("read the id of the network {network}"));
        let id = task.run(&cmd.args(["network", "inspect", "--format", "{{.ID}}", network]))?.text();
        let (known, address) = joined.split_once(' ').unwrap_or((&joined, ""));
        if known == id {
            return Ok(());
        }
        self.network_disconnect(task, network, container)?;
        let connect = || {
            let cmd = self.cmd(format!("connect {container} to the network {network}"));
            cmd.args(["network", "connect"])
        };
        // An address that it asked for is of the old range, which need not be the new one.
        if !address.is_empty()
            && task.run(&connect().args(["--ip", address, network, container]).any_status())?.ok()
        {
            return Ok(());
        }
        task.run(&connect().args([network, container])).map(drop)
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
            .cmd(format!("inspect the network {name}"))
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
    use super::{BTreeMap, Error, last_of};
    use crate::engine::testing::{engine, with_task};
    use crate::error::Exit;
    use crate::exec::Script;

    fn ours() -> Vec<(String, String)> {
        vec![("owner".to_owned(), "us".to_owned())]
    }

    fn foreign(labels: &BTreeMap<String, String>) -> Option<Error> {
        (labels.get("owner").map(String::as_str) != Some("us")).then(|| Error::refused("not ours"))
    }

    #[test]
    fn makes_what_is_missing_and_leaves_what_is_ours() {
        let script = Script::default()
            .on_err("docker network inspect", 1, "[]", "Error: No such network: n")
            .on("docker network inspect", 0, r#"{"owner":"us","more":"1"}"#)
            .on("docker network create --label owner=us n", 0, "4711");
        let ((first, second), _) = with_task(&script, |task| {
            let ensure = || engine().network_ensure(task, "n", &ours(), foreign);
            (ensure(), ensure())
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
        let made = with_task(&script, |task| engine().network_ensure_fixed(task, "n", &ours(), foreign)).0;
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
        let error =
            with_task(&script, |task| engine().network_ensure(task, "n", &ours(), foreign)).0.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn a_container_of_a_network_that_was_made_again_is_put_on_the_new_one() {
        let rejoin = |joined: &str| {
            let script = Script::default()
                .on("docker inspect", 0, joined)
                .on("docker network inspect --format {{.ID}} n", 0, "new")
                .on("docker network disconnect --force n 4711", 0, "")
                .on_err("docker network connect --ip", 1, "", "no configured subnet contains IP address")
                .on("docker network connect n 4711", 0, "");
            with_task(&script, |task| engine().network_rejoin(task, "n", "4711")).0.unwrap();
            script
                .ran()
                .into_iter()
                .filter(|line| line.starts_with("docker network connect"))
                .collect::<Vec<_>>()
        };
        assert_eq!(rejoin("new "), Vec::<String>::new(), "it is on it");
        assert_eq!(rejoin("old "), ["docker network connect n 4711"]);
        assert_eq!(rejoin(""), ["docker network connect n 4711"], "putting it back was cut short");
        let asked = ["docker network connect --ip 172.18.0.2 n 4711", "docker network connect n 4711"];
        assert_eq!(rejoin("old 172.18.0.2"), asked);
    }

    #[test]
    fn removing_what_is_gone_is_fine() {
        let script = Script::default().on_err("docker network rm", 1, "", "Error: No such network: n");
        assert!(!with_task(&script, |task| engine().network_remove(task, "n")).0.unwrap());
    }
}
