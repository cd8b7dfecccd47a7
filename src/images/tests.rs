//! Building, with an engine from a script.

use super::testing::application;
use super::*;
use crate::config::{Application, Target};
use crate::engine::testing::{engine, with_task};
use crate::exec::Script;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn order(app: &Application, target: Target) -> Order<'_> {
    Order { app, spec: &app.images[0], target, base: None }
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
    let app = application(dir.path());
    with_task(script, |task| build(task, &engine(), &order(&app, Target::Prod))).0.unwrap()
}

#[test]
fn an_image_of_the_same_inputs_keeps_its_reference_and_is_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(dir.path());
    let order = order(&app, Target::Prod);
    let inputs = inputs_hash(&order).unwrap();
    let reference = "localhost/app/web:v1.2.3-0000000";
    let script = Script::default().on("docker image inspect", 0, &inspected(&inputs, reference));
    let (built, _) = with_task(&script, |task| {
        let probed = probe(task, &engine(), &order).unwrap();
        let built = build(task, &engine(), &order).unwrap();
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

#[test]
fn a_target_has_its_own_reference_stage_and_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(dir.path());
    std::fs::write(dir.path().join("Dockerfile"), "ARG BUILD_TARGET\nFROM scratch AS dev").unwrap();
    let inspect = "docker image inspect --format '{{.Id}}\n";
    let none =
        Script::default().on_err(inspect, 1, "", "No such image").on_err(inspect, 1, "", "No such image");
    let script = git(none, "").on("docker", 0, "sha256:42");
    let built = with_task(&script, |task| build(task, &engine(), &order(&app, Target::Dev))).0.unwrap();
    assert_eq!(built.reference, "localhost/app/web:v1.2.3-0123456-dev");
    let argv = script.ran().into_iter().find(|argv| argv.contains("--tag")).unwrap();
    for part in ["--build-arg BUILD_TARGET=dev", "--target dev", "v1.2.3-local-dev", "image.title=web"] {
        assert!(argv.contains(part), "{part}: {argv}");
    }
}
