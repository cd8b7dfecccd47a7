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
/// The control plane reads its certificates when it starts.
const RENEW: &str = "set -eu
touch \"$2\"
rm -f /etc/kubernetes/kubelet.conf /var/lib/kubelet/pki/kubelet-client-current.pem
kubeadm init phase kubeconfig kubelet --config \"$1\"
kubeadm certs renew all --config \"$1\"
systemctl restart kubelet
for id in $(crictl ps --quiet --name '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)$'); do
  crictl stop --timeout 10 \"$id\"
done
rm \"$2\"";

impl Provider {
    pub(in crate::cluster) fn start_container(&self, task: &Task<'_>, container: &Container) -> Result<()> {
        self.engine.start(task, &container.id).map_err(|error| {
            let output = error.to_string();
            fault::explain(task, &self.engine, fault::Action::Start, error, &output, "", "")
        })
    }

    /// The last lines of the kubelet's log, or of the container's. Empty if neither can be read.
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
        let node = self.node();
        let cmd = self.engine.cmd("check whether the node is complete");
        let cmd = cmd.args(["cp", &format!("{node}:{COMPLETE}"), "-"]).any_status();
        let output = task.run(&cmd)?;
        if output.ok() {
            // A tar of one file.
            let unreadable = |error: std::io::Error| {
                Error::failed(format!("cannot read the mark of the node {node}")).because(error)
            };
            let mut mark = String::new();
            if let Some(Ok(mut file)) =
                tar::Archive::new(output.stdout.as_slice()).entries().map_err(unreadable)?.next()
            {
                file.read_to_string(&mut mark).map_err(unreadable)?;
            }
            return Ok(Some(mark));
        }
        // Any other failure of the engine tells nothing about the node, which may hold data.
        let low = output.stderr.to_ascii_lowercase();
        let absent =
            ["no such", "not find", "not found", "not be found"].iter().any(|text| low.contains(text));
        if low.trim().is_empty() || (absent && !low.contains("dial ")) {
            return Ok(None);
        }
        Err(Error::failed(format!("cannot determine whether the node {node} is complete"))
            .because(output.stderr))
    }

    /// Renews the node's certificates if one of them has expired; the data in the cluster is kept.
    ///
    /// kubeadm issues them for one year, and only renews them when it upgrades a cluster, which never
    /// happens here. The kubelet renews its own while it runs, but does not start with an expired one.
    pub(in crate::cluster) fn renew_certificates(&self, task: &Task<'_>) -> Result<()> {
        let script = |purpose: &str, script: &str| {
            self.engine.exec(&self.node(), purpose).args(["sh", "-c", script, "sh", CONFIG, RENEWING])
        };
        let check = task.run(&script("check the node's certificates", CHECK).any_status());
        task.check()?;
        if !check.is_ok_and(|output| output.text().contains(EXPIRED)) {
            return Ok(());
        }
        task.warn("the cluster's certificates have expired; renewing them (its data is kept)");
        task.run(&script("renew the node's certificates", RENEW)).map(drop)
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
        let dir = tempfile::tempdir().unwrap();
        let script = Script::default().on("docker exec", status, table);
        let (result, recorder) =
            with_task(&script, |task| provider(dir.path(), ProviderKind::Kind).renew_certificates(task));
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
    fn valid_certificates_and_an_unknown_state_change_nothing() {
        assert_eq!(ran(0, &TABLE.replace("<invalid>", "364d     ")).0.len(), 1);
        assert_eq!(ran(1, "error execution phase").0.len(), 1);
    }
}
