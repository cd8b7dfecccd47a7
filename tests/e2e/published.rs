//! What a private internet publishes for a laptop: stand-ins for the published tools and images, which this
//! machine built from source, under test pins.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use toml::Table;

use crate::bed::{Bed, read_toml};
use crate::internet::{Content, Image, Source};
use crate::laptop_root::tool_cache;
use crate::pack;

const TOOLS: [&str; 3] = ["kubectl", "helm", "kind"];

/// The stand-ins, and the files that name their digests.
pub struct Published {
    pub content: Content,
    /// `pins/<tool>/pin.toml`, and `project/manifests/images.toml`.
    pub files: PathBuf,
    /// The URLs of tools, and the references of images without their digests, by name.
    pub places: BTreeMap<String, String>,
}

impl Published {
    /// Tools and images; those of registry `mirrored.0` are at `mirrored.1` instead.
    pub fn new(bed: &Bed, mirrored: Option<(&str, &str)>) -> Self {
        let files = bed.dir.join("published");
        let _ = std::fs::remove_dir_all(&files);
        let mut published = Self { content: Content::default(), files, places: BTreeMap::new() };
        published.tools(bed);
        published.images(bed, mirrored);
        published
    }

    fn tools(&mut self, bed: &Bed) {
        let arch = arch();
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
            platform.insert("size".to_owned(), number(bytes.len() as u64));
            self.content.file(&url, Source::file(&file));
            self.places.insert(name.to_owned(), url);
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

    fn images(&mut self, bed: &Bed, mirrored: Option<(&str, &str)>) {
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
            let place =
                mirrored.map_or_else(|| reference.clone(), |(from, to)| reference.replacen(from, to, 1));
            self.places.insert(name.clone(), reference);
            let sizes = Table::from_iter([(format!("linux/{}", arch()), number(image.size()))]);
            pin.insert("sizes".to_owned(), sizes.into());
            pin.insert("digest".to_owned(), self.content.image(&place, image).into());
            published.insert(name.clone());
        }
        assert!(published.contains("node") && published.contains("postgres"), "{published:?}");
        self.write("project/manifests/images.toml", &pins);
    }

    /// Publishes a release of the program in the repository `page`.
    pub fn program(&mut self, bed: &Bed, page: &str) {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let (program, version) = (Path::new(env!("CARGO_BIN_EXE_todo-bootstrap")), env!("CARGO_PKG_VERSION"));
        let out = self.files.join("release");
        pack::pack(&bed.root, program, version, &target, Some(page), &out).expect("a release");
        for folder in ["latest/download".to_owned(), format!("download/v{version}")] {
            for entry in std::fs::read_dir(out.join(&folder)).expect("the release").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.content.file(&format!("{page}/releases/{folder}/{name}"), Source::file(&entry.path()));
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

/// As pins spell it.
fn arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn number(bytes: u64) -> toml::Value {
    i64::try_from(bytes).expect("a size").into()
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
