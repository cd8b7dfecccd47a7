//! An ordinary laptop: a user without root installs a release, and `up` works with published tools and
//! images only; those of one registry come from a mirror. The published files are stand-ins: what this machine built from source, under test pins.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use toml::Table;

use crate::bed::{Bed, read_toml};
use crate::http::Address;
use crate::internet::{ADDRESS, Authority, Content, Image, Internet, Source};
use crate::laptop::{Daemon, Laptop};
use crate::laptop_root::tool_cache;
use crate::laptop_scenes::Engine;
use crate::pack;
use crate::program::Run;

/// Everything is downloaded and unpacked, three images are built, on two processors.
const UP: Duration = Duration::from_secs(20 * 60);
const SHORT: Duration = Duration::from_secs(5 * 60);

/// The repository that publishes the program.
const PAGE: &str = "https://github.com/ada/todo";
/// A registry that does not exist here, and the mirror of its images.
const MIRRORED: &str = "registry.k8s.io";
const MIRROR: &str = "mirror.example/k8s";
const TOOLS: [&str; 3] = ["kubectl", "helm", "kind"];
/// Downloads may be repeated in part: one byte of this many.
const EXCESS: u64 = 50;

/// Docker for a user in the group docker, with nothing else than a Debian.
pub fn docker(bed: &Bed) {
    // The local registry, from which the stand-ins come, runs with the cluster.
    bed.up();
    let published = Published::new(bed);
    let size = published.content.size();
    let laptop = Laptop::boot(&bed.root, &bed.dir, Daemon::Docker, false, None);
    let internet = connect(&laptop, published.content);
    laptop.give(&bed.project, "todo");
    laptop.give(&published.files, "published");
    laptop.sh("cp -r ~/published/project/. ~/todo/").expect("the test's pins of images");
    for program in ["go", "cargo", "debootstrap", "sudo", "kubectl", "kind", "helm"] {
        assert!(laptop.sh(&format!("command -v {program}")).is_err(), "the laptop has {program}");
    }
    let before = (Engine::now(&laptop), laptop.written());

    let install = format!(
        "curl --silent --show-error --fail --location {PAGE}/releases/latest/download/install.sh | sh"
    );
    laptop.run(&install, SHORT).expect(0);
    show("doctor", &call(&laptop, "doctor", SHORT)).expect(0);
    let plan = show("plan", &call(&laptop, "plan", SHORT)).expect(0);
    assert!(!plan.stdout.contains("from source"), "`plan` wants to build:\n{}", plan.stdout);
    let up = call(&laptop, "up --yes --events json", UP).expect(0);
    println!("up: {:.1} s", up.took.as_secs_f64());
    show_requests(&internet, size);
    up.expect_said(&format!("copying {MIRROR}/metrics-server"));
    assert!(!up.said("from source"), "something was built from source:\n{}", up.tail(60));
    let address = Address::find(&up.stdout, &bed.app.hosts).expect("`up` ends with the address");
    println!("the application responds at {}:{}", address.host, address.port);
    call(&laptop, "check", SHORT).expect(0);
    crate::steady::expect_unchanged(&call(&laptop, "up --yes --events json", SHORT).expect(0));
    call(&laptop, "stop", SHORT).expect(0);
    call(&laptop, "start", SHORT).expect(0);
    call(&laptop, "check", SHORT).expect(0);
    call(&laptop, "down --purge --yes", SHORT).expect(0);
    let after = (Engine::now(&laptop), laptop.written());
    assert_eq!(after.0.without(&before.0), Engine::default(), "what `down --purge` left in the engine");
    assert_eq!(after.1.difference(&before.1).collect::<Vec<_>>(), [""; 0], "files outside the user's home");
    let left = laptop.sh("ls -A ~/.cache/todo-bootstrap ~/.local/state/todo-bootstrap 2>/dev/null; true");
    assert_eq!(left.expect("ls"), "", "what `down --purge` left in the home");
    let log = internet.log();
    let outside: Vec<&String> = log.unknown.keys().filter(|name| is_outside(name)).collect();
    assert_eq!(outside, [""; 0], "hosts that no pin names");
    let most = size + size / EXCESS;
    assert!(log.bytes <= most, "{} bytes were sent, of {size} that are published", log.bytes);
}

fn call(laptop: &Laptop, line: &str, limit: Duration) -> Run {
    let settings =
        format!("TODO_BOOTSTRAP_PINS=~/published/pins TODO_BOOTSTRAP_REGISTRY_MIRROR={MIRRORED}={MIRROR}");
    laptop.run(&format!("cd ~/todo && {settings} todo-bootstrap {line}"), limit)
}

fn show(what: &str, run: &Run) -> Run {
    println!("--- {what}\n{}\n{}", run.stdout, run.stderr);
    run.clone()
}

/// Whether a name can be that of a host on the internet: services of the cluster and random names, with which
/// the cluster's DNS looks for loops, are not.
fn is_outside(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    let last = labels.next().unwrap_or_default();
    labels.next().is_some()
        && !["local", "localhost", "internal"].contains(&last)
        && !last.chars().all(char::is_numeric)
}

fn show_requests(internet: &Internet, size: u64) {
    let log = internet.log();
    println!(
        "--- {} bytes of {size}; passed through: {:?}; unknown: {:?}",
        log.bytes, log.passed, log.unknown
    );
    for (request, count) in &log.requests {
        println!("{count:>4} {request}");
    }
}

/// Gives the laptop an address for all servers, their names, and their root certificate.
fn connect(laptop: &Laptop, content: Content) -> Internet {
    let authority = Authority::new();
    let line = format!(
        "ip address add {ADDRESS}/32 dev lo && echo nameserver {ADDRESS} >/etc/resolv.conf && \
         cat >>/etc/ssl/certs/ca-certificates.crt <<'END'\n{}END",
        authority.pem()
    );
    laptop.root(&line).expect("the laptop is connected");
    assert!(!laptop.has_way_out(), "the laptop is connected to something else");
    Internet::start(laptop.init(), content, &authority)
}

/// The stand-ins, and the files that name their digests.
struct Published {
    content: Content,
    /// `pins/<tool>/pin.toml`, and `project/manifests/images.toml`.
    files: PathBuf,
}

impl Published {
    fn new(bed: &Bed) -> Self {
        let files = bed.dir.join("published");
        let _ = std::fs::remove_dir_all(&files);
        let mut published = Self { content: Content::default(), files };
        published.tools(bed);
        published.images(bed);
        published.program(bed);
        published
    }

    fn tools(&mut self, bed: &Bed) {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        for name in TOOLS {
            let program = bed.call(&["tools", "path", name]).expect(0).stdout;
            let program = Path::new(program.trim());
            let mut pin = read_toml(&bed.root.join(format!("src/tools/{name}/pin.toml")));
            let text = |key: &str| pin.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            let version = text("version").expect("a version");
            let fill = |text: &str| {
                text.replace("{version}", &version).replace("{os}", "linux").replace("{arch}", arch)
            };
            let url = fill(&text("url").expect("a URL"));
            let file = match text("member") {
                Some(member) => self.pack(name, &fill(&member), program),
                None => program.to_owned(),
            };
            let bytes = std::fs::read(&file).expect("read a tool");
            let platform = table(&mut pin, &["platforms", &format!("linux/{arch}")]);
            platform.insert("sha256".to_owned(), hex(&bytes).into());
            platform.remove("size");
            self.content.file(&url, Source::file(&file));
            self.write(&format!("pins/{name}/pin.toml"), &pin);
        }
    }

    /// An archive as it is published, with the program as `member`.
    fn pack(&self, name: &str, member: &str, program: &Path) -> PathBuf {
        let path = self.files.join(format!("files/{name}.tar.gz"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        let file = std::fs::File::create(&path).expect("create an archive");
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        archive.append_path_with_name(program, member).expect("pack a tool");
        archive.into_inner().and_then(GzEncoder::finish).expect("pack a tool");
        path
    }

    fn images(&mut self, bed: &Bed) {
        let mut pins = read_toml(&bed.root.join("manifests/images.toml"));
        let record = tool_cache().join("registry.json");
        let record: Value =
            serde_json::from_slice(&std::fs::read(&record).expect("a registry")).expect("JSON");
        let registry = format!("127.0.0.1:{}", record["port"]);
        let mut published = BTreeSet::new();
        for (name, pin) in &mut pins {
            let pin = pin.as_table_mut().expect("a pin");
            let image = if name == "registry" { Some(registry_image()) } else { built(&registry, name) };
            // minikube's node, without a cluster of minikube.
            let Some(image) = image else { continue };
            let reference = pin["image"].as_str().expect("a reference").to_owned();
            let place = reference.replacen(MIRRORED, MIRROR, 1);
            pin.insert("digest".to_owned(), self.content.image(&place, image).into());
            published.insert(name.clone());
        }
        assert!(published.contains("node") && published.contains("postgres"), "{published:?}");
        self.write("project/manifests/images.toml", &pins);
    }

    fn program(&mut self, bed: &Bed) {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let (program, version) = (Path::new(env!("CARGO_BIN_EXE_todo-bootstrap")), env!("CARGO_PKG_VERSION"));
        let out = self.files.join("release");
        pack::pack(&bed.root, program, version, &target, Some(PAGE), &out).expect("a release");
        for folder in ["latest/download".to_owned(), format!("download/v{version}")] {
            for entry in std::fs::read_dir(out.join(&folder)).expect("the release").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.content.file(&format!("{PAGE}/releases/{folder}/{name}"), Source::file(&entry.path()));
            }
        }
    }

    fn write(&self, name: &str, table: &Table) {
        let path = self.files.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        std::fs::write(path, toml::to_string(table).expect("TOML")).expect("write a file");
    }
}

fn table<'a>(table: &'a mut Table, path: &[&str]) -> &'a mut Table {
    path.iter().fold(table, |table, key| table[*key].as_table_mut().expect("a table"))
}

/// The image that this machine built and pushed to its registry; `None` if it did not.
fn built(registry: &str, name: &str) -> Option<Image> {
    let record = std::fs::read(tool_cache().join(format!("images/{name}.json"))).ok()?;
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let stored = &record["stored"];
    let repository = stored["repository"].as_str().expect("a repository");
    let digest = stored["digest"].as_str().expect("a digest");
    let mut stream = TcpStream::connect(registry).expect("the local registry");
    let accept =
        "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    write!(
        stream,
        "GET /v2/{repository}/manifests/{digest} HTTP/1.1\r\nHost: {registry}\r\nAccept: {accept}\r\n\
         Connection: close\r\n\r\n"
    )
    .expect("ask the local registry");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an HTTP answer") + 4;
    let manifest = answer.split_off(body);
    assert_eq!(format!("sha256:{}", hex(&manifest)), digest, "{}", String::from_utf8_lossy(&manifest));
    let parsed: Value = serde_json::from_slice(&manifest).expect("a manifest");
    let layers = parsed["layers"].as_array().expect("layers").iter();
    let blobs = layers.chain([&parsed["config"]]).map(|blob| {
        let digest = blob["digest"].as_str().expect("a digest").to_owned();
        let path = format!("/v2/{repository}/blobs/{digest}");
        let size = blob["size"].as_u64().expect("a size");
        (digest, Source::Registry { authority: registry.to_owned(), path, size })
    });
    Some(Image { blobs: blobs.collect(), manifest })
}

/// The registry's own image, from the archive in the cache (the format of `docker save`).
fn registry_image() -> Image {
    let folders = std::fs::read_dir(tool_cache().join("artifacts")).expect("the cache").flatten();
    let is_registry = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("image-registry-"))
    };
    let folder = folders.map(|entry| entry.path()).find(is_registry).expect("the registry's image");
    let path = folder.join("image.tar");
    let mut archive = tar::Archive::new(std::fs::File::open(&path).expect("its archive"));
    let (mut blobs, mut config, mut layers) = (BTreeMap::new(), Value::Null, Vec::new());
    for member in archive.entries().expect("members") {
        let mut member = member.expect("a member");
        let name = member.path().expect("a name").to_string_lossy().into_owned();
        let (offset, size) = (member.raw_file_position(), member.size());
        let Some((hex, kind)) = name.split_once('.').filter(|(hex, _)| hex.len() == 64) else { continue };
        let digest = format!("sha256:{hex}");
        blobs.insert(digest.clone(), Source::File { path: path.clone(), offset, size });
        let media = if kind == "json" { "config.v1+json" } else { "layer.v1.tar" };
        let descriptor = serde_json::json!({
            "mediaType": format!("application/vnd.oci.image.{media}"), "digest": digest, "size": size,
        });
        if kind == "json" {
            config = descriptor;
        } else {
            layers.push(descriptor);
        }
        std::io::copy(&mut member, &mut std::io::sink()).expect("skip a member");
    }
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers,
    });
    Image { manifest: manifest.to_string().into_bytes(), blobs }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
