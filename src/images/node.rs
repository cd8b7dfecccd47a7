//! Images in the node: what it has, and how ours get there.

use serde_json::Value;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::task::Task;

/// The id (`sha256:…` of the configuration) of an image in a node container; `None` where the node
/// has no such image.
pub fn node_image_id(
    task: &Task<'_>,
    engine: &Engine,
    node: &str,
    reference: &str,
) -> Result<Option<String>> {
    let cmd = engine
        .exec(node, format!("look for {reference} in {node}"))
        .args(["crictl", "inspecti", "-o", "json", reference])
        .any_status();
    let output = task.run(&cmd)?;
    if !output.ok() {
        let absent = output.stderr.to_ascii_lowercase().contains("no such image");
        let what = format!("cannot {}: `{}` ended with status {}", cmd.purpose, cmd.argv(), output.status);
        return if absent { Ok(None) } else { Err(Error::failed(what).because(output.stderr)) };
    }
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match json["status"]["id"].as_str() {
        Some(id) => Ok(Some(id.to_owned())),
        None => Err(Error::failed(format!("{node} does not say which id {reference} has"))),
    }
}

/// Loads an image of the engine into the node, unless it is there; returns whether it was loaded.
/// `id` is the engine's id, which the node must name afterwards.
pub fn load(task: &Task<'_>, engine: &Engine, node: &str, reference: &str, id: &str) -> Result<bool> {
    if node_image_id(task, engine, node, reference)?.as_deref() == Some(id) {
        return Ok(false);
    }
    task.say(format!("sending {reference} to {node}"));
    let save = engine.cmd(format!("read {reference} from the engine")).args(["save", reference]);
    // Without `--digests`: a pod then reports the digest of the configuration, which is what the
    // engine calls the image's id, and not one of a manifest that the archive was given on its way.
    let import = engine.exec(node, format!("load {reference} into the node")).args([
        "ctr",
        "--namespace=k8s.io",
        "images",
        "import",
        "--snapshotter=overlayfs",
        "-",
    ]);
    task.pipe(&save, &import)?;
    let has = node_image_id(task, engine, node, reference)?;
    if has.as_deref() == Some(id) {
        return Ok(true);
    }
    Err(Error::failed(format!("{reference} was loaded into {node}, but is not the image that it should be"))
        .because(format!("its id there is {}, expected {id}", has.as_deref().unwrap_or("none")))
        .help("todo-bootstrap up   loads it again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;

    const ASK: &str = "docker exec --interactive node crictl inspecti";

    fn says(id: &str) -> String {
        format!(r#"{{"status":{{"id":"{id}"}}}}"#)
    }

    #[test]
    fn what_is_there_is_not_loaded() {
        let script = Script::default().on(ASK, 0, &says("sha256:1"));
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", "a:1", "sha256:1"));
        assert!(!loaded.unwrap());
        assert_eq!(script.ran().len(), 1);
    }

    #[test]
    fn what_is_missing_is_piped_in_and_verified() {
        let script = Script::default()
            .on_err(ASK, 1, "", "crictl: no such image \"a:1\"")
            .on("docker save a:1", 0, "")
            .on("docker exec --interactive node ctr --namespace=k8s.io images import", 0, "")
            .on(ASK, 0, &says("sha256:1"));
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", "a:1", "sha256:1"));
        assert!(loaded.unwrap());
        assert_eq!(script.ran().len(), 4);
    }

    #[test]
    fn another_image_in_the_node_is_an_error() {
        let script = Script::default().on(ASK, 0, &says("sha256:0")).on("docker save", 0, "").on(
            "docker exec --interactive node ctr",
            0,
            "",
        );
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", "a:1", "sha256:1"));
        let text = loaded.unwrap_err().to_string();
        assert!(text.contains("sha256:0, expected sha256:1"), "{text}");
    }

    #[test]
    fn a_stopped_node_is_not_an_absent_image() {
        let script =
            Script::default().on_err(ASK, 1, "", "Error response from daemon: Container 1 is not running");
        let (id, _) = with_task(&script, |task| node_image_id(task, &engine(), "node", "a:1"));
        assert!(id.unwrap_err().to_string().contains("not running"));
    }
}
