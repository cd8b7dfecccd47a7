//! Building, with an engine from a script.

use std::path::Path;

use super::*;
use crate::engine::testing::{engine, with_task};
use crate::exec::Script;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn application(dir: &Path) -> (Application, ImageSpec) {
    std::fs::write(dir.join("Dockerfile"), "FROM scratch").unwrap();
    let spec = ImageSpec {
        name: "web".to_owned(),
        context: dir.to_owned(),
        dockerfile: dir.join("Dockerfile"),
        base: None,
    };
    let app = Application {
        dir: dir.to_owned(),
        name: "app".to_owned(),
        namespace: "app".to_owned(),
        version: "1.2.3".to_owned(),
        chart: dir.to_owned(),
        values: Vec::new(),
        host: "app.localhost".to_owned(),
        aliases: Vec::new(),
        ready_images: Vec::new(),
        presets: Vec::new(),
        overrides: Vec::new(),
        images: vec![spec.clone()],
        env_file: dir.join(".env"),
        env_example: dir.join(".env.example"),
    };
    (app, spec)
}

fn inspected(inputs: &str, reference: &str) -> String {
    format!(
        "sha256:42\n{{\"{INPUTS_LABEL}\":\"{inputs}\",\"{REFERENCE_LABEL}\":\"{reference}\"}}\n\
         [\"localhost/app/web:v1.2.3-local\",\"localhost/app/web:v1.2.3-0000000\"]"
    )
}

fn git(script: Script, changes: &str) -> Script {
    script.on("git -C", 0, COMMIT).on("git -C", 0, changes)
}

fn run(script: &Script) -> Built {
    let dir = tempfile::tempdir().unwrap();
    let (app, spec) = application(dir.path());
    with_task(script, |task| build(task, &engine(), &app, &spec, None)).0.unwrap()
}

#[test]
fn an_image_of_the_same_inputs_keeps_its_reference_and_is_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let (app, spec) = application(dir.path());
    let inputs = inputs_hash(&spec, None).unwrap();
    let reference = "localhost/app/web:v1.2.3-0000000";
    let script = Script::default().on("docker image inspect", 0, &inspected(&inputs, reference));
    let (built, _) = with_task(&script, |task| {
        let probed = probe(task, &engine(), &app, &spec, None).unwrap();
        let built = build(task, &engine(), &app, &spec, None).unwrap();
        assert_eq!(probed.as_ref(), Ok(&built));
        built
    });
    assert_eq!((built.reference.as_str(), built.built), (reference, false));
    assert!(!script.ran().iter().any(|argv| argv.contains("build")));
}

#[test]
fn a_clean_commit_names_the_image() {
    let inspect = "docker image inspect --format '{{.Id}}\n";
    let none =
        Script::default().on_err(inspect, 1, "", "No such image").on_err(inspect, 1, "", "No such image");
    let script = git(none, "").on("docker", 0, "sha256:42");
    let built = run(&script);
    assert_eq!(built.reference, "localhost/app/web:v1.2.3-0123456");
    let argv = script.ran().into_iter().find(|argv| argv.contains("--tag")).unwrap();
    for part in [INPUTS_LABEL, REFERENCE_LABEL, "v1.2.3-local", "v1.2.3-0123456"] {
        assert!(argv.contains(part), "{argv}");
    }
}

#[test]
fn a_changed_folder_and_a_reference_in_use_get_a_hash() {
    let none =
        || Script::default().on_err("docker image inspect --format '{{.Id}}\n", 1, "", "No such image");
    let built = run(&git(none(), " M Dockerfile").on("docker", 0, "sha256:42"));
    assert!(built.reference.starts_with("localhost/app/web:v1.2.3-0123456-dirty-"), "{}", built.reference);
    // The commit's reference names an image with another base, say.
    let taken = Script::default().on("docker image inspect --format '{{.Id}}\n", 0, &inspected("other", "x"));
    let built = run(&git(taken, "").on("docker", 0, "sha256:42"));
    assert!(built.reference.contains("-dirty-"), "{}", built.reference);
}

#[test]
fn without_git_the_inputs_name_the_image() {
    let script = Script::default()
        .on_err("docker image inspect --format '{{.Id}}\n", 1, "", "No such image")
        .on("docker", 0, "sha256:42");
    let built = run(&script);
    assert!(built.reference.starts_with("localhost/app/web:v1.2.3-src"), "{}", built.reference);
    assert_eq!(built.reference.len(), "localhost/app/web:v1.2.3-src".len() + 8);
}
