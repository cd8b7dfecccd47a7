//! Runs Helm: installs releases without waiting, repairs what a killed Helm left, uninstalls.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::files::{hex, tree};
use crate::kubernetes::Kube;
use crate::kubernetes::{api_error, not_found};
use crate::task::Task;

/// The label of a release with the digest of its inputs.
pub(super) const INPUTS: &str = "todo-bootstrap.dev/inputs";

/// The description of the revisions that we install. A later upgrade by hand keeps the labels, but not this.
pub(super) const OURS: &str = "installed by todo-bootstrap";
/// How many revisions of a release are kept.
const HISTORY: &str = "5";

#[derive(Debug, Clone)]
pub struct Helm {
    pub tool: PathBuf,
    pub kubeconfig: PathBuf,
}

/// A chart with its values and the name of its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub release: String,
    pub namespace: String,
    pub path: PathBuf,
    /// In the order in which Helm merges them.
    pub values: Vec<PathBuf>,
    /// Values in YAML or JSON, merged last.
    pub own_values: Vec<u8>,
}

impl Chart {
    /// The digest of all inputs of the release: 40 hexadecimal digits, because it is stored in a label.
    pub fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut add = |name: &Path, bytes: &[u8]| {
            hash.update(name.to_string_lossy().as_bytes());
            hash.update([0]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        let values = Path::new("values");
        let read = |file: &Path| std::fs::read(file).map_err(|e| Error::io("read", file, &e));
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in tree(&self.path, true) {
            files.extend(
                Some(entry?).filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path),
            );
        }
        // As paths, which are compared by their parts.
        files.sort();
        for file in &files {
            add(file.strip_prefix(&self.path).unwrap_or(file), &read(file)?);
        }
        for file in &self.values {
            add(values, &read(file)?);
        }
        add(values, &self.own_values);
        let hex = hex(&hash.finalize());
        Ok(hex[..40].to_owned())
    }
}

impl Helm {
    /// `helm upgrade --install` without waiting; values are only passed by file. Fields that somebody changed
    /// by hand are reset to the chart's values.
    pub fn install(&self, task: &Task<'_>, chart: &Chart) -> Result<()> {
        let cmd = self
            .cmd(&format!("install the release {}", chart.release), &chart.namespace)
            .args(["upgrade", "--install", "--create-namespace", "--force-conflicts"])
            .args(["--history-max", HISTORY, "--hide-notes"])
            .args(["--labels", &format!("{INPUTS}={}", chart.digest()?), "--description", OURS]);
        logged(task, &with_values(cmd, chart))
            .map_err(|error| error.help(format!("helm lint {}", chart.path.display())))
    }

    /// Renders the chart with its values and discards the result. Needs no cluster.
    pub fn render(&self, task: &Task<'_>, chart: &Chart) -> Result<()> {
        let purpose = format!("render the chart {}", chart.path.display());
        let cmd = with_values(self.cmd(&purpose, &chart.namespace).arg("template"), chart);
        task.run(&cmd).map(|_| ())
    }

    /// `helm rollback` without waiting. Fields that somebody changed by hand are reset as well.
    pub fn rollback(&self, task: &Task<'_>, namespace: &str, release: &str, revision: u32) -> Result<()> {
        let cmd = self.cmd(&format!("roll the release {release} back to revision {revision}"), namespace);
        let cmd = cmd.args(["rollback", "--force-conflicts", "--history-max", HISTORY, release]);
        logged(task, &cmd.arg(revision.to_string()))
    }

    /// Repairs what a killed Helm left, and returns whether there was something to repair. A `pending-…`
    /// release would make every later Helm fail: its Secret is deleted, and the next install adopts its
    /// objects, which have the release's name already. The uninstallation of an `uninstalling` release is
    /// completed. Must not be called while our Helm runs.
    pub fn recover(&self, task: &Task<'_>, kube: &Kube, namespace: &str, release: &str) -> Result<bool> {
        let look = super::release::newest(kube, namespace, release);
        let Some(secret) = task.wait("looking for an interrupted release", look)? else { return Ok(false) };
        let status = secret.labels().get("status").map_or("", String::as_str);
        if !status.starts_with("pending-") && status != "uninstalling" {
            return Ok(false);
        }
        task.warn(format!("release {release} was left {status} by an interrupted run; continuing"));
        if status == "uninstalling" {
            return self.uninstall(task, namespace, release).map(|()| true);
        }
        let api: Api<Secret> = Api::namespaced(kube.client().clone(), namespace);
        task.wait("repairing the release", async {
            match api.delete(&secret.name_any(), &DeleteParams::default()).await {
                Err(error) if !not_found(&error) => {
                    Err(api_error(&format!("repair the release {namespace}/{release}"), &error))
                }
                _ => Ok(true),
            }
        })
    }

    /// Removes the release, if it exists. The claims of a `StatefulSet` and the namespace are kept.
    pub fn uninstall(&self, task: &Task<'_>, namespace: &str, release: &str) -> Result<()> {
        let cmd = self.cmd(&format!("uninstall the release {release}"), namespace).args([
            "uninstall",
            "--ignore-not-found",
            release,
        ]);
        task.run(&cmd).map(|_| ())
    }

    fn cmd(&self, purpose: &str, namespace: &str) -> Cmd {
        let home = self.kubeconfig.parent().unwrap_or(Path::new(".")).join("helm");
        let mut cmd = Cmd::new(&self.tool, purpose);
        for (key, dir) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            cmd = cmd.env(key, home.join(dir));
        }
        cmd.arg("--kubeconfig").path(&self.kubeconfig).args(["--namespace", namespace])
    }
}

/// Adds the values, the release's name and the chart to a command of Helm.
fn with_values(mut cmd: Cmd, chart: &Chart) -> Cmd {
    for file in &chart.values {
        cmd = cmd.arg("--values").path(file);
    }
    // On standard input, because a file could change before Helm reads it.
    let cmd = cmd.args(["--values", "-"]).input(chart.own_values.clone());
    cmd.arg(&chart.release).path(&chart.path)
}

/// Runs a command whose output is only of interest for the debug log.
fn logged(task: &Task<'_>, cmd: &Cmd) -> Result<()> {
    let ran = task.run_lines(cmd, &mut |line| {
        if !line.trim().is_empty() {
            tracing::debug!(line, "helm");
        }
    });
    ran.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn chart(dir: &Path) -> Chart {
        std::fs::create_dir_all(dir.join("chart/templates")).unwrap();
        std::fs::write(dir.join("chart/Chart.yaml"), "name: web").unwrap();
        std::fs::write(dir.join("chart/templates/a.yaml"), "a").unwrap();
        std::fs::write(dir.join("v.yaml"), "x: 1").unwrap();
        Chart {
            release: "web".to_owned(),
            namespace: "shop".to_owned(),
            path: dir.join("chart"),
            values: vec![dir.join("v.yaml")],
            own_values: b"{}".to_vec(),
        }
    }

    #[test]
    fn the_digest_sees_every_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut chart = chart(dir.path());
        let first = chart.digest().unwrap();
        assert_eq!(first, chart.digest().unwrap());
        for file in ["chart/templates/a.yaml", "v.yaml"] {
            std::fs::write(dir.path().join(file), "other").unwrap();
            assert_ne!(first, chart.digest().unwrap(), "{file}");
        }
        let files = chart.digest().unwrap();
        chart.own_values = b"{\"a\": 1}".to_vec();
        assert_ne!(files, chart.digest().unwrap());
    }

    #[test]
    fn installs_by_files_into_a_private_home() {
        let dir = tempfile::tempdir().unwrap();
        let chart = chart(dir.path());
        let script = Script::default().on("helm", 0, "");
        let helm = Helm { tool: "/t/helm".into(), kubeconfig: "/s/kubeconfig".into() };
        with_task(&script, |task| helm.install(task, &chart)).0.unwrap();
        let ran = script.ran().remove(0);
        assert!(
            ran.starts_with("helm --kubeconfig /s/kubeconfig --namespace shop upgrade --install"),
            "{ran}"
        );
        let ends = format!("--values {} --values - web {}", chart.values[0].display(), chart.path.display());
        assert!(ran.ends_with(&ends) && !ran.contains("--wait"), "{ran}");
        let cmd = helm.cmd("x", "shop");
        assert!(cmd.env.contains(&("HELM_CACHE_HOME".to_owned(), "/s/helm/cache".into())));
        assert!(!cmd.inherit.includes("KUBECONFIG"));
    }
}
