//! Images with one layer, written as a docker-archive without an engine: the same files give the same bytes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::Source;
use super::recipe::{IMAGE_TAR, Layers};
use crate::error::{Error, Result};
use crate::files::{hex, sha256};
use crate::images::INPUTS_LABEL;
use crate::task::Task;

/// kubeadm's manifests name programs without a path.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where programs of Go look for authorities first.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The bundle of authorities of the system at `root`.
pub fn authorities(root: &Path) -> Option<PathBuf> {
    let places = [AUTHORITIES, "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem"];
    places.iter().map(|place| root.join(place)).find(|path| path.is_file())
}

/// A file of the layer.
struct Member {
    path: String,
    content: Content,
    mode: u32,
}

enum Content {
    File(PathBuf),
    Text(String),
}

impl Member {
    fn append(&self, tar: &mut Builder<&mut dyn Write>) -> std::io::Result<()> {
        let mut append = |size: u64, from: &mut dyn Read| {
            tar.append_data(&mut header(EntryType::Regular, self.mode, size), &self.path, from)
        };
        match &self.content {
            Content::Text(text) => append(text.len() as u64, &mut text.as_bytes()),
            Content::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                append(size, &mut file.take(size))
            }
        }
    }
}

impl Source {
    /// Writes the archive to `out` and returns the image's id.
    pub(super) fn build_layers(
        &self,
        task: &Task<'_>,
        layers: &Layers,
        inputs: &str,
        out: &Path,
    ) -> Result<String> {
        let outputs = self.outputs(&layers.files)?;
        let program = |(path, from): (&str, PathBuf)| Member {
            path: path.to_owned(),
            content: Content::File(from),
            mode: 0o755,
        };
        let mut members: Vec<Member> = outputs.into_iter().map(program).collect();
        members.extend(layers.texts.iter().map(|(path, text)| Member {
            path: path.clone(),
            content: Content::Text(text.clone()),
            mode: 0o644,
        }));
        if layers.ca_certificates {
            let from = authorities(Path::new("/")).ok_or_else(|| {
                Error::host("this machine has no bundle of certificate authorities")
                    .help("apt-get install ca-certificates")
            })?;
            members.push(Member { path: AUTHORITIES.to_owned(), content: Content::File(from), mode: 0o644 });
        }
        members.sort_by(|a, b| a.path.cmp(&b.path));
        task.say(format!("write {}", layers.tag));
        write(&members, &config(layers, inputs, self.facts.arch.name()), &layers.tag, &out.join(IMAGE_TAR))
    }
}

/// The image's configuration, without its layer.
fn config(layers: &Layers, inputs: &str, arch: &str) -> Value {
    let list = |list: &[String]| if list.is_empty() { Value::Null } else { json!(list) };
    let set: Vec<String> = layers.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let env: Vec<&str> = [PATH].into_iter().chain(set.iter().map(String::as_str)).collect();
    json!({
        "architecture": arch,
        "os": "linux",
        "created": EPOCH,
        "config": {
            "Env": env,
            "Entrypoint": list(&layers.entrypoint),
            "Cmd": list(&layers.cmd),
            "User": layers.user,
            "WorkingDir": "/",
            "Labels": { INPUTS_LABEL: inputs },
        },
        "history": [{ "created": EPOCH, "created_by": "todo-bootstrap" }],
    })
}

/// Writes a docker-archive and returns the id of its image.
fn write(members: &[Member], config: &Value, tag: &str, to: &Path) -> Result<String> {
    // Twice over the same files: an archive wants the layer's size before the layer.
    let mut hashed = Hashed { hasher: Sha256::new(), size: 0 };
    layer(members, &mut hashed)?;
    let diff = hex(&hashed.hasher.finalize());
    let mut config = config.clone();
    config["rootfs"] = json!({ "type": "layers", "diff_ids": [format!("sha256:{diff}")] });
    let config = config.to_string();
    let id = sha256(config.as_bytes());
    let manifest = json!([{
        "Config": format!("{id}.json"),
        "RepoTags": [tag],
        "Layers": [format!("{diff}.tar")],
    }]);
    let failed = |e: std::io::Error| Error::io("write", to, &e);
    let file = File::create(to).map_err(failed)?;
    let mut archive = Builder::new(BufWriter::with_capacity(1 << 20, file));
    text(&mut archive, &format!("{id}.json"), &config).map_err(failed)?;
    let mut header = header(EntryType::Regular, 0o644, hashed.size);
    header.set_path(format!("{diff}.tar")).map_err(failed)?;
    header.set_cksum();
    archive.get_mut().write_all(header.as_bytes()).map_err(failed)?;
    // A layer is a tar, so a whole number of blocks: nothing to pad.
    layer(members, archive.get_mut())?;
    text(&mut archive, "manifest.json", &manifest.to_string()).map_err(failed)?;
    archive.into_inner().and_then(|mut inner| inner.flush()).map_err(failed)?;
    Ok(format!("sha256:{id}"))
}

/// Writes the layer: folders before what is in them, all of root, of no time.
fn layer(members: &[Member], to: &mut dyn Write) -> Result<()> {
    let mut tar = Builder::new(to);
    let mut folders = BTreeSet::new();
    for member in members {
        let failed = |e: std::io::Error| Error::io("add to an image", Path::new(&member.path), &e);
        for (at, _) in member.path.match_indices('/') {
            folder(&mut tar, &mut folders, &member.path[..at], 0o755).map_err(failed)?;
        }
        member.append(&mut tar).map_err(failed)?;
    }
    let end = |e: std::io::Error| Error::failed("cannot write an image's layer").because(e);
    folder(&mut tar, &mut folders, "tmp", 0o1777).map_err(end)?;
    tar.into_inner().map(drop).map_err(end)
}

fn folder(
    tar: &mut Builder<&mut dyn Write>,
    known: &mut BTreeSet<String>,
    path: &str,
    mode: u32,
) -> std::io::Result<()> {
    if known.insert(path.to_owned()) {
        let mut header = header(EntryType::Directory, mode, 0);
        tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
    }
    Ok(())
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn text<W: Write>(archive: &mut Builder<W>, path: &str, text: &str) -> std::io::Result<()> {
    let mut header = header(EntryType::Regular, 0o644, text.len() as u64);
    archive.append_data(&mut header, path, text.as_bytes())
}

/// Hashes and counts what is written to it.
struct Hashed {
    hasher: Sha256,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        Layers {
            tag: "localhost/t:1".to_owned(),
            entrypoint: vec!["/usr/bin/a".to_owned()],
            cmd: Vec::new(),
            user: "1:1".to_owned(),
            env: [("A".to_owned(), "b".to_owned())].into(),
            files: std::collections::BTreeMap::new(),
            texts: std::collections::BTreeMap::new(),
            ca_certificates: false,
        }
    }

    /// Writes an image of two files that lie in `dir`; its id and bytes.
    fn image(dir: &Path) -> (String, Vec<u8>) {
        let long = "b".repeat(120);
        let programs =
            [("usr/bin/a", "program a"), (&format!("usr/{long}"), "program b")].map(|(path, text)| {
                let from = dir.join(path.len().to_string());
                std::fs::write(&from, text).unwrap();
                Member { path: path.to_owned(), content: Content::File(from), mode: 0o755 }
            });
        let text = Content::Text("a: b\n".to_owned());
        let text = Member { path: "usr/etc/a.yml".to_owned(), content: text, mode: 0o644 };
        let members: Vec<Member> = programs.into_iter().chain([text]).collect();
        let to = dir.join("image.tar");
        let id = write(&members, &config(&layers(), "inputs", "amd64"), "localhost/t:1", &to).unwrap();
        (id, std::fs::read(to).unwrap())
    }

    /// Path → (mode, content) of a tar, in its order.
    fn read(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
            let mode = header.mode().unwrap();
            (String::from_utf8_lossy(&entry.path_bytes()).into_owned(), mode, content)
        };
        archive.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = image(one.path());
        assert_eq!(first, image(two.path()));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(first, image(one.path()), "the time is in it");
    }

    #[test]
    fn an_archive_is_as_engines_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let (id, bytes) = image(dir.path());
        let members = read(&bytes);
        let names: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
        let content = |name: &str| &members.iter().find(|(n, ..)| n == name).unwrap().2;
        let manifest: Value = serde_json::from_slice(content("manifest.json")).unwrap();
        assert_eq!(manifest[0]["RepoTags"], json!(["localhost/t:1"]));
        let (config_name, layer_name) =
            (manifest[0]["Config"].as_str().unwrap(), manifest[0]["Layers"][0].as_str().unwrap());
        assert_eq!(names, [config_name, layer_name, "manifest.json"]);
        assert_eq!(format!("sha256:{}", sha256(content(config_name))), id);
        let config: Value = serde_json::from_slice(content(config_name)).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", sha256(content(layer_name)))]));
        assert_eq!(config["config"]["Env"], json!([PATH, "A=b"]));
        assert_eq!((&config["config"]["Cmd"], &config["config"]["User"]), (&Value::Null, &json!("1:1")));
        let layer = read(content(layer_name));
        let shape: Vec<(String, u32)> = layer.iter().map(|(name, mode, _)| (name.clone(), *mode)).collect();
        let wanted = [("usr/", 0o755), ("usr/bin/", 0o755), ("usr/bin/a", 0o755)];
        assert_eq!(shape[..3], wanted.map(|(name, mode)| (name.to_owned(), mode)));
        assert_eq!(shape[3].0.len(), 124);
        let rest = [("usr/etc/", 0o755), ("usr/etc/a.yml", 0o644), ("tmp/", 0o1777)];
        assert_eq!(shape[4..], rest.map(|(name, mode)| (name.to_owned(), mode)));
        assert_eq!((&layer[2].2[..], &layer[5].2[..]), (&b"program a"[..], &b"a: b\n"[..]));
    }
}
