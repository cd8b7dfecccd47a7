//! Networks of the engine.

use std::collections::BTreeMap;

use super::Engine;
use crate::error::{Error, Result};
use crate::exec::RunError;
use crate::task::Task;

impl Engine {
    /// Creates the network unless it exists; `true` if it was created. `refusal` judges an existing one by its labels.
    /// The address range that the engine chooses is fixed, so that a container can request an address and keep it.
    pub fn network_ensure(
        &self,
        task: &Task<'_>,
        name: &str,
        labels: &[(String, String)],
        refusal: impl FnOnce(&BTreeMap<String, String>) -> Option<Error>,
    ) -> Result<bool> {
        if let Some(found) = self.labels_of(task, "network", name)? {
            return refusal(&found).map_or(Ok(false), Err);
        }
        self.create(task, "network", name, labels, &[])?;
        // Podman gives a container the same address again without a request.
        if self.is_podman() {
            return Ok(true);
        }
        let ranges = self.ranges(task, name, "{{.Subnet}} {{.Gateway}}")?;
        let fixed =
            ranges.lines().find_map(|line| line.split_once(' ').filter(|(range, _)| !range.contains("::")));
        if let Some((range, gateway)) = fixed {
            self.network_remove(task, name)?;
            let fixed = ["--subnet", range, "--gateway", gateway.trim()];
            self.create(task, "network", name, labels, &fixed)?;
        }
        Ok(true)
    }

    /// Removes the network; `false` if it did not exist.
    pub fn network_remove(&self, task: &Task<'_>, name: &str) -> Result<bool> {
        let removed = self.lookup(task, &format!("remove the network {name}"), &["network", "rm", name])?;
        Ok(removed.is_some())
    }

    fn ranges(&self, task: &Task<'_>, name: &str, format: &str) -> Result<String> {
        let format = format!("{{{{range .IPAM.Config}}}}{format}\n{{{{end}}}}");
        let purpose = format!("read the address range of the network {name}");
        self.call(task, &purpose, &["network", "inspect", "--format", &format, name])
    }

    /// Connects a container, at the last address of the range if possible. One that is connected is not an error.
    pub fn network_connect(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        // Podman's output differs, and its addresses stay with their containers anyway.
        let address = if self.is_podman() {
            None
        } else {
            self.ranges(task, network, "{{.Subnet}}")?.lines().find_map(last_of)
        };
        match self.connect(task, network, container, address.as_deref()) {
            Err(RunError::Status { output, .. })
                if ["already exists in network", "already connected"]
                    .iter()
                    .any(|phrase| output.to_ascii_lowercase().contains(phrase)) =>
            {
                Ok(())
            }
            result => Ok(result?),
        }
    }

    fn connect(
        &self,
        task: &Task<'_>,
        network: &str,
        container: &str,
        address: Option<&str>,
    ) -> Result<(), RunError> {
        let cmd = self.cmd(format!("connect {container} to the network {network}"));
        let cmd = cmd.args(["network", "connect"]).args(address.iter().flat_map(|ip| ["--ip", ip]));
        task.try_run(&cmd.args([network, container])).map(drop)
    }

    /// Connects a stopped container to the current network of this name. The engine refers to networks by
    /// id and does not start a container whose network was removed and created again.
    pub fn network_rejoin(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        // Podman refers to networks by name, and keeps a network as long as a container uses it.
        if self.is_podman() {
            return Ok(());
        }
        let format = format!(
            "{{{{with index .NetworkSettings.Networks \"{network}\"}}}}{{{{.NetworkID}}}} \
             {{{{with .IPAMConfig}}}}{{{{.IPv4Address}}}}{{{{end}}}}{{{{end}}}}"
        );
        let purpose = format!("read the networks of {container}");
        let joined = self.call(task, &purpose, &["inspect", "--format", &format, container])?;
        let purpose = format!("read the id of the network {network}");
        let id = self.call(task, &purpose, &["network", "inspect", "--format", "{{.ID}}", network])?;
        let (known, address) = joined.split_once(' ').unwrap_or((&joined, ""));
        if known == id {
            return Ok(());
        }
        self.network_disconnect(task, network, container)?;
        // The requested address may be outside the new range, which the engine notices only when the container starts.
        let ranges = self.ranges(task, network, "{{.Subnet}}")?;
        let address = Some(address).filter(|address| ranges.lines().any(|range| contains(range, address)));
        let again = address.is_some() && self.connect(task, network, container, address).is_ok();
        if again { Ok(()) } else { Ok(self.connect(task, network, container, None)?) }
    }

    /// Disconnects a container; one that is not connected, or does not exist, is not an error.
    pub fn network_disconnect(&self, task: &Task<'_>, network: &str, container: &str) -> Result<()> {
        let purpose = format!("disconnect {container} from the network {network}");
        self.lookup(task, &purpose, &["network", "disconnect", "--force", network, container]).map(drop)
    }
}

/// The last address in a range that a container can have: `172.18.255.254` in `172.18.0.0/16`.
fn last_of(range: &str) -> Option<String> {
    let (first, bits) = parse(range)?;
    // In a smaller range, the address may be that of a node.
    let hosts = (8..=24).contains(&bits).then(|| u32::MAX >> bits)?;
    Some(std::net::Ipv4Addr::from((u32::from(first) | hosts) - 1).to_string())
}

/// The first address and the number of network bits of an IPv4 range such as `172.18.0.0/16`.
fn parse(range: &str) -> Option<(std::net::Ipv4Addr, u32)> {
    let (first, bits) = range.trim().split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    Some((first.parse().ok()?, bits)).filter(|_| (1..=32).contains(&bits))
}

fn contains(range: &str, address: &str) -> bool {
    let Some(((first, bits), address)) = parse(range).zip(address.parse::<std::net::Ipv4Addr>().ok()) else {
        return false;
    };
    let network = |address: std::net::Ipv4Addr| u32::from(address) >> (32 - bits);
    network(first) == network(address)
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Error, Task, contains, last_of};
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
    fn a_missing_network_is_created_with_a_fixed_range_and_an_existing_one_is_judged_by_its_labels() {
        let labels = "docker network inspect --format '{{json .Labels}}'";
        let script = Script::default()
            .fails(labels, "Error: No such network: n")
            .on(labels, 0, r#"{"owner":"us","more":"1"}"#)
            .on(labels, 0, "{}")
            .on("docker network create --label owner=us n", 0, "4711")
            .on("docker network inspect --format '{{range", 0, "172.18.0.0/16 172.18.0.1\n")
            .on("docker network rm", 0, "")
            .on("docker network create --subnet", 0, "4712");
        let ensure = |task: &Task<'_>| engine().network_ensure(task, "n", &ours(), foreign);
        let [missing, ours, other] = with_task(&script, |task| [(); 3].map(|()| ensure(task))).0;
        assert_eq!((missing.unwrap(), ours.unwrap()), (true, false));
        assert_eq!(other.unwrap_err().exit(), Exit::Refused);
        let fixed = "docker network create --subnet 172.18.0.0/16 --gateway 172.18.0.1 --label owner=us n";
        assert_eq!((script.ran().len(), script.ran()[4].as_str()), (7, fixed));
    }

    #[test]
    fn a_container_gets_the_last_address_of_the_range() {
        assert_eq!(last_of("172.18.0.0/16").as_deref(), Some("172.18.255.254"));
        assert_eq!(last_of("192.168.49.0/24").as_deref(), Some("192.168.49.254"));
        assert_eq!((last_of("192.168.49.0/28"), last_of("fc00::/64"), last_of("")), (None, None, None));
        let script = Script::default()
            .on("docker network inspect", 0, "fc00:f853::/64\n172.18.0.0/16\n")
            .on("docker network connect --ip 172.18.255.254 n c", 0, "")
            .fails("docker network connect", "endpoint with name c already exists in network n");
        let ((first, again), _) = with_task(&script, |task| {
            let connect = || engine().network_connect(task, "n", "c");
            (connect(), connect())
        });
        assert!(first.is_ok() && again.is_ok(), "{again:?}");
    }

    #[test]
    fn disconnecting_and_removing_what_does_not_exist_is_not_an_error() {
        for stderr in ["container 1 is not connected to network n", "Error: No such container: c"] {
            let script = Script::default().fails("docker network disconnect", stderr);
            assert!(with_task(&script, |task| engine().network_disconnect(task, "n", "c")).0.is_ok());
        }
        let script = Script::default().fails("docker network disconnect", "permission denied");
        assert!(with_task(&script, |task| engine().network_disconnect(task, "n", "c")).0.is_err());
        let script = Script::default().fails("docker network rm", "Error: No such network: n");
        assert!(!with_task(&script, |task| engine().network_remove(task, "n")).0.unwrap());
    }

    #[test]
    fn a_container_is_moved_to_the_network_that_was_created_again() {
        let rejoin = |joined: &str| {
            let script = Script::default()
                .on("docker inspect", 0, joined)
                .on("docker network inspect --format {{.ID}} n", 0, "new")
                .on("docker network disconnect --force n 4711", 0, "")
                .on("docker network inspect --format '{{range", 0, "172.18.0.0/16\n")
                .fails("docker network connect --ip", "Address already in use")
                .on("docker network connect n 4711", 0, "");
            with_task(&script, |task| engine().network_rejoin(task, "n", "4711")).0.unwrap();
            script
                .ran()
                .into_iter()
                .filter(|line| line.starts_with("docker network connect"))
                .collect::<Vec<_>>()
        };
        assert_eq!(rejoin("new "), Vec::<String>::new(), "already connected");
        // Moved; interrupted before it was connected again; with an address outside the new range.
        for joined in ["old ", "", "old 172.26.0.2"] {
            assert_eq!(rejoin(joined), ["docker network connect n 4711"], "{joined}");
        }
        let asked = ["docker network connect --ip 172.18.0.2 n 4711", "docker network connect n 4711"];
        assert_eq!(rejoin("old 172.18.0.2"), asked);
    }

    #[test]
    fn ranges_contain_their_addresses() {
        for (range, address, expected) in [
            ("172.18.0.0/16", "172.18.0.2", true),
            ("172.18.0.0/16", "172.26.0.2", false),
            ("192.168.240.0/20", "192.168.255.254", true),
            ("10.0.0.4/32", "10.0.0.5", false),
            ("fd00::/64", "172.18.0.2", false),
            ("172.18.0.0/16", "", false),
        ] {
            assert_eq!(contains(range, address), expected, "{range} {address}");
        }
    }
}
