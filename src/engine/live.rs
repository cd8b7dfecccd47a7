//! The whole of this folder against the engine of this machine: `cargo test --profile ci --lib
//! engine::live -- --ignored`. Makes and removes things of a unique name only.

use std::path::Path;

use super::testing::with_task;
use super::{Build, Engine};
use crate::exec::System;
use crate::host::{Facts, probe};
use crate::task::Task;
use crate::world::World;

fn found(task: &Task<'_>) -> (Engine, Facts) {
    let world = World::real();
    let facts = probe(&world, Path::new("/tmp"));
    (Engine::detect(task, &world, &facts).unwrap().unwrap(), facts)
}

/// A root file system that holds nothing but a text.
fn root_archive(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("root.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "probe.txt", &b"probe"[..]).unwrap();
    tar.finish().unwrap();
    path
}

#[test]
#[ignore = "needs a container engine"]
fn images_are_imported_built_saved_and_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("todo-bootstrap-test-{}", std::process::id());
    with_task(&System::default(), |task| {
        let (engine, _) = found(task);
        let base = format!("{name}:base");
        let changes = ["LABEL inputs=a,b".to_owned()];
        let id = engine.import(task, &root_archive(dir.path()), &base, &changes).unwrap();
        assert_eq!(engine.image_id(task, &base).unwrap(), Some(id));
        assert_eq!(engine.image_label(task, &base, "inputs").unwrap().as_deref(), Some("a,b"));
        std::fs::write(dir.path().join("Dockerfile"), "ARG BASE\nFROM $BASE\nCOPY root.tar /\n").unwrap();
        let build = Build {
            context: dir.path().to_owned(),
            dockerfile: dir.path().join("Dockerfile"),
            tags: vec![format!("{name}:1")],
            args: vec![("BASE".to_owned(), base.clone())],
            labels: vec![("made-by".to_owned(), "test".to_owned())],
            target: None,
        };
        let built = engine.build(task, &build).unwrap();
        let archive = dir.path().join("image.tar");
        engine.save(task, &build.tags, &archive).unwrap();
        assert!(engine.remove_image(task, &build.tags[0]).unwrap());
        assert!(!engine.remove_image(task, &build.tags[0]).unwrap());
        assert_eq!(engine.load(task, &archive).unwrap(), build.tags);
        assert_eq!(engine.image_id(task, &build.tags[0]).unwrap(), Some(built));
        engine.remove_image(task, &build.tags[0]).unwrap();
        engine.remove_image(task, &base).unwrap();
    });
}

#[test]
#[ignore = "needs a container engine"]
fn networks_and_containers_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("todo-bootstrap-test-{}-n", std::process::id());
    let label = ("todo-bootstrap.test".to_owned(), name.clone());
    with_task(&System::default(), |task| {
        let (engine, _) = found(task);
        let ensure = |label: &(String, String)| {
            engine.network_ensure(task, &name, std::slice::from_ref(label), |labels| {
                (labels.get(&label.0) != Some(&label.1)).then(|| crate::error::Error::refused("not ours"))
            })
        };
        assert!(ensure(&label).unwrap());
        assert!(!ensure(&label).unwrap());
        assert!(ensure(&("other".to_owned(), "x".to_owned())).is_err());
        engine.import(task, &root_archive(dir.path()), &name, &[]).unwrap();
        let create = engine.cmd("create a container").args(["create", "--name", &name, "--network", &name]);
        task.run(&create.arg("--label").arg(format!("{}={}", label.0, label.1)).args([&name, "/none"]))
            .unwrap();
        let filter = [format!("label={}={}", label.0, label.1)];
        let all = engine.containers(task, &filter).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].name.as_str(), all[0].running), (name.as_str(), false));
        assert_eq!(all[0].networks, [name.as_str()]);
        engine.limit(task, &name, 1, 64 << 20).unwrap();
        assert!(engine.start(task, &name).is_err(), "there is no program in it");
        assert!(engine.remove_container(task, &name).unwrap());
        engine.remove_container(task, &name).unwrap();
        assert!(engine.network_remove(task, &name).unwrap());
        assert!(!engine.network_remove(task, &name).unwrap());
        engine.remove_image(task, &name).unwrap();
    });
}

#[test]
#[ignore = "needs a container engine"]
fn this_machine_is_described() {
    with_task(&System::default(), |task| {
        let started = std::time::Instant::now();
        let facts = probe(&World::real(), Path::new("/tmp/none/cache"));
        let probed = started.elapsed();
        let (engine, _) = found(task);
        let findings = crate::doctor::findings(&facts, Some(&engine), None, 34);
        let text = format!("{facts:#?}\n{engine:#?}\n{findings:#?}\nprobed in {probed:?}");
        std::fs::write(std::env::temp_dir().join("todo-bootstrap-facts.txt"), text).unwrap();
        assert!(probed < std::time::Duration::from_millis(100), "{probed:?}");
    });
}
