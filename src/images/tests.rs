//! Builds, with a scripted engine and a registry in this process.

use serde_json::json;

use super::testing::{application, stored};
use super::*;
use crate::config::{Application, Target};
use crate::engine::testing::{engine, with_task};
use crate::exec::Script;
use crate::registry::testing::{TestRegistry, digest};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const KIND: &str = "application/vnd.oci.image.manifest.v1+json";

fn order(app: &Application, target: Target) -> Order<'_> {
    Order { app, spec: &app.images[0], target, base: None }
}

/// Puts an image with these labels into the repository `app/web` under `tag`; its digest.
fn put(registry: &TestRegistry, tag: &str, inputs: &str, given: &str) -> String {
    let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": {
        INPUTS_LABEL: inputs, TAG_LABEL: given,
    }}})
    .to_string();
    let (config, size) = (registry.blob("app/web", config.as_bytes()), config.len());
    let layer = registry.blob("app/web", b"a layer");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": KIND,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": 7 }],
    });
    registry.manifest("app/web", Some(tag), KIND, manifest.to_string().as_bytes())
}

struct Site {
    dir: tempfile::TempDir,
    served: TestRegistry,
}

impl Site {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), served: TestRegistry::start() }
    }

    fn app(&self) -> Application {
        application(self.dir.path())
    }

    fn ours(&self) -> Registry {
        Registry::new(&self.served.authority()).unwrap()
    }

    fn build(&self, script: &Script, order: &Order<'_>) -> Result<Built> {
        let ours = self.ours();
        with_task(script, |task| build(task, &engine(), &ours, order)).0
    }
}

fn git(changes: &str) -> Script {
    Script::default().on("git -C", 0, COMMIT).on("git -C", 0, changes).on("docker build", 0, "").on(
        "docker push",
        0,
        "",
    )
}

#[test]
fn an_image_of_the_same_inputs_keeps_its_tag_and_the_engine_is_not_asked() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let inputs = inputs_hash(&order).unwrap();
    let digest = put(&site.served, &tag::input_tag(&inputs), &inputs, "v1.2.3-0000000");
    let script = Script::default();
    let built = site.build(&script, &order).unwrap();
    let stored = Stored { repository: "app/web".to_owned(), tag: "v1.2.3-0000000".to_owned(), digest };
    assert_eq!((built.stored, built.built), (stored, false));
    assert!(script.ran().is_empty(), "{:?}", script.ran());
}

#[test]
fn what_is_missing_or_of_other_inputs_is_told_and_built_again() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let (inputs, ours) = (inputs_hash(&order).unwrap(), site.ours());
    let why = || with_task(&Script::default(), |task| probe(task, &ours, &order)).0.unwrap().unwrap_err();
    assert_eq!(why(), "app/web was not built yet");
    put(&site.served, "v1.2.3-local", "other", "v1.2.3-0000000");
    assert_eq!(why(), "its sources or its base image changed");
    // Half of the hash is the tag: the label has to have all of it.
    put(&site.served, &tag::input_tag(&inputs), "other", "v1");
    assert!(why().contains("other inputs than its tag indicates"));
    put(&site.served, &tag::input_tag(&inputs), &inputs, "v1");
    site.served.state().repositories.get_mut("app/web").unwrap().blobs.remove(&digest(b"a layer"));
    assert_eq!(why(), "the registry lost a part of app/web");
}

#[test]
fn a_clean_commit_names_the_image_and_the_registry_tells_its_digest() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let inputs = inputs_hash(&order).unwrap();
    // The engine pushes nothing here: the image is there as if it had.
    let digest = put(&site.served, "v1.2.3-0123456", &inputs, "v1.2.3-0123456");
    let script = git("");
    let built = site.build(&script, &order).unwrap();
    assert_eq!((built.stored.tag.as_str(), &built.stored.digest), ("v1.2.3-0123456", &digest));
    let tags = site.served.state().repositories["app/web"].tags.clone();
    assert_eq!(tags[&tag::input_tag(&inputs)], digest);
    assert_eq!(tags["v1.2.3-local"], digest);
    let argv = script.ran().into_iter().find(|argv| argv.contains("build")).unwrap();
    let reference = format!("{}/app/web:v1.2.3-0123456", site.served.authority());
    for part in [INPUTS_LABEL, TAG_LABEL, &reference] {
        assert!(argv.contains(part), "{part}: {argv}");
    }
}

#[test]
fn an_image_that_did_not_arrive_or_is_another_one_is_an_error() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let lost = site.build(&git(""), &order).unwrap_err();
    assert!(lost.to_string().contains("the registry does not have it"), "{lost}");
    let digest = put(&site.served, "v1.2.3-0123456-dirty-00000000", "other", "x");
    let tags = |tag: &str| {
        let mut state = site.served.state();
        state.repositories.get_mut("app/web").unwrap().tags.insert(tag.to_owned(), digest.clone());
    };
    let inputs = inputs_hash(&order).unwrap();
    tags(&super::tag("1.2.3", Some(COMMIT), Some(&inputs), Target::Prod));
    let other = site.build(&git(" M Dockerfile"), &order).unwrap_err();
    assert!(
        other.to_string().contains("(digest-mismatch)") && other.to_string().contains(&digest),
        "{other}"
    );
}

#[test]
fn a_changed_folder_and_a_tag_in_use_get_a_hash() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let inputs = inputs_hash(&order).unwrap();
    let dirty = super::tag("1.2.3", Some(COMMIT), Some(&inputs), Target::Prod);
    assert!(dirty.starts_with("v1.2.3-0123456-dirty-"), "{dirty}");
    put(&site.served, &dirty, &inputs, &dirty);
    assert_eq!(site.build(&git(" M Dockerfile"), &order).unwrap().stored.tag, dirty);
    // The commit's tag names an image with another base, say.
    let site = Site::new();
    put(&site.served, "v1.2.3-0123456", "other", "v1.2.3-0123456");
    put(&site.served, &dirty, &inputs, &dirty);
    assert_eq!(site.build(&git(""), &order).unwrap().stored.tag, dirty);
}

#[test]
fn without_git_the_inputs_name_the_image() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let inputs = inputs_hash(&order).unwrap();
    let tag = format!("v1.2.3-src{}", &inputs[..8]);
    put(&site.served, &tag, &inputs, &tag);
    let script = Script::default().on("docker build", 0, "").on("docker push", 0, "");
    assert_eq!(site.build(&script, &order).unwrap().stored.tag, tag);
}

#[test]
fn a_target_has_its_own_tag_stage_and_arguments_and_the_base_comes_from_the_registry() {
    let site = Site::new();
    let app = site.app();
    std::fs::write(site.dir.path().join("Dockerfile"), "ARG BUILD_TARGET\nFROM scratch AS dev").unwrap();
    let base = stored(&digest(b"base"));
    let order = Order { base: Some(&base), ..order(&app, Target::Dev) };
    let inputs = inputs_hash(&order).unwrap();
    put(&site.served, "v1.2.3-0123456-dev", &inputs, "v1.2.3-0123456-dev");
    let script = git("");
    let built = site.build(&script, &order).unwrap();
    assert_eq!(built.stored.tag, "v1.2.3-0123456-dev");
    assert!(site.served.state().repositories["app/web"].tags.contains_key("v1.2.3-local-dev"));
    let argv = script.ran().into_iter().find(|argv| argv.contains("build")).unwrap();
    let from = format!("BASE_IMAGE={}", base.in_engine(&site.served.authority()));
    for part in ["--build-arg BUILD_TARGET=dev", "--target dev", "image.title=web", &from] {
        assert!(argv.contains(part), "{part}: {argv}");
    }
}

#[test]
fn the_list_shows_what_is_there_and_whether_it_is_current() {
    let site = Site::new();
    let app = site.app();
    let order = order(&app, Target::Prod);
    let (inputs, ours) = (inputs_hash(&order).unwrap(), site.ours());
    let listed = || with_task(&Script::default(), |task| list(task, &ours, &order)).0.unwrap();
    assert!(listed().reference.is_none() && listed().why.unwrap().contains("not built yet"));
    put(&site.served, "v1.2.3-local", "old", "v1.2.3-0000000");
    let old = listed();
    assert_eq!((old.current, old.inputs.as_deref(), old.size), (false, Some("old"), Some(7)));
    assert!(old.reference.unwrap().contains("/app/web:v1.2.3-0000000@sha256:"));
    put(&site.served, &tag::input_tag(&inputs), &inputs, "v1.2.3-1111111");
    let new = listed();
    assert!(new.current && new.reference.unwrap().contains(":v1.2.3-1111111@"));
}
