//! Images in the engine's own store, and their transfer to and from a registry.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Engine;
use crate::error::Result;
use crate::task::Task;

/// Without a terminal, the clients print a line only when a layer begins and ends. The largest layer
/// (0.3 GB compressed) takes this long at 2 Mbit/s. The transfer as a whole has no limit of its own.
const SILENCE: Duration = Duration::from_secs(20 * 60);

impl Engine {
    /// The image's id, `sha256:…` of its configuration; `None` if the engine does not have the image.
    pub fn image_id(&self, task: &Task<'_>, reference: &str) -> Result<Option<String>> {
        let found = self.inspect_image(task, reference, "{{.Id}}")?;
        Ok(found.map(|id| if id.starts_with("sha256:") { id } else { format!("sha256:{id}") }))
    }

    pub fn has_image(&self, task: &Task<'_>, reference: &str) -> Result<bool> {
        Ok(self.image_id(task, reference)?.is_some())
    }

    /// A label of the image; `None` if the image or the label does not exist.
    pub fn image_label(&self, task: &Task<'_>, reference: &str, label: &str) -> Result<Option<String>> {
        let json = self.inspect_image(task, reference, "{{json .Config.Labels}}")?.unwrap_or_default();
        let labels: Value = serde_json::from_str(&json).unwrap_or_default();
        Ok(labels[label].as_str().map(str::to_owned))
    }

    fn inspect_image(&self, task: &Task<'_>, reference: &str, format: &str) -> Result<Option<String>> {
        let args = ["image", "inspect", "--format", format, reference];
        self.lookup(task, &format!("inspect the image {reference}"), &args)
    }

    /// Writes images as one archive to `to`: a temporary name, as a killed client leaves an incomplete file.
    pub fn save(&self, task: &Task<'_>, references: &[String], to: &Path) -> Result<()> {
        self.check_access(to)?;
        let cmd = self.cmd(format!("save {}", references.join(", "))).arg("save");
        let cmd = if self.is_podman() { cmd.arg("--multi-image-archive") } else { cmd };
        task.run(&cmd.arg("--output").path(to).args(references)).map(drop)
    }

    /// Loads an archive.
    pub fn load(&self, task: &Task<'_>, from: &Path) -> Result<()> {
        let cmd = self.cmd(format!("load {} into the engine", from.display()));
        self.check_access(from)?;
        task.run(&cmd.args(["load", "--input"]).path(from))
            .map(drop)
            .map_err(|error| self.explain_full(error))
    }

    /// Creates an image of one layer from a root file system. `changes` are Dockerfile lines such as `ENV A=b`.
    pub fn import(&self, task: &Task<'_>, tar: &Path, reference: &str, changes: &[String]) -> Result<()> {
        let cmd = self.cmd(format!("import {reference}")).arg("import");
        let cmd = cmd.args(changes.iter().flat_map(|change| ["--change", change]));
        self.check_access(tar)?;
        task.run(&cmd.path(tar).arg(reference)).map(drop).map_err(|error| self.explain_full(error))
    }

    /// Pulls from the local registry by digest and names the image `as_reference` in the engine.
    pub fn pull_local(&self, task: &Task<'_>, reference: &str, as_reference: &str) -> Result<()> {
        self.transfer(task, "pull", reference)?;
        let purpose = format!("tag {reference} as {as_reference}");
        self.call(task, &purpose, &["tag", reference, as_reference]).map(drop)
    }

    /// Pulls or pushes (`verb`) an image. Fails after [`SILENCE`] without output, or at the task's deadline.
    pub(super) fn transfer(&self, task: &Task<'_>, verb: &str, reference: &str) -> Result<()> {
        let cmd = self.cmd(format!("{verb} {reference}")).arg(verb);
        let cmd = cmd.args(self.transport(reference).to_vec()).arg(reference);
        let done = task.run_lines(&cmd.silent_for(SILENCE), &mut |line| task.say(line));
        done.map(drop).map_err(|error| self.explain_full(error))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::task::Task;

    #[test]
    fn a_missing_image_is_told_from_an_engine_that_fails() {
        let script = Script::default()
            .fails("docker image inspect", "Error: No such image: a:1")
            .on("docker image inspect", 0, "sha256:4711\n")
            .fails("docker image inspect", "Error response from daemon: disk I/O error")
            .fails(
                "docker image inspect",
                "dial unix /var/run/docker.sock: connect: no such file or directory",
            );
        let (ids, _) = with_task(&script, |task| [(); 4].map(|()| engine().image_id(task, "a:1")));
        let [absent, present, broken, dead] = ids;
        assert_eq!(absent.unwrap(), None);
        assert_eq!(present.unwrap().as_deref(), Some("sha256:4711"));
        assert!(broken.unwrap_err().to_string().contains("disk I/O error"));
        assert!(dead.is_err(), "a daemon that is not running says nothing about the image");
    }

    #[test]
    fn a_label_is_read_by_its_key() {
        let inspect = "docker image inspect";
        let script = Script::default().on(inspect, 0, r#"{"inputs":"ab,c","x":""}"#).on(inspect, 0, "null");
        let label = |task: &Task<'_>| engine().image_label(task, "a:1", "inputs").unwrap();
        let labels = with_task(&script, |task| [(); 2].map(|()| label(task))).0;
        assert_eq!(labels, [Some("ab,c".to_owned()), None]);
    }
}
