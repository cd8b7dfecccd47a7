//! Images built by the engine.

use super::*;
use crate::images::INPUTS_LABEL;

#[test]
fn an_image_gets_its_base_and_its_files() {
    let bench = Bench::new();
    let maker = Maker { engine: docker(), ..Maker::default() };
    let made = bench.make(&maker, "t-image").0.unwrap();
    assert_eq!(made.entry.image_id.as_deref(), Some("sha256:4711"));
    assert_eq!(std::fs::read_to_string(made.file()).unwrap(), "archive");
    let ran = maker.ran();
    let base =
        format!("BASE=localhost/t:{}", Versions::load(&Data::default()).unwrap().get("kubernetes").unwrap());
    let build = ran.iter().find(|argv| argv.starts_with("docker build")).unwrap();
    assert!(build.contains(&base) && build.contains("--tag localhost/t-image:1"), "{build}");
    assert!(build.contains(&format!("{INPUTS_LABEL}={}", bench.inputs("t-image"))), "{build}");
    assert!(ran.iter().any(|argv| argv.starts_with("docker load")), "the base was not loaded: {ran:#?}");
    let context = maker.context.lock().unwrap().clone();
    assert_eq!(context.keys().collect::<Vec<_>>(), ["Dockerfile", "in/t-a", "in/t.tar"]);
    assert_eq!(context["in/t-a"], "program example.com/t/cmd/t-a");
}

#[test]
fn a_base_that_the_engine_has_is_not_loaded_again() {
    let bench = Bench::new();
    let labels = format!(r#"{{"{INPUTS_LABEL}":"{}"}}"#, bench.inputs("t-layers"));
    let engine = Script::default()
        .on("docker image inspect --format '{{json", 0, &labels)
        .on("docker build", 0, "")
        .on("docker image inspect", 0, "sha256:4711")
        .on("docker save", 0, "");
    let maker = Maker { engine, ..Maker::default() };
    bench.make(&maker, "t-image").0.unwrap();
    assert!(!maker.ran().iter().any(|argv| argv.starts_with("docker load")));
}

#[test]
fn build_arguments_are_versions_and_inputs() {
    let bench = Bench::new();
    let before = bench.inputs("t-image");
    let with =
        |args: &str| bench.recipe("t-image", &IMAGE.replace("[bases]", &format!("[args]\n{args}\n[bases]")));
    with("");
    assert_eq!(bench.inputs("t-image"), before, "none are none");
    with("VERSION = \"{nodejs}\"");
    assert_ne!(bench.inputs("t-image"), before);
    let maker = Maker { engine: docker(), ..Maker::default() };
    bench.make(&maker, "t-image").0.unwrap();
    let version = Versions::load(&Data::default()).unwrap().get("nodejs").unwrap().to_owned();
    let ran = maker.ran();
    let build = ran.iter().find(|argv| argv.starts_with("docker build")).unwrap();
    assert!(build.contains(&format!("--build-arg VERSION={version}")), "{build}");
    with("VERSION = \"{nothing}\"\nBASE = \"x\"");
    let text = bench.source().err().unwrap().to_string();
    assert!(text.contains("refers to `{nothing}`") && text.contains("`BASE`, which is in `bases`"), "{text}");
}
