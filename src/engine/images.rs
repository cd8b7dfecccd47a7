//! Images in the engine's own store.

use std::path::Path;

use serde_json::Value;

use super::Engine;
use crate::error::{Error, Result};
use crate::exec::{Cmd, Output};
use crate::task::Task;

impl Engine {
    /// The image's id, `sha256:…` of its configuration; `None` where the engine has no such image.
    pub fn image_id(&self, task: &Task<'_>, reference: &str) -> Result<Option<String>> {
        let found = self.inspect_image(task, reference, "{{.Id}}")?;
        Ok(found.map(|id| if id.starts_with("sha256:") { id } else { format!("sha256:{id}") }))
    }

    pub fn has_image(&self, task: &Task<'_>, reference: &str) -> Result<bool> {
        Ok(self.inspect_image(task, reference, "{{.Id}}")?.is_some())
    }

    /// A label of the image; `None` where the image or the label is not there.
    pub fn image_label(&self, task: &Task<'_>, reference: &str, label: &str) -> Result<Option<String>> {
        let Some(json) = self.inspect_image(task, reference, "{{json .Config.Labels}}")? else {
            return Ok(None);
        };
        let labels: Value = serde_json::from_str(&json).unwrap_or_default();
        Ok(labels[label].as_str().map(str::to_owned))
    }

    fn inspect_image(&self, task: &Task<'_>, reference: &str, format: &str) -> Result<Option<String>> {
        let cmd = self
            .cmd(format!("inspect the image {reference}"))
            .args(["image", "inspect", "--format", format, reference])
            .any_status();
        absent_or(&cmd, task.run(&cmd)?)
    }

    pub fn tag(&self, task: &Task<'_>, from: &str, to: &str) -> Result<()> {
        task.run(&self.cmd(format!("tag {from} as {to}")).args(["tag", from, to])).map(drop)
    }

    /// Writes images as one archive to `to`: a temporary name of the caller's, as a killed client
    /// leaves a part of it.
    pub fn save(&self, task: &Task<'_>, references: &[String], to: &Path) -> Result<()> {
        let cmd = self.cmd(format!("save {}", references.join(", ")));
        let cmd =
            if self.is_podman() { cmd.args(["save", "--multi-image-archive"]) } else { cmd.arg("save") };
        task.run(&cmd.arg("--output").path(to).args(references)).map(drop)
    }

    /// Loads an archive; returns the references (or ids) that the engine names.
    pub fn load(&self, task: &Task<'_>, from: &Path) -> Result<Vec<String>> {
        let cmd = self.cmd(format!("load {} into the engine", from.display()));
        Ok(loaded(&task.run(&cmd.args(["load", "--input"]).path(from))?.text()))
    }

    /// Makes an image of one layer from a root file system; returns its id. `changes` are
    /// Dockerfile lines such as `ENV A=b`.
    pub fn import(&self, task: &Task<'_>, tar: &Path, reference: &str, changes: &[String]) -> Result<String> {
        let mut cmd = self.cmd(format!("import {reference}")).arg("import");
        for change in changes {
            cmd = cmd.args(["--change", change]);
        }
        Ok(task.run(&cmd.path(tar).arg(reference))?.text())
    }

    /// Pulls from the local registry by digest and names the image `as_reference` in the engine.
    pub fn pull_local(&self, task: &Task<'_>, reference: &str, as_reference: &str) -> Result<()> {
        self.pull(task, reference)?;
        self.tag(task, reference, as_reference)
    }

    /// Removes the reference, and the image with its last one; `false` where it was not there.
    pub fn remove_image(&self, task: &Task<'_>, reference: &str) -> Result<bool> {
        let cmd = self.cmd(format!("remove the image {reference}")).args(["image", "rm", reference]);
        let cmd = cmd.any_status();
        absent_or(&cmd, task.run(&cmd)?).map(|found| found.is_some())
    }
}

/// The text of an answer, or `None` where the engine says that there is no such thing.
pub(super) fn absent_or(cmd: &Cmd, output: Output) -> Result<Option<String>> {
    if output.ok() {
        return Ok(Some(output.text()));
    }
    let low = output.stderr.to_ascii_lowercase();
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| low.contains(phrase));
    let unreachable = any(&["cannot connect", "dial ", "no such file", "no such host"]);
    if !unreachable && any(&["no such", "not found", "not known", "does not exist"]) {
        return Ok(None);
    }
    let what = format!("cannot {}: `{}` ended with status {}", cmd.purpose, cmd.argv(), output.status);
    Err(Error::failed(what).because(output.stderr))
}

fn loaded(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = line.strip_prefix("Loaded image")?;
        Some(rest.trim_start_matches("(s)").trim_start_matches(" ID").strip_prefix(": ")?.trim().to_owned())
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;

    #[test]
    fn an_image_that_is_not_there_is_no_error_and_a_broken_engine_is() {
        let script = Script::default()
            .on_err("docker image inspect", 1, "\n", "Error: No such image: a:1")
            .on("docker image inspect", 0, "sha256:4711\n")
            .on_err("docker image inspect", 1, "", "Error response from daemon: disk I/O error");
        let ((absent, present, broken), _) = with_task(&script, |task| {
            let ask = || engine().image_id(task, "a:1");
            (ask(), ask(), ask())
        });
        assert_eq!(absent.unwrap(), None);
        assert_eq!(present.unwrap().as_deref(), Some("sha256:4711"));
        assert!(broken.unwrap_err().to_string().contains("disk I/O error"));
    }

    #[test]
    fn a_dead_daemon_is_not_an_absent_image() {
        let said = "dial unix /var/run/docker.sock: connect: no such file or directory";
        let script = Script::default().on_err("docker image", 1, "", said);
        assert!(with_task(&script, |task| engine().image_id(task, "a:1")).0.is_err());
    }

    #[test]
    fn labels_are_read_by_key() {
        let script = Script::default().on("docker image inspect", 0, r#"{"inputs":"ab,c","x":""}"#).on(
            "docker image inspect",
            0,
            "null",
        );
        let ((label, none), _) = with_task(&script, |task| {
            (engine().image_label(task, "a:1", "inputs"), engine().image_label(task, "a:1", "inputs"))
        });
        assert_eq!(label.unwrap().as_deref(), Some("ab,c"));
        assert_eq!(none.unwrap(), None);
    }

    #[test]
    fn reads_what_was_loaded() {
        let text = "Loaded image: a:1\nLoaded image ID: sha256:47\nLoaded image(s): b:2\nnoise";
        assert_eq!(loaded(text), ["a:1", "sha256:47", "b:2"]);
    }
}
