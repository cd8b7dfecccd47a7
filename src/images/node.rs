//! Images in the node: what it has, and how ours get there.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::task::Task;

/// The ids (`sha256:…` of the configuration) of all images in a node container, by reference: one
/// process, however many images are asked for.
pub fn node_images(task: &Task<'_>, engine: &Engine, node: &str) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Answer {
        images: Option<Vec<Image>>,
    }
    #[derive(Deserialize)]
    struct Image {
        id: String,
        // As the CRI's own field is called, and as crictl's JSON calls it. An image that lost its
        // last name has none.
        #[serde(alias = "repoTags")]
        repo_tags: Option<Vec<String>>,
    }
    let cmd = engine.exec(node, format!("list the images in {node}"));
    let output = task.run(&cmd.args(["crictl", "images", "-o", "json"]))?;
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| {
        Error::failed(format!("cannot read which images {node} has")).because(error).help("todo-bootstrap up")
    })?;
    let named = |image: Image| {
        let tags = image.repo_tags.unwrap_or_default().into_iter();
        tags.map(move |tag| (tag, image.id.clone()))
    };
    Ok(answer.images.unwrap_or_default().into_iter().flat_map(named).collect())
}

/// Loads images of the engine (reference and id) into the node in one archive: layers that they
/// share are sent once. The node must name the same ids afterwards.
pub fn load(task: &Task<'_>, engine: &Engine, node: &str, images: &[(String, String)]) -> Result<()> {
    let references: Vec<&str> = images.iter().map(|(reference, _)| reference.as_str()).collect();
    let all = references.join(", ");
    task.say(format!("sending {all} to {node}"));
    let save = engine.cmd(format!("read {all} from the engine")).arg("save").args(references);
    // Without `--digests`: a pod then reports the digest of the configuration, which is what the
    // engine calls the image's id, and not one of a manifest that the archive was given on its way.
    let import = engine.exec(node, format!("load {all} into the node")).args([
        "ctr",
        "--namespace=k8s.io",
        "images",
        "import",
        "--snapshotter=overlayfs",
        "-",
    ]);
    task.pipe(&save, &import).map_err(|error| {
        // The engine writes layers to its own disk before it sends them.
        if error.to_string().contains("no space left on device") {
            return error.context("the engine's disk is full (disk-full)").help(
                "docker system df   shows what it holds; docker system prune   frees what nothing uses",
            );
        }
        error
    })?;
    let there = node_images(task, engine, node)?;
    let wrong = images.iter().find(|(reference, id)| there.get(reference) != Some(id));
    let Some((reference, id)) = wrong else { return Ok(()) };
    let has = there.get(reference).map_or("none", String::as_str);
    Err(Error::failed(format!("{reference} was loaded into {node}, but is not the image that it should be"))
        .because(format!("its id there is {has}, expected {id}"))
        .help("todo-bootstrap up   loads it again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;

    const ASK: &str = "docker exec --interactive node crictl images";
    const IMPORT: &str = "docker exec --interactive node ctr --namespace=k8s.io images import";

    fn says(a: &str, b: &str) -> String {
        let image = |name: &str, id: &str| format!(r#"{{"id":"{id}","repoTags":["{name}:1"]}}"#);
        format!(r#"{{"images":[{},{}]}}"#, image("a", a), image("b", b))
    }

    fn wanted() -> Vec<(String, String)> {
        [("a:1", "sha256:1"), ("b:1", "sha256:2")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
    }

    #[test]
    fn all_go_in_one_archive_and_are_verified() {
        let script = Script::default().on("docker save a:1 b:1", 0, "").on(IMPORT, 0, "").on(
            ASK,
            0,
            &says("sha256:1", "sha256:2"),
        );
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", &wanted()));
        loaded.unwrap();
        assert_eq!(script.ran().len(), 3);
    }

    #[test]
    fn a_full_disk_is_named() {
        let script =
            Script::default().on_err("docker save", 1, "", "write layer.tar: no space left on device");
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", &wanted()));
        let text = loaded.unwrap_err().to_string();
        assert!(text.contains("(disk-full)") && text.contains("docker system prune"), "{text}");
    }

    #[test]
    fn another_image_in_the_node_is_an_error() {
        let script = Script::default().on("docker save", 0, "").on(IMPORT, 0, "").on(
            ASK,
            0,
            &says("sha256:1", "sha256:0"),
        );
        let (loaded, _) = with_task(&script, |task| load(task, &engine(), "node", &wanted()));
        let text = loaded.unwrap_err().to_string();
        assert!(text.contains("b:1 was loaded") && text.contains("sha256:0, expected sha256:2"), "{text}");
    }

    #[test]
    fn all_images_are_listed_at_once() {
        let ours = r#"{"images":[{"id":"sha256:1","repo_tags":["a:1","a:2"]},{"id":"sha256:2","repo_tags":null},{"id":"sha256:4"}]}"#;
        let crictls = r#"{"images":[{"id":"sha256:3","repoTags":["b:1"],"size":"4"}]}"#;
        let script = Script::default().on(ASK, 0, ours).on(ASK, 0, crictls).on(ASK, 0, "no JSON");
        let ((one, two, three), _) = with_task(&script, |task| {
            let list = || node_images(task, &engine(), "node");
            (list(), list(), list())
        });
        assert_eq!(one.unwrap()["a:2"], "sha256:1");
        assert_eq!(two.unwrap()["b:1"], "sha256:3");
        assert!(three.is_err());
    }

    #[test]
    fn a_stopped_node_is_no_empty_one() {
        let script =
            Script::default().on_err(ASK, 1, "", "Error response from daemon: Container 1 is not running");
        let (images, _) = with_task(&script, |task| node_images(task, &engine(), "node"));
        assert!(images.unwrap_err().to_string().contains("not running"));
    }
}
