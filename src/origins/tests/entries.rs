//! Images of the project in a bundle.

use super::*;
use crate::config::{Application, Target};
use crate::images::testing::application;
use crate::images::{self, Order, inputs_hash};
use crate::origins::entries::exported;
use crate::origins::images::push;

const REFERENCE: &str = "localhost/app/web:v1.2.3-abc";

fn order(app: &Application) -> Order<'_> {
    Order { app, spec: &app.images[0], target: Target::Prod, base: None }
}

/// Origins with a bundle that holds the project's image, built from `inputs`.
fn with_bundle(inputs: &str) -> (Bench, Origins) {
    let mut bench = Bench::new();
    bench.bundle = Some(image_bundle(&bench, "app-web", REFERENCE, inputs));
    let origins = bench.origins();
    (bench, origins)
}

#[test]
fn the_projects_image_is_taken_from_the_bundle_and_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(dir.path());
    let (_bench, origins) = with_bundle(&inputs_hash(&order(&app)).unwrap());
    let ((_served, ours), script) = (registry(), Script::default());
    let (built, _) = with_task(&script, |task| {
        let built = origins.bundled_build(task, &ours, &order(&app)).unwrap().unwrap();
        // The next run finds it by its inputs.
        assert_eq!(images::probe(task, &ours, &order(&app)).unwrap().unwrap(), built);
        built
    });
    assert_eq!((built.stored.repository.as_str(), built.stored.tag.as_str()), ("app/web", "v1.2.3-abc"));
    assert!(!built.built && script.ran().is_empty(), "{:?}", script.ran());
}

#[test]
fn an_image_of_other_sources_is_not_taken_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(dir.path());
    let (_bench, origins) = with_bundle(&"0".repeat(64));
    let (served, ours) = registry();
    let (built, said) =
        with_task(&Script::default(), |task| origins.bundled_build(task, &ours, &order(&app)));
    assert_eq!(built.unwrap(), None);
    assert!(said.events().iter().any(|event| event.message.contains("built from other sources")));
    assert!(served.seen().is_empty(), "nothing is pushed");
}

#[test]
fn an_exported_image_keeps_its_digest_through_a_bundle() {
    let (bench, origins) = with_bundle(&"1".repeat(64));
    let ((_one, one), (_two, two)) = (registry(), registry());
    let file = bench.dir.path().join("a.tar");
    std::fs::write(&file, archive(REFERENCE, &Value::Null)).unwrap();
    with_task(&Script::default(), |task| {
        let digest = one.push_archive(task, &file, "app/web", Some("1")).unwrap();
        let stored = Stored { repository: "app/web".to_owned(), tag: "1".to_owned(), digest };
        let entry = origins.blank("app-web", "application", "x".to_owned(), &stored);
        let (entry, file) = exported(task, &one, entry, &stored, bench.dir.path()).unwrap();
        assert_eq!(entry.reference.as_deref(), Some("localhost/app/web:1"));
        assert_eq!(push(task, &two, &entry, &file).unwrap(), stored);
    });
}
