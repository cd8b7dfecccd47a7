//! The encryption key in the state directory and in the node, where the API server reads it.
//!
//! It is copied into the node instead of mounted: not every engine can mount the state directory, and either copy
//! restores the other one.

use std::path::PathBuf;

use super::Provider;
use crate::cluster::encryption::Encryption;
use crate::error::{Error, Result};
use crate::files;
use crate::task::Task;

/// Renamed, because the API server may read it at any moment.
const PUT: &str =
    "set -eu; mkdir -p \"${1%/*}\"; umask 077; cat >\"$1.new\"; sync \"$1.new\"; mv \"$1.new\" \"$1\"";

impl Provider {
    /// The configuration with the key, mode 0600.
    pub fn key_file(&self) -> PathBuf {
        self.home().join("encryption.json")
    }

    /// The file in the node: in a directory that kubeadm mounts into the API server, and outside of the volume that
    /// has etcd's files.
    fn key_in_node(&self) -> &'static str {
        if self.is_minikube() {
            "/etc/ssl/certs/todo-bootstrap-encryption.json"
        } else {
            "/etc/kubernetes/pki/todo-bootstrap-encryption.json"
        }
    }

    /// The options of the API server, without dashes.
    pub(in crate::cluster) fn key_options(&self) -> [(&'static str, &'static str); 2] {
        [
            ("encryption-provider-config", self.key_in_node()),
            ("encryption-provider-config-automatic-reload", "true"),
        ]
    }

    /// The keys in the state directory; `None` if the file is lost or damaged.
    pub fn keys(&self) -> Result<Option<Encryption>> {
        Ok(files::read(&self.key_file())?.and_then(|text| Encryption::parse(&text)))
    }

    pub fn save_keys(&self, keys: &Encryption) -> Result<()> {
        files::put(&self.key_file(), keys.text().as_bytes(), 0o600)
    }

    /// Copies the keys from the state directory into the running node.
    pub fn place_keys(&self, task: &Task<'_>) -> Result<()> {
        let keys = self.keys()?.ok_or_else(|| self.lost())?;
        let cmd = self.engine.exec(&self.node(), "copy the encryption key into the node");
        task.run(&cmd.args(["sh", "-c", PUT, "sh", self.key_in_node()]).input(keys.text())).map(drop)
    }

    /// Restores the file in the state directory from the node, which may be stopped. Returns whether the node lacks
    /// it; fails if both do.
    pub fn find_keys(&self, task: &Task<'_>) -> Result<bool> {
        if !self.encrypted {
            return Ok(false);
        }
        let node = self.file_in_node(task, self.key_in_node())?.and_then(|text| Encryption::parse(&text));
        match (self.keys()?, node) {
            (Some(_), node) => Ok(node.is_none()),
            (None, Some(keys)) => {
                task.warn(format!("{} was lost; it was restored from the node", self.key_file().display()));
                self.save_keys(&keys).map(|()| false)
            }
            (None, None) => Err(self.lost()),
        }
    }

    fn lost(&self) -> Error {
        let file = self.key_file();
        Error::failed(format!(
            "the encryption key of cluster `{}` is lost (encryption-key-lost)",
            self.name()
        ))
        .because(format!("neither {} nor the node has it", file.display()))
        .because("without it, no Secret in the cluster can be read, so the cluster cannot work")
        .help(format!("cp BACKUP {}   # if there is a copy; then `todo-bootstrap start`", file.display()))
        .help("todo-bootstrap down && todo-bootstrap up   # discards the data in the cluster")
    }
}

/// Copies the key into a node that is being created or started, as soon as it runs: before kubeadm, which follows
/// seconds later. A kubelet that comes first restarts the API server until the file is there.
pub(in crate::cluster) struct Placing<'a> {
    cluster: &'a Provider,
    pending: bool,
}

impl<'a> Placing<'a> {
    pub fn new(cluster: &'a Provider, needed: bool) -> Self {
        Self { cluster, pending: needed }
    }

    /// To be called for each line of the provider's program.
    pub fn line(&mut self, task: &Task<'_>) {
        self.pending = self.pending && self.cluster.place_keys(task).is_err();
    }

    /// To be called once the program has succeeded.
    pub fn finish(self, task: &Task<'_>) -> Result<()> {
        if self.pending { self.cluster.place_keys(task) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::testing::provider;
    use super::*;
    use crate::config::ProviderKind;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn encrypted(dir: &Path, kind: ProviderKind) -> Provider {
        Provider { encrypted: true, ..provider(dir, kind) }
    }

    /// What `docker cp NODE:FILE -` prints.
    fn tar_of(text: &str) -> String {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, "todo-bootstrap-encryption.json", text.as_bytes()).unwrap();
        String::from_utf8(tar.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn either_copy_restores_the_other_one() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = encrypted(dir.path(), ProviderKind::Kind);
        let keys = Encryption::generate().unwrap();
        let with =
            Script::default().on("docker cp c-control-plane:/etc/kubernetes/pki/", 0, &tar_of(&keys.text()));
        let without = || Script::default().fails("docker cp", "Error: No such file or directory: not found");

        let (restored, told) = with_task(&with, |task| cluster.find_keys(task));
        assert!(!restored.unwrap() && told.events()[0].message.contains("restored from the node"));
        assert_eq!(std::fs::read_to_string(cluster.key_file()).unwrap(), keys.text());
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::MetadataExt::mode(&cluster.key_file().metadata().unwrap()) & 0o777,
            0o600
        );
        let (node_lacks_it, told) = with_task(&without(), |task| cluster.find_keys(task));
        assert!(node_lacks_it.unwrap() && told.events().is_empty());

        std::fs::write(cluster.key_file(), "damaged").unwrap();
        let error = with_task(&without(), |task| cluster.find_keys(task)).0.unwrap_err();
        assert!(error.what().contains("(encryption-key-lost)"), "{error}");
        assert!(error.to_string().contains("no Secret") && error.hints().len() == 2, "{error}");

        // A cluster of an older version has no key to find.
        let old = provider(dir.path(), ProviderKind::Kind);
        assert!(!with_task(&Script::default(), |task| old.find_keys(task)).0.unwrap());
    }

    #[test]
    fn the_key_is_copied_once_the_node_runs_and_is_in_no_argument() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = encrypted(dir.path(), ProviderKind::Minikube);
        let keys = Encryption::generate().unwrap();
        cluster.save_keys(&keys).unwrap();
        let script = Script::default().fails("docker exec", "No such container: c").on("docker exec", 0, "");
        with_task(&script, |task| {
            let mut placing = Placing::new(&cluster, true);
            placing.line(task);
            assert!(placing.pending);
            placing.line(task);
            placing.line(task);
            placing.finish(task).unwrap();
        });
        let ran = script.ran();
        assert_eq!(ran.len(), 2, "{ran:?}");
        assert!(ran[1].starts_with("docker exec --interactive c sh -c"), "{}", ran[1]);
        let secret = keys.text().lines().find(|line| line.contains("secret\"")).unwrap().to_owned();
        assert!(secret.len() > 50 && !ran[1].contains(secret.split('"').nth(3).unwrap()), "{ran:?}");
    }
}
