//! `bundle`: create, inspect, damage and use bundles, with a directory as mirror and a stub
//! engine.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use todo_bootstrap::config::{Application, Target};
use todo_bootstrap::files::hex;
use todo_bootstrap::images::{Order, inputs_hash};

use super::INFO;
use crate::support::registry::server::TestRegistry;
use crate::support::{Machine, read, registry, root};

const TOOLS: [&str; 3] = ["kind", "helm", "kubectl"];
const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "darwin/arm64"];
const PROJECT: &str = "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n\
                       [[images]]\nname = \"web\"\ncontext = \"web\"\n";
const LOCK: &str = r#"{"packages": {"": {}, "node_modules/a": {"version": "1.0.0", "license": "MIT"}}}"#;

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn version(key: &str) -> String {
    let table: toml::Table = read(&root().join("versions.toml")).parse().expect("TOML");
    table["versions"][key].as_str().expect("a version").to_owned()
}

/// A machine with a mirror of fake tools, and pins for them.
fn machine() -> Machine {
    let machine = Machine::new()
        .file("application.toml", PROJECT)
        .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .file("web/Dockerfile", "FROM scratch\n")
        .file("web/package-lock.json", LOCK);
    for tool in TOOLS {
        let mut pin = format!(
            "version = \"{}\"\nurl = \"https://example.test/{tool}-{{os}}-{{arch}}\"\nsources = [\"a\", \"b\"]\n",
            version(tool)
        );
        for platform in PLATFORMS {
            let bytes = format!("{tool} for {platform}\n");
            let file =
                machine.path("mirror/example.test").join(format!("{tool}-{}", platform.replace('/', "-")));
            fs::create_dir_all(file.parent().expect("a folder")).expect("create the mirror");
            fs::write(file, &bytes).expect("write to the mirror");
            pin += &format!("[platforms.\"{platform}\"]\nsha256 = \"{}\"\n", sha256(bytes.as_bytes()));
        }
        let folder = machine.path("pins").join(tool);
        fs::create_dir_all(&folder).expect("create the folder of pins");
        fs::write(folder.join("pin.toml"), pin).expect("write a pin");
    }
    let (pins, mirror) = (machine.path("pins"), machine.path("mirror"));
    machine
        .env("TODO_BOOTSTRAP_PINS", &pins.to_string_lossy())
        .env("TODO_BOOTSTRAP_MIRROR", &mirror.to_string_lossy())
}

/// Creates a bundle of tools at `work/<name>`; returns its digest.
fn tools(machine: &Machine, name: &str, more: &[&str]) -> String {
    let args = [&["bundle", "create", "--tools-only", name], more].concat();
    machine.run(&args).exits(0).err_has("artifacts").stdout.trim().to_owned()
}

#[test]
fn tools_for_any_platform_make_one_and_the_same_bundle() {
    let both = ["--platform", "darwin/arm64", "--platform", "linux/arm64"];
    let turned = ["--platform", "linux/arm64", "--platform", "darwin/arm64"];
    let (one, two) = (machine(), machine());
    let digests = [tools(&one, "a.tar", &both), tools(&two, "b.tar", &turned), tools(&one, "a", &both)];
    assert!(digests.iter().all(|digest| *digest == digests[0] && digest.len() == 64), "{digests:?}");
    let bytes = |machine: &Machine, name: &str| fs::read(machine.path("work").join(name)).expect("a bundle");
    assert!(bytes(&one, "a.tar") == bytes(&two, "b.tar"), "the same content gives the same bytes");
    for form in ["a", "a.tar"] {
        let json = one.run(&["bundle", "inspect", form, "--output", "json"]).exits(0).json();
        assert_eq!(json["sha256"], digests[0]);
        let entries = json["entries"].as_array().expect("entries");
        assert_eq!(entries.len(), 6);
        for entry in entries {
            let (name, platform) =
                (entry["name"].as_str().expect("name"), entry["platform"].as_str().expect("platform"));
            assert_eq!(entry["sha256"], sha256(format!("{name} for {platform}\n").as_bytes()));
        }
        let wrong = "0".repeat(64);
        one.run(&["bundle", "verify", form]).exits(0).err_has("is intact: 6 artifacts");
        one.run(&["bundle", "verify", form, "--sha256", &digests[0]]).exits(0);
        one.run(&["bundle", "verify", form, "--sha256", &wrong]).exits(5).err_has("expected 0000");
    }
}

#[test]
fn nothing_is_written_over_and_nothing_is_begun_for_it() {
    let machine = machine().file("there", "mine").file("folder/x", "mine");
    for name in ["there", "folder"] {
        let screen = machine.run(&["bundle", "create", name]).exits(2);
        screen.err_has("already exists").err_has("help: choose another path");
    }
    assert_eq!(fs::read_dir(machine.path("cache")).expect("the cache").count(), 0);
}

#[test]
fn without_an_engine_it_is_said_what_is_missing() {
    let machine = machine();
    let screen = machine.run(&["bundle", "create", "b.tar"]).fails();
    let screen = screen.err_has("help:").err_has("--tools-only PATH   # needs no engine");
    assert!(screen.stderr.contains("engine") || screen.stderr.contains("Docker"), "{screen}");
    assert!(!machine.path("work/b.tar").exists());
    machine.run(&["bundle", "create", "b", "--platform", "plan9/mips"]).exits(2).err_has("linux/arm64");
}

/// A random number generator with a seed, so that a failure can be reproduced.
fn places(seed: u64, count: usize, below: usize) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("a number") % below
    };
    (0..count).map(|_| next()).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("list the bundle") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let machine = machine();
    tools(&machine, "b.tar", &[]);
    tools(&machine, "b", &[]);
    let tar = machine.path("work/b.tar");
    let bytes = fs::read(&tar).expect("the tar");
    for at in places(7, 40, bytes.len()).into_iter().chain([0, bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&tar, changed).expect("change the tar");
        let screen = machine.run(&["bundle", "verify", "b.tar"]).exits(5).err_has("help:");
        let named =
            ["manifest.json", "files/", "the end of the tar"].iter().any(|name| screen.stderr.contains(name));
        assert!(named, "byte {at}: {screen}");
    }
    let all = files(&machine.path("work/b"));
    assert_eq!(all.len(), 2 + TOOLS.len());
    for file in all {
        let bytes = fs::read(&file).expect("a file");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        for at in places(11, 8, bytes.len()).into_iter().chain([0, bytes.len() - 1]) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, changed).expect("change a file");
            let name = if name.starts_with("manifest") { "manifest.json" } else { &name };
            machine.run(&["bundle", "verify", "b"]).exits(5).err_has(name);
        }
        fs::write(&file, bytes).expect("restore the file");
    }
    machine.run(&["bundle", "verify", "b"]).exits(0);
}

#[test]
fn missing_extra_swapped_and_cut_files_are_named() {
    let machine = machine();
    tools(&machine, "b", &[]);
    let dir = machine.path("work/b");
    let of = |tool: &str| {
        let name = format!("-{tool}");
        files(&dir).into_iter().find(|file| file.to_string_lossy().ends_with(&name)).expect("the tool")
    };
    let (helm, kind) = (of("helm"), of("kind"));
    let (first, second) = (fs::read(&helm).expect("helm"), fs::read(&kind).expect("kind"));
    let verify = || machine.run(&["bundle", "verify", "b"]).exits(5);
    fs::write(&helm, &second).expect("swap");
    fs::write(&kind, &first).expect("swap");
    verify().err_has("2 files failed verification").err_has("-helm").err_has("-kind");
    fs::write(&helm, &first[..3]).expect("cut");
    fs::remove_file(&kind).expect("remove");
    fs::write(dir.join("files/more"), "x").expect("add");
    fs::remove_file(dir.join("manifest.json.sha256")).expect("remove");
    verify()
        .err_has("-helm: it is too short, 3 bytes")
        .err_has("-kind: it is missing")
        .err_has("files/more: it is not in the manifest")
        .err_has("manifest.json.sha256: it cannot be read");
}

#[test]
fn who_made_a_bundle_needs_no_digest_and_anybody_else_is_warned() {
    let machine = machine();
    let digest = tools(&machine, "b.tar", &[]);
    let up = |flags: &[&str]| machine.run(&[&["up", "--bundle", "b.tar"], flags].concat()).fails();
    // It fails because there is no engine; the messages about the bundle come first.
    let doubt = "its origin is not verified";
    for flags in [&[][..], &["--strict"]] {
        let screen = up(flags);
        assert!(!screen.stderr.contains(doubt), "{screen}");
    }
    fs::remove_dir_all(machine.path("state/bundles")).expect("another machine has no record");
    up(&[]).err_has(doubt).err_has("--bundle-sha256 HEX");
    up(&["--strict"]).exits(5).err_has(doubt).err_has("help:");
    let screen = up(&["--strict", "--bundle-sha256", &digest]);
    assert!(!screen.stderr.contains(doubt), "{screen}");
    up(&["--bundle-sha256", &"0".repeat(64)]).exits(5).err_has("cannot be trusted");
}

/// The registry has every image: those of the profile according to our records, and those of the project
/// with the tags of the current sources.
fn with_registry(machine: Machine) -> (Machine, TestRegistry) {
    let (served, container) = registry::start(&machine);
    let app = Application::load(&machine.path("work")).expect("it can be read").expect("it is there");
    let order = Order { app: &app, spec: &app.images[0], target: Target::Prod, base: None };
    let inputs = inputs_hash(&order).expect("a hash");
    let labels = json!({ "todo-bootstrap.dev/inputs": inputs, "todo-bootstrap.dev/tag": "v0.1.0-abc" });
    registry::image(&served, "shop/web", &[&format!("inputs-{}", &inputs[..32]), "v0.1.0-abc"], &labels);
    let published: toml::Table = read(&root().join("manifests/images.toml")).parse().expect("TOML");
    fs::create_dir_all(machine.path("cache/images")).expect("a folder");
    for (name, pin) in &published {
        let text = |key: &str| pin[key].as_str().expect("text").to_owned();
        let (image, pinned) = (text("image"), text("digest"));
        let (repository, tag) = image.rsplit_once(':').expect("a tag");
        let digest = registry::image(&served, repository, &[tag], &json!({}));
        let stored = json!({ "repository": repository, "tag": tag, "digest": digest });
        let inputs = format!("{image}@{pinned}");
        let record = json!({ "stored": stored, "origin": "download", "inputs": inputs });
        fs::write(machine.path("cache/images").join(format!("{name}.json")), record.to_string())
            .expect("a record");
    }
    let body = format!("case \"$1\" in\ninfo) echo '{INFO}';;\nps) echo '{container}';;\n*) exit 1;;\nesac");
    (machine.stub("docker", &body), served)
}

fn arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

#[test]
fn a_whole_bundle_has_images_bills_and_charts_and_is_made_the_same_again() {
    let digests = [machine(), machine()].map(|machine| {
        let (machine, _served) = with_registry(machine);
        let create = |name: &str| machine.run(&["bundle", "create", name]).exits(0).stdout;
        let digest = create("b.tar");
        assert_eq!(create("c"), digest);
        let table = machine.run(&["bundle", "inspect", "b.tar"]).exits(0);
        let table = table.out_has("NAME").out_has("PLATFORM").out_has("SHA256");
        let kinds = [
            ("image-node", "image"),
            ("app-web", "application"),
            ("sbom-web", "sbom"),
            ("chart-shop", "chart"),
        ];
        for (name, kind) in kinds {
            let row = table
                .stdout
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("{name}: {table}"));
            assert!(row.contains(kind), "{row}");
        }
        bill_is_sound(&machine.run(&["bundle", "inspect", "b.tar", "--sbom"]).exits(0).json());
        let dir = machine.run(&["bundle", "inspect", "c", "--sbom"]).exits(0).stdout;
        assert_eq!(dir, machine.run(&["bundle", "inspect", "b.tar", "--sbom"]).exits(0).stdout);
        digest
    });
    assert_eq!(digests[0], digests[1]);
}

/// What the `CycloneDX` 1.5 schema requires of the parts that are used.
fn bill_is_sound(bill: &Value) {
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"], &bill["version"]),
        (&"CycloneDX".into(), &"1.5".into(), &1.into())
    );
    let serial = bill["serialNumber"].as_str().expect("a serial number");
    assert!(serial.starts_with("urn:uuid:") && serial.len() == 45, "{serial}");
    let parts = bill["components"].as_array().expect("components");
    let inner = parts.iter().flat_map(|part| part["components"].as_array().into_iter().flatten());
    let all: Vec<&Value> = parts.iter().chain(inner).collect();
    let mut refs: Vec<&str> = all.iter().map(|part| part["bom-ref"].as_str().expect("a reference")).collect();
    let count = refs.len();
    refs.sort_unstable();
    refs.dedup();
    assert_eq!(refs.len(), count, "references are unique");
    for part in &all {
        assert!(
            part["name"].is_string()
                && ["application", "container", "file", "library"]
                    .contains(&part["type"].as_str().expect("a type"))
        );
        assert!(part["purl"].as_str().expect("a package URL").starts_with("pkg:"), "{part}");
    }
    for part in parts {
        let hash = &part["hashes"][0];
        assert_eq!((&hash["alg"], hash["content"].as_str().expect("a hash").len()), (&"SHA-256".into(), 64));
    }
    assert!(all.iter().any(|part| part["purl"] == "pkg:npm/a@1.0.0"), "packages of the project's image");
}

/// Copies the manifest of the other platform, found in the pinned index, from a mirror of the registry.
#[test]
fn published_images_for_another_platform_are_copied_from_a_mirror() {
    let other = if arch() == "amd64" { "arm64" } else { "amd64" };
    let (machine, served) = with_registry(machine());
    let mut published: toml::Table = read(&root().join("manifests/images.toml")).parse().expect("TOML");
    let images = [("node", "mirrored/kindest/node"), ("registry", "mirrored/library/registry")];
    let mut copied = Vec::new();
    for (name, repository) in images {
        let (index, digest) = registry::index(&served, repository, [arch(), other]);
        published[name]["digest"] = index.into();
        copied.push((format!("image-{name}"), digest));
    }
    // No addons, so that no other image is needed.
    let mut profile: toml::Table = read(&root().join("profiles/kind.toml")).parse().expect("TOML");
    profile.insert("addons".to_owned(), toml::Value::Array(Vec::new()));
    let machine = machine
        .file("plain.toml", &toml::to_string(&profile).expect("TOML"))
        .file("application.toml", PROJECT.split("[[").next().expect("a part without images"))
        // Nothing is downloaded to be compiled instead.
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .file("manifests/images.toml", &toml::to_string(&published).expect("TOML"));
    let mirror = format!("docker.io={}/mirrored", served.authority());
    let create = ["bundle", "create", "b", "--profile", "plain.toml", "--registry-mirror", &mirror];
    let platforms = [format!("linux/{other}"), format!("darwin/{other}")];
    // Both platforms use the same images. The mirror has tools for one of them if `other` is amd64.
    let platforms = if other == "arm64" { &platforms[..] } else { &platforms[..1] };
    let platforms: Vec<&str> = platforms.iter().flat_map(|platform| ["--platform", platform]).collect();
    machine.run(&[&create[..], &platforms].concat()).exits(0);
    let json = machine.run(&["bundle", "inspect", "b", "--output", "json"]).exits(0).json();
    for (name, digest) in copied {
        let mut entries = json["entries"].as_array().expect("entries").iter();
        let entry = entries.find(|entry| entry["name"] == *name).expect("an entry");
        assert_eq!(
            (&entry["platform"], &entry["image_id"]),
            (&format!("linux/{other}").into(), &digest.into())
        );
    }
}

#[test]
fn all_that_cannot_be_had_for_another_platform_is_told_at_once() {
    // No addons: compiling their images for other platforms takes minutes and a network.
    let mut profile: toml::Table = read(&root().join("profiles/kind.toml")).parse().expect("TOML");
    profile.insert("addons".to_owned(), toml::Value::Array(Vec::new()));
    let machine = machine().file("plain.toml", &toml::to_string(&profile).expect("TOML"));
    let (machine, _served) = with_registry(machine);
    let machine = machine.env("HTTPS_PROXY", "http://127.0.0.1:1");
    let other = if arch() == "amd64" { "linux/arm64" } else { "linux/amd64" };
    let screen =
        machine.run(&["bundle", "create", "b.tar", "--profile", "plain.toml", "--platform", other]).exits(3);
    let screen =
        screen.err_has("cannot provide 3 artifacts of the bundle").err_has(&format!("on a {other} machine"));
    let help = format!("help: todo-bootstrap bundle create --tools-only --platform {other} PATH");
    let screen = screen.err_has(&help).err_has(&format!("a build runs programs of its platform, {other}"));
    for name in
        ["image `node`", "image `registry`", "image `web`: this machine builds the images of shop for"]
    {
        assert!(screen.stderr.contains(&format!("{other}: {name}")), "{name}: {screen}");
    }
    assert!(!machine.path("work/b.tar").exists());
    let left = fs::read_dir(machine.path("cache")).expect("the cache");
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name().into_string().expect("text")).collect();
    assert!(left.iter().all(|name| !name.starts_with(".bundling")), "{left:?}");
}
