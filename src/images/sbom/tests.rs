//! Complete SBOMs of folders with lock files.

use serde_json::Value;

use super::*;
use crate::config::{Application, Target};
use crate::images::testing::application;
use crate::local_registry::Stored;

const NPM: &str = r#"{"packages": {"": {}, "node_modules/a": {"version": "1.0.0", "dev": true, "license": "MIT"},
    "node_modules/b/node_modules/a": {"version": "1.0.0"}}}"#;

fn project(dir: &Path) -> Application {
    let app = application(dir);
    std::fs::create_dir_all(dir.join("tools/node_modules/x")).unwrap();
    for (name, text) in [
        ("requirements.lock", "flask==3.0.0 --hash=sha256:aa\n"),
        ("package-lock.json", NPM),
        ("tools/package-lock.json", "{"),
        ("tools/node_modules/x/package-lock.json", NPM),
        ("old-requirements.lock", "x==1\n"),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    app
}

fn sbom(app: &Application) -> Vec<u8> {
    let stored = |repository: &str, tag: &str, digit: &str| Stored {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: format!("sha256:{}", digit.repeat(64)),
    };
    let base = stored("todo-bootstrap/python", "3.11", "1");
    let order = Order { app, spec: &app.images[0], target: Target::Prod, base: Some(&base) };
    let image = Built { name: "web".to_owned(), stored: stored("app/web", "v1", "2"), built: true };
    make(&order, &image).unwrap()
}

#[test]
fn a_bill_names_base_packages_and_what_it_covers() {
    let dir = tempfile::tempdir().unwrap();
    let text = sbom(&project(dir.path()));
    let sbom: Value = serde_json::from_slice(&text).unwrap();
    let component = &sbom["metadata"]["component"];
    assert_eq!((&component["name"], &component["version"]), (&"app/web".into(), &"v1".into()));
    let components = sbom["components"].as_array().unwrap();
    let refs: Vec<&str> = components.iter().map(|part| part["bom-ref"].as_str().unwrap()).collect();
    let base = format!("todo-bootstrap/python:3.11@sha256:{}", "1".repeat(64));
    assert_eq!(refs, [&base, "pkg:npm/a@1.0.0", "pkg:pypi/flask@3.0.0"]);
    assert_eq!(components[0]["name"], "todo-bootstrap/python");
    assert_eq!(components[0]["hashes"][0]["content"], "1".repeat(64));
    // In one of its two places the package is not only for development.
    assert_eq!(components[1]["scope"], "required");
    let said = sbom["metadata"]["properties"].to_string();
    for part in
        ["requirements.lock: 1 packages", "package-lock.json: 2 packages", "tools/package-lock.json: EOF"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("old-requirements"), "{said}");
    assert_eq!(sbom["compositions"][0]["aggregate"], "incomplete");
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_others_another_serial_number() {
    let dir = tempfile::tempdir().unwrap();
    let app = project(dir.path());
    let first = sbom(&app);
    assert_eq!(first, sbom(&app));
    std::fs::write(dir.path().join("requirements.lock"), "flask==3.0.1\n").unwrap();
    let serial = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap()["serialNumber"].to_string();
    assert_ne!(serial(&first), serial(&sbom(&app)));
    assert!(serial(&first).starts_with("\"urn:uuid:"));
}

#[test]
fn a_lock_that_is_not_part_of_the_build_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let app = project(dir.path());
    std::fs::write(dir.path().join(".dockerignore"), "*\n!package-lock.json\n").unwrap();
    let text = String::from_utf8(sbom(&app)).unwrap();
    assert!(!text.contains("flask") && !text.contains("tools/") && text.contains("pkg:npm/a"), "{text}");
}

#[test]
fn what_was_written_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path(), "web").unwrap(), None);
    write(dir.path(), "web", b"{\"a\": 1}").unwrap();
    assert!(is_written(dir.path(), "web", b"{\"a\": 1}") && !is_written(dir.path(), "web", b"{}"));
    assert_eq!(read(dir.path(), "web").unwrap().unwrap()["a"], 1);
}

/// The lock files that this repository builds images from are all understood.
#[test]
fn our_own_locks_are_read() {
    let application = Application::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().unwrap();
    for image in application.images {
        let locks = locks(&image.context, &image.dockerfile).unwrap();
        assert_eq!(locks.len(), 1, "{}", image.name);
        let packages = locks.into_iter().map(|lock| lock.packages.unwrap().len()).sum::<usize>();
        assert!(packages > 0, "{}", image.name);
    }
}
