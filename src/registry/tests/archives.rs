//! Archives of all engines, read and rewritten.

use std::collections::BTreeSet;

use super::super::testing::digest;
use super::fixtures::{
    Content, Member, containerd, content, content_for, docker_20, docker_28, gzip, hex, manifest, noise,
    podman, tar,
};
use super::*;

/// The archive rewritten, and its digest.
fn normal(bench: &Bench, from: &Path, name: &str) -> (String, Vec<u8>) {
    let to = bench.path("normal.tar");
    let digest = normalise_archive(from, name, &to).unwrap();
    (digest, std::fs::read(to).unwrap())
}

#[test]
fn one_image_has_one_form_and_one_digest_whichever_engine_saved_it() {
    let (bench, content) = (Bench::new(), content());
    let plain = manifest(&content, false);
    let archives = [
        bench.archive("20", |to| docker_20(to, &content, "app:1", false)),
        bench.archive("20-hard", |to| docker_20(to, &content, "app:1", true)),
        bench.archive("podman", |to| podman(to, &content, "localhost/app:1")),
        bench.archive("28", |to| docker_28(to, &content, "app:1", &plain)),
    ];
    let mut forms = BTreeSet::new();
    for archive in &archives {
        // What a push would give is known without reading all of it.
        assert_eq!(archive_digest(archive).unwrap(), digest(plain.as_bytes()), "{}", archive.display());
        let (digest, bytes) = normal(&bench, archive, "app:1");
        assert_eq!(digest, archive_digest(archive).unwrap());
        // What we wrote is in our form.
        std::fs::write(bench.path("once"), &bytes).unwrap();
        assert_eq!(normal(&bench, &bench.path("once"), "app:1"), (digest, bytes.clone()));
        forms.insert(bytes);
    }
    assert_eq!(forms.len(), 1);
}

#[test]
fn our_form_is_what_engines_of_all_ages_read() {
    let (bench, content) = (Bench::new(), content());
    let archive = bench.archive("20", |to| docker_20(to, &content, "app:1", false));
    let (digest, bytes) = normal(&bench, &archive, "app:1");
    let mut members = BTreeMap::new();
    let mut names = Vec::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        names.push(name.clone());
        members.insert(name, bytes);
    }
    assert_eq!(names[..2], ["blobs/", "blobs/sha256/"]);
    assert_eq!(names[names.len() - 3..], ["index.json", "manifest.json", "oci-layout"]);
    assert!(names[2..names.len() - 3].is_sorted() && names.len() == 2 + 4 + 3, "{names:?}");
    let json = |name: &str| serde_json::from_slice::<serde_json::Value>(&members[name]).unwrap();
    // What Docker up to 24 and podman read.
    let (list, index) = (json("manifest.json"), json("index.json"));
    assert_eq!(list[0]["RepoTags"][0], "docker.io/library/app:1");
    assert_eq!(members[list[0]["Config"].as_str().unwrap()], content.config.as_bytes());
    for (name, layer) in list[0]["Layers"].as_array().unwrap().iter().zip(&content.layers) {
        assert_eq!(&members[name.as_str().unwrap()], layer);
    }
    // What containerd reads.
    let entry = &index["manifests"][0];
    assert_eq!(entry["digest"], digest.as_str());
    assert_eq!(entry["annotations"]["io.containerd.image.name"], "docker.io/library/app:1");
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1");
    assert!(members.contains_key(&format!("blobs/sha256/{}", &digest[7..])));
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
}

#[test]
fn an_index_is_followed_to_the_one_image_that_is_there() {
    let (bench, content) = (Bench::new(), content_for("riscv64", vec![noise(5, 900)]));
    let archive = bench.archive("29", |to| containerd(to, std::slice::from_ref(&content), "app:1"));
    let wanted = digest(manifest(&content, true).as_bytes());
    assert_eq!(archive_digest(&archive).unwrap(), wanted);
    assert_eq!(normalise_archive(&archive, "app:1", &bench.path("to")).unwrap(), wanted);
}

#[test]
fn of_several_platforms_the_one_of_this_machine_is_taken() {
    let bench = Bench::new();
    let here = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let all = [here, "s390x", "riscv64"].map(|name| content_for(name, vec![noise(7, 500)]));
    let archive = bench.archive("29", |to| containerd(to, &all, "app:1"));
    assert_eq!(archive_digest(&archive).unwrap(), digest(manifest(&all[0], true).as_bytes()));
    let strange = bench.archive("others", |to| containerd(to, &all[1..], "app:1"));
    let error = archive_digest(&strange).unwrap_err();
    assert!(error.to_string().contains("contains 2 images"), "{error}");
}

#[test]
fn of_several_images_the_one_of_that_name_is_taken() {
    let (bench, other) = (Bench::new(), content_for("amd64", vec![noise(9, 100)]));
    let content = content();
    let config = |content: &Content| format!("{}.json", hex(content.config.as_bytes()));
    let path = bench.archive("two", |to| {
        let mut members = Vec::new();
        let mut list = Vec::new();
        for (content, tag) in [(&content, "docker.io/library/app:1"), (&other, "localhost/other:1")] {
            let names = content.layers.iter().map(|layer| hex(layer) + ".tar");
            list.push(serde_json::json!({ "Config": config(content), "RepoTags": [tag],
                "Layers": names.collect::<Vec<_>>() }));
            let files = content.layers.iter().map(|layer| (hex(layer) + ".tar", layer.clone()));
            let files = files.chain([(config(content), content.config.clone().into_bytes())]);
            members.extend(files.map(|(name, bytes)| (name, Member::File(bytes))));
        }
        members
            .push(("manifest.json".into(), Member::File(serde_json::Value::from(list).to_string().into())));
        tar(to, members);
    });
    for (name, content) in [("app:1", &content), ("localhost/other:1", &other)] {
        let wanted = digest(manifest(content, false).as_bytes());
        assert_eq!(normalise_archive(&path, name, &bench.path("to")).unwrap(), wanted);
    }
    let error = archive_digest(&path).unwrap_err().to_string();
    assert!(error.contains("2 images (docker.io/library/app:1, localhost/other:1)"), "{error}");
    assert_eq!(kind(normalise_archive(&path, "third:1", &bench.path("to"))), "Archive");
}

#[test]
fn packed_layers_stay_packed() {
    let (bench, content) = (Bench::new(), content());
    let packed =
        Content { layers: content.layers.iter().map(|layer| gzip(layer)).collect(), ..content.clone() };
    let archive = bench.archive("packed", |to| podman(to, &packed, "app:1"));
    assert_eq!(archive_digest(&archive).unwrap(), digest(manifest(&content, true).as_bytes()));
    normal(&bench, &archive, "app:1");
}

/// As some versions of Docker list no layer, or layers in another order.
#[test]
fn a_manifest_that_contradicts_the_configuration_is_passed_over() {
    let bench = Bench::new();
    let content = content_for("amd64", vec![noise(1, 600), noise(2, 700)]);
    let turned = Content { layers: content.layers.iter().rev().cloned().collect(), ..content.clone() };
    let none = Content { layers: Vec::new(), ..content.clone() };
    for wrong in [&turned, &none] {
        let wrong = manifest(wrong, false);
        let archive = bench.archive("28", |to| docker_28(to, &content, "app:1", &wrong));
        assert_eq!(archive_digest(&archive).unwrap(), digest(manifest(&content, false).as_bytes()));
    }
}

#[test]
fn bytes_that_are_not_what_they_should_be_are_refused() {
    let (bench, content) = (Bench::new(), content());
    let plain = manifest(&content, false);
    for archive in [
        bench.archive("20", |to| docker_20(to, &content, "app:1", false)),
        bench.archive("28", |to| docker_28(to, &content, "app:1", &plain)),
    ] {
        content.damage(&archive);
        let to = bench.path("never");
        let error = normalise_archive(&archive, "app:1", &to).unwrap_err();
        assert_eq!(name(&error), "Archive");
        assert!(error.to_string().contains(&digest(&content.layers[0])), "{error}");
        assert!(!to.exists());
        let left = std::fs::read_dir(bench.dir.path()).unwrap().flatten();
        assert!(
            left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().ends_with(".partial"))
        );
    }
}

#[test]
fn what_is_no_archive_is_named() {
    let (bench, content) = (Bench::new(), content());
    let file = |name: &str, text: &str| (name.to_owned(), Member::File(text.into()));
    for (members, why) in [
        (vec![file("a", "b")], "neither index.json nor manifest.json"),
        (vec![file("index.json", "{}")], "cannot be read"),
        (vec![file("index.json", r#"{"manifests":[]}"#)], "no image for linux"),
        (vec![file("manifest.json", "[]")], "0 images"),
        (vec![file("manifest.json", r#"[{"Config":"c","Layers":[]}]"#)], "contains no c"),
    ] {
        let archive = bench.archive("bad", |to| tar(to, members));
        let error = archive_digest(&archive).unwrap_err();
        assert!(name(&error) == "Archive" && error.to_string().contains(why), "{error}");
    }
    std::fs::write(bench.path("text"), "no tar at all, but some text".repeat(40)).unwrap();
    assert_eq!(kind(archive_digest(&bench.path("text"))), "Archive");
    assert_eq!(kind(archive_digest(&bench.path("none"))), "Local");
    let good = bench.archive("20", |to| docker_20(to, &content, "app:1", false));
    for name in ["App", &format!("app@{}", digest(b"x"))] {
        assert_eq!(kind(normalise_archive(&good, name, &bench.path("to"))), "Name");
    }
}
