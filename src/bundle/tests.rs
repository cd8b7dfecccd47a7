//! Bundles as users handle them: created, copied, damaged.

use std::path::{Path, PathBuf};

use proptest::prelude::{ProptestConfig, any, proptest};

use super::*;
use crate::exec::Script;
use crate::fetch::testing::tar_of;
use crate::files::sha256;
use crate::task::Task;
use crate::task::testing::with_task;

fn task<T>(work: impl FnOnce(&Task<'_>) -> T) -> T {
    with_task(&Script::default(), work).0
}

fn entries(dir: &Path) -> Vec<(Entry, PathBuf)> {
    let entries: [(&str, &str, &str, &[u8]); 3] = [
        ("image-node", "image", "image.tar", &[7; 3000]),
        ("helm", "tool", "helm", b"#!/bin/helm"),
        ("empty", "tool", "empty", b""),
    ];
    let write = |(name, kind, file, bytes): (&str, &str, &str, &[u8])| {
        std::fs::write(dir.join(file), bytes).unwrap();
        (entry(name, kind, bytes), dir.join(file))
    };
    entries.map(write).into()
}

/// A bundle named `name` in a new folder, and the digest of its manifest.
fn bundle(name: &str) -> (tempfile::TempDir, PathBuf, String) {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join(name);
    let digest = task(|task| create(task, &entries(dir.path()), &to)).unwrap();
    (dir, to, digest)
}

fn open(path: &Path, expected: Option<&str>) -> crate::error::Result<Bundle> {
    task(|task| Bundle::open(task, path, expected, &path.with_extension("cache")))
}

fn verify(bundle: &Bundle) -> String {
    task(|task| bundle.verify(task)).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn both_forms_hold_the_same_under_the_same_digest() {
    let (_a, dir, digest) = bundle("bundle");
    let (_b, tar, tar_digest) = bundle("bundle.tar");
    assert_eq!(digest, tar_digest);
    for path in [&dir, &tar] {
        let bundle = open(path, Some(&digest)).unwrap();
        assert_eq!(bundle.sha256, digest);
        assert_eq!(verify(&bundle), "");
        let helm = bundle.find("helm", "linux/amd64").unwrap();
        assert_eq!(helm.file, format!("files/{}-helm", helm.sha256));
        let file = task(|task| bundle.verified_file(task, helm)).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"#!/bin/helm");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        }
        assert!(bundle.find("helm", "darwin/arm64").is_none());
    }
}

#[test]
fn the_same_artifacts_give_the_same_bytes() {
    let (_a, one, _) = bundle("bundle.tar");
    let (_b, two, _) = bundle("bundle.tar");
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[test]
fn every_fault_is_named_at_once() {
    let (_dir, path, digest) = bundle("bundle");
    let bundle = open(&path, Some(&digest)).unwrap();
    let file = |name: &str| path.join(&bundle.find(name, "linux/amd64").unwrap().file);
    std::fs::write(file("helm"), b"#!/bin/melm").unwrap();
    std::fs::write(file("image-node"), [7; 2999]).unwrap();
    std::fs::remove_file(file("empty")).unwrap();
    std::fs::write(path.join("files/more"), "").unwrap();
    std::fs::write(path.join("README"), "").unwrap();
    let text = verify(&bundle);
    assert!(text.contains("5 files failed verification"), "{text}");
    for fault in [
        "-helm: its sha256 is",
        "-image-node.tar: it is too short, 2999 bytes instead of 3000",
        "-empty: it is missing",
        "files/more: it is not in the manifest",
        "README: it is not in the manifest",
    ] {
        assert!(text.contains(fault), "{fault} is not in:\n{text}");
    }
    let helm = bundle.find("helm", "linux/amd64").unwrap();
    let error = task(|task| bundle.verified_file(task, helm)).unwrap_err();
    assert_eq!(error.exit(), crate::error::Exit::Refused);
}

#[cfg(unix)]
#[test]
fn a_link_is_no_file() {
    let (_dir, path, _) = bundle("bundle");
    let bundle = open(&path, None).unwrap();
    let helm = path.join(&bundle.find("helm", "linux/amd64").unwrap().file);
    let outside = path.with_extension("outside");
    std::fs::rename(&helm, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &helm).unwrap();
    assert!(verify(&bundle).contains("not a regular file"));
}

#[test]
fn nothing_is_written_over_and_nothing_half_is_left() {
    let (dir, path, _) = bundle("bundle");
    let error = task(|task| create(task, &entries(dir.path()), &path)).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    for name in ["new", "new.tar"] {
        let mut changed = entries(dir.path());
        changed[0].0.sha256 = sha256(b"other");
        let before = std::fs::read_dir(dir.path()).unwrap().count();
        let error = task(|task| create(task, &changed, &dir.path().join(name))).unwrap_err();
        assert!(error.to_string().contains("changed after it was created"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before);
    }
}

#[test]
fn an_artifact_named_twice_makes_no_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let twice = [entries(dir.path()), entries(dir.path())].concat();
    let error = task(|task| create(task, &twice, &dir.path().join("b"))).unwrap_err();
    assert!(error.to_string().contains("listed twice"), "{error}");
}

type Member<'a> = (&'a str, tar::EntryType, &'a [u8]);

#[test]
fn a_tar_leads_nowhere_else() {
    use tar::EntryType::{Regular, Symlink};
    let (dir, path, digest) = bundle("bundle");
    let manifest = std::fs::read(path.join(MANIFEST)).unwrap();
    let said = std::fs::read(path.join(SUMS)).unwrap();
    let sums = (SUMS, Regular, &said[..]);
    let cases: [(&str, &[Member<'_>], &str); 5] = [
        ("up", &[(MANIFEST, Regular, &manifest), sums, ("../evil", Regular, b"x")], "../evil (bytes"),
        ("abs", &[(MANIFEST, Regular, &manifest), sums, ("/tmp/evil", Regular, b"x")], "/tmp/evil (bytes"),
        ("link", &[(MANIFEST, Regular, &manifest), sums, ("files/a", Symlink, b"")], "files/a (bytes"),
        (
            "late",
            &[("files/a", Regular, b""), (MANIFEST, Regular, &manifest)],
            "first file is files/a instead of manifest.json",
        ),
        ("less", &[(MANIFEST, Regular, &manifest), sums], "is missing"),
    ];
    for (name, members, fault) in cases {
        let tar = dir.path().join(format!("{name}.tar"));
        std::fs::write(&tar, tar_of(members)).unwrap();
        let text = open(&tar, Some(&digest)).unwrap_err().to_string();
        assert!(text.contains(fault), "{name}: {text}");
        let left = std::fs::read_dir(tar.with_extension("cache").join("bundles")).unwrap().count();
        assert_eq!(left, 0, "{name} left something in the cache");
    }
    assert!(!dir.path().join("evil").exists());
}

#[test]
fn a_manifest_that_leads_out_is_refused() {
    let (_dir, path, _) = bundle("bundle");
    let manifest = path.join(MANIFEST);
    let text = std::fs::read_to_string(&manifest).unwrap();
    for (from, to) in [
        ("\"files/", "\"../files/"),
        ("\"schema\": 2", "\"schema\": 3"),
        ("\"name\": \"helm\"", "\"name\": \"../helm\""),
        ("\"version\"", "\"verzion\""),
    ] {
        assert!(text.contains(from));
        std::fs::write(&manifest, text.replace(from, to)).unwrap();
        let error = open(&path, None).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Refused, "{to}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// One flipped bit anywhere in a bundle is seen, and the file that has it is named.
    #[test]
    fn a_flipped_bit_is_named(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let (_dir, path, digest) = bundle("bundle");
        let bundle = open(&path, Some(&digest)).unwrap();
        let mut files: Vec<String> = bundle.manifest.entries.iter().map(|e| e.file.clone()).collect();
        files.push(MANIFEST.to_owned());
        let sizes: Vec<usize> =
            files.iter().map(|file| usize::try_from(path.join(file).metadata().unwrap().len()).unwrap()).collect();
        let mut offset = at.index(sizes.iter().sum());
        let index = sizes.iter().position(|size| { let here = offset < *size; if !here { offset -= size; } here });
        let file = &files[index.unwrap()];
        let mut bytes = std::fs::read(path.join(file)).unwrap();
        bytes[offset] ^= 1 << bit;
        std::fs::write(path.join(file), bytes).unwrap();
        // Opened before the change, and after it.
        assert!(verify(&bundle).contains(file.as_str()), "{file} byte {offset} bit {bit} was not seen");
        match open(&path, Some(&digest)) {
            Ok(bundle) => assert!(verify(&bundle).contains(file.as_str())),
            Err(error) => assert!(file == MANIFEST && error.to_string().contains(MANIFEST), "{error}"),
        }
    }
}

/// Every single byte of a tar, not a sample: the bundle is small enough for that. It is named wherever it
/// stands: in a file, in a header, in what fills up a block.
#[test]
fn no_byte_of_a_tar_can_change_unseen() {
    let (_dir, path, _) = bundle("bundle.tar");
    let bytes = std::fs::read(&path).unwrap();
    for offset in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[offset] ^= 1 << (offset % 8);
        std::fs::write(&path, changed).unwrap();
        let error = task(|task| contents(task, &path, None)).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Refused);
        let text = error.causes().join("\n");
        let named = ["manifest.json", "files/", "the end of the tar"].iter().any(|name| text.contains(name));
        assert!(named, "byte {offset}: {text}");
    }
    assert!(open(&path, None).is_err());
}

#[test]
fn what_is_wrong_with_a_tar_is_told_with_its_place() {
    let (_dir, path, _) = bundle("bundle.tar");
    let bytes = std::fs::read(&path).unwrap();
    let entries = task(|task| contents(task, &path, None)).unwrap().manifest.entries;
    let file = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap().file.clone();
    let at = |name: &str| {
        let file = file(name);
        bytes.windows(file.len()).enumerate().rfind(|(_, part)| *part == file.as_bytes()).unwrap().0
    };
    let told = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        task(|task| contents(task, &path, None)).unwrap_err().causes().join("\n")
    };
    let (helm, node) = (at("helm"), at("image-node"));
    let mut flipped = bytes.clone();
    flipped[helm + 512 + 3] ^= 1;
    let text = told(&flipped);
    assert!(
        text.contains(&format!("{} (bytes {}-{} of the tar)", file("helm"), helm + 512, helm + 522)),
        "{text}"
    );
    let mut padding = bytes.clone();
    padding[helm + 600] = 7;
    let text = told(&padding);
    assert!(text.contains(&format!("(byte {} of the tar): its padding", helm + 600)), "{text}");
    // A file left out, put in, two that changed places.
    let text = told(&[&bytes[..helm], &bytes[helm + 1024..]].concat());
    assert_eq!(text, format!("{}: it is missing", file("helm")));
    let text = told(&[&bytes[..node], &bytes[helm..helm + 1024], &bytes[node..]].concat());
    assert!(text.contains("-helm (bytes"), "{text}");
    let text = told(&bytes[..bytes.len() - 1]);
    assert!(text.contains("the end of the tar: the tar is truncated"), "{text}");
    let text = told(&[&bytes[..], b"x"].concat());
    assert!(text.contains("1 bytes follow the end"), "{text}");
    let text = told(&bytes[..node + 700]);
    assert!(text.contains(&format!("{}: it is truncated, 188 bytes of 3000", file("image-node"))), "{text}");
}
