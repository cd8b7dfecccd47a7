//! Inside a node: its log, the mark of a complete node, and its certificates.

use std::io::Read as _;
use std::time::Duration;

use super::{Provider, fault};
use crate::engine::Container;
use crate::error::{Error, Result};
use crate::exec::{Cmd, Output};
use crate::task::Task;

/// Written into the node, with our instance, when the provider's program has finished: the creation of
/// a node without it was interrupted. Old versions, which had no instances, left the file empty.
const COMPLETE: &str = "/kind/todo-bootstrap-whole";
/// In the node: kubeadm's configuration, written by kind.
const CONFIG: &str = "/kind/kubeadm.conf";
/// In the node, while a renewal is in progress.
const RENEWING: &str = "/kind/todo-bootstrap-renewing";
/// What kubeadm prints as the residual time of an expired certificate.
const EXPIRED: &str = "<invalid>";

/// An interrupted renewal is repeated, whatever the certificates say.
const CHECK: &str = "[ ! -e \"$2\" ] || echo '<invalid>'; kubeadm certs check-expiration --config \"$1\"";
/// `$2` marks a renewal that did not end.
const RENEW: &str = "set -eu
touch \"$2\"
rm -f /etc/kubernetes/kubelet.conf /var/lib/kubelet/pki/kubelet-client-current.pem
kubeadm init phase kubeconfig kubelet --config \"$1\"
kubeadm certs renew all --config \"$1\"
systemctl restart kubelet";
/// The control plane reads its certificates when it starts. After a start of the node, the kubelet replaces containers
/// at the same time, so one may be gone.
const STOP: &str = "for id in $(crictl ps --quiet --name '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)$'); do
  crictl stop --timeout 10 \"$id\" || if crictl inspect \"$id\" >/dev/null 2>&1; then exit 1; fi
done";

/// Prints a kubeconfig for the kubelet of another node, whose certificate is new.
const ISSUE: &str =
    "kubeadm kubeconfig user --config \"$1\" --org system:nodes --client-name \"system:node:$2\"";
/// Replaces the kubelet's certificate by that kubeconfig, which is read from standard input. The node was started a
/// moment ago: systemd may not respond yet.
const ADOPT: &str = "set -eu; umask 077
cat >/etc/kubernetes/kubelet.conf.new
mv /etc/kubernetes/kubelet.conf.new /etc/kubernetes/kubelet.conf
rm -f /var/lib/kubelet/pki/kubelet-client-current.pem
for _ in $(seq 30); do if systemctl restart kubelet; then exit; fi; sleep 1; done
exit 1";

impl Provider {
    pub(in crate::cluster) fn start_container(&self, task: &Task<'_>, container: &Container) -> Result<()> {
        self.engine.start(task, &container.id).map_err(|error| {
            let output = error.to_string();
            fault::explain(task, self, fault::Action::Start, error, &output, "", "")
        })
    }

    /// The last lines of the kubelet's log in the control plane, or of the container's. Empty if neither can be read.
    pub(in crate::cluster) fn node_log(&self, task: &Task<'_>) -> String {
        let node = &self.node();
        let task = task.within(Duration::from_secs(15));
        let journal = self.engine.exec(node, "read the log of the kubelet").args([
            "journalctl",
            "--no-pager",
            "--output=cat",
            "--unit=kubelet",
            "--lines=60",
        ]);
        let console = self.engine.cmd("read the log of the node").args(["logs", "--tail", "30", node]);
        let text = |cmd: &Cmd| task.run(&cmd.clone().any_status()).ok().filter(Output::ok);
        let journal = text(&journal).map_or_else(String::new, |output| output.text());
        if journal.trim().is_empty() || journal.contains("-- No entries --") {
            return text(&console).map(|output| output.text() + &output.stderr).unwrap_or_default();
        }
        journal
    }

    /// Writes the mark that identifies a node as complete, and as ours.
    pub(in crate::cluster) fn mark_complete(&self, task: &Task<'_>) -> Result<()> {
        const SCRIPT: &str = "printf '%s\\n' \"$1\" >\"$2.new\" && mv \"$2.new\" \"$2\"";
        let cmd = self.engine.exec(&self.node(), "mark the node as complete");
        task.run(&cmd.args(["sh", "-c", SCRIPT, "sh", &self.owner.instance, COMPLETE])).map(|_| ())
    }

    /// The content of the mark; `None` if there is none. Works on a stopped node as well.
    pub(super) fn mark(&self, task: &Task<'_>) -> Result<Option<String>> {
        let mark = self.file_in_node(task, COMPLETE)?;
        Ok(mark.map(|mark| String::from_utf8_lossy(&mark).into_owned()))
    }

    /// The content of a file in the node, which may be stopped; `None` if it does not exist.
    pub(super) fn file_in_node(&self, task: &Task<'_>, path: &str) -> Result<Option<Vec<u8>>> {
        let node = self.node();
        let cmd = self.engine.cmd(format!("read {path} in the node"));
        let cmd = cmd.args(["cp", &format!("{node}:{path}"), "-"]).any_status();
        let output = task.run(&cmd)?;
        if output.ok() {
            // A tar of one file.
            let unreadable = |error: std::io::Error| {
                Error::failed(format!("cannot read {path} in the node {node}")).because(error)
            };
            let mut content = Vec::new();
            if let Some(Ok(mut file)) =
                tar::Archive::new(output.stdout.as_slice()).entries().map_err(unreadable)?.next()
            {
                file.read_to_end(&mut content).map_err(unreadable)?;
            }
            return Ok(Some(content));
        }
        // Any other failure of the engine tells nothing about the node, which may hold data.
        let low = output.stderr.to_ascii_lowercase();
        let absent =
            ["no such", "not find", "not found", "not be found"].iter().any(|text| low.contains(text));
        if low.trim().is_empty() || (absent && !low.contains("dial ")) {
            return Ok(None);
        }
        Err(Error::failed(format!("cannot read {path} in the node {node}")).because(output.stderr))
    }

    /// Renews the certificates of all nodes if one of the control plane has expired; the data in the cluster is kept.
    ///
    /// kubeadm issues them for one year, and only renews them when it upgrades a cluster, which never
    /// happens here. The kubelet renews its own while it runs, but does not start with an expired one.
    pub(in crate::cluster) fn renew_certificates(&self, task: &Task<'_>) -> Result<()> {
        let sh = |node: &str, purpose: &str, script: &str, arg: &str| {
            self.engine.exec(node, purpose).args(["sh", "-c", script, "sh", CONFIG, arg])
        };
        let control_plane = &self.node();
        let check = sh(control_plane, "check the node's certificates", CHECK, RENEWING);
        let check = task.run(&check.any_status());
        task.check()?;
        if !check.is_ok_and(|output| output.text().contains(EXPIRED)) {
            return Ok(());
        }
        task.warn("the cluster's certificates have expired; renewing them (its data is kept)");
        // The control plane is last: until it is renewed, an interrupted renewal is repeated.
        for node in self.node_names().iter().filter(|node| *node != control_plane) {
            let issued =
                task.run(&sh(control_plane, &format!("issue a certificate for {node}"), ISSUE, node))?;
            let adopt = sh(node, &format!("renew the certificate of {node}"), ADOPT, node);
            task.run(&adopt.input(issued.stdout))?;
        }
        let renew = format!("{RENEW}\n{STOP}\nrm \"$2\"");
        task.run(&sh(control_plane, "renew the node's certificates", &renew, RENEWING)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::provider;
    use crate::config::ProviderKind;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    const TABLE: &str = "[check-expiration] Reading configuration from the file \"/kind/kubeadm.conf\"\n\n\
        CERTIFICATE                EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED\n\
        admin.conf                 Jul 18, 2024 08:23 UTC   <invalid>       ca                      no      \n\
        apiserver                  Jul 18, 2024 08:22 UTC   <invalid>       ca                      no      \n\n\
        CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED\n\
        ca                      Jul 16, 2033 08:22 UTC   9y              no      \n";

    fn ran(status: i32, table: &str) -> (Vec<String>, Vec<String>) {
        ran_on(1, status, table)
    }

    fn ran_on(nodes: u32, status: i32, table: &str) -> (Vec<String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let script = Script::default().on("docker exec", status, table);
        let mut provider = provider(dir.path(), ProviderKind::Kind);
        provider.sizes.nodes = nodes;
        let (result, recorder) = with_task(&script, |task| provider.renew_certificates(task));
        result.unwrap();
        (script.ran(), recorder.events().into_iter().map(|event| event.message).collect())
    }

    #[test]
    fn expired_certificates_are_renewed_and_the_user_is_told() {
        let (commands, warnings) = ran(0, TABLE);
        assert_eq!(commands.len(), 2, "{commands:?}");
        assert!(
            commands[1].contains("kubeadm certs renew all --config") && commands[1].contains("kubeadm init")
        );
        assert!(warnings[0].contains("certificates have expired") && warnings[0].contains("data is kept"));
    }

    #[test]
    fn the_other_nodes_are_renewed_first() {
        let commands = ran_on(3, 0, TABLE).0;
        let of = |part: &str| commands.iter().position(|command| command.contains(part));
        let order = ["check-expiration", "sh /kind/kubeadm.conf c-worker", "certs renew all"].map(of);
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{commands:?}");
        assert_eq!(commands.len(), 1 + 2 * 2 + 1);
        assert!(commands[2].contains("c-worker sh -c") && commands[4].contains("c-worker2 sh -c"));
    }

    #[test]
    fn valid_certificates_and_an_unknown_state_change_nothing() {
        assert_eq!(ran(0, &TABLE.replace("<invalid>", "364d     ")).0.len(), 1);
        assert_eq!(ran(1, "error execution phase").0.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_container_of_the_control_plane_may_be_gone() {
        use crate::cancel::Cancel;
        use crate::exec::{Cmd, Runner as _, System};
        use crate::process_env::ProcessEnv;

        // `stop` fails, and `inspect` finds what is there.
        let stopped = |there: &str| {
            let crictl = format!(
                "crictl() {{ case \"$1\" in ps) echo one two;; inspect) {there};; *) return 1;; esac; }}"
            );
            let script = format!("set -eu\n{crictl}\n{}\n", super::STOP);
            let cmd = Cmd::new("sh", "stop containers").args(["-c", &script]);
            System::new(None, ProcessEnv::real().env).run(&cmd, &Cancel::default(), &mut |_| {}).is_ok()
        };
        assert!(stopped("return 1"), "containers that are gone are not an error");
        assert!(!stopped("return 0"), "a container that does not stop is an error");
    }
}
