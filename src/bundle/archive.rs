//! Images' archives in one form: engines write one image in many ways, and with the time of day.
//!
//! The form is the oldest that `docker load`, podman and `ctr images import` take: configuration,
//! layers, list. It follows from the image alone, so the same image gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::json;

use super::layout::{END, append, zeros};
use crate::error::{Error, Result};
use crate::fetch::{sha256, sha256_stream};

/// Lists and configurations are text of some kilobytes.
const TEXT: u64 = 16 << 20;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageArchive {
    /// `sha256:…` of its configuration.
    pub id: String,
    /// `linux/amd64`.
    pub platform: String,
}

/// One image of an archive's list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What is read of an image's configuration.
#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// Writes the image `reference` of the archive `from` to `to` in our form, with every layer held
/// against the configuration.
pub fn rewrite(from: &Path, reference: &str, to: &Path) -> Result<ImageArchive> {
    let archive = Archive::open(from)?;
    let list = archive.text("manifest.json")?;
    let list: Vec<Listed> = serde_json::from_slice(&list).map_err(|e| archive.bad(e))?;
    let named = |image: &&Listed| {
        image
            .repo_tags
            .iter()
            .flatten()
            .any(|tag| tag == reference || tag.ends_with(&format!("/{reference}")))
    };
    let image = match list.as_slice() {
        [only] => only,
        many => many.iter().find(named).ok_or_else(|| archive.bad(format!("it holds no {reference}")))?,
    };
    let text = archive.text(&image.config)?;
    let config: Config = serde_json::from_slice(&text).map_err(|e| archive.bad(e))?;
    let ids = &config.rootfs.diff_ids;
    if ids.len() != image.layers.len() {
        return Err(archive.bad("its list and its configuration tell different layers"));
    }
    let mut sizes = BTreeMap::new();
    for (id, layer) in ids.iter().zip(&image.layers) {
        let (got, size) = sha256_stream(archive.layer(layer)?).map_err(|e| archive.bad(e))?;
        if format!("sha256:{got}") != *id {
            return Err(archive.bad(format!("layer {layer} has sha256 {got}, not {id}")));
        }
        sizes.insert(got, (layer.clone(), size));
    }
    let id = sha256(&text);
    let writing = |e: std::io::Error| Error::io("write", to, &e);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to).map_err(writing)?);
    append(&mut out, &format!("{id}.json"), 0o644, text.len() as u64, &mut &text[..])?.map_err(writing)?;
    let names = ids.iter().filter_map(|id| id.strip_prefix("sha256:")).collect::<Vec<_>>();
    let mut written = BTreeSet::new();
    for name in names.iter().filter(|name| written.insert(**name)) {
        let Some((layer, size)) = sizes.get(*name) else { continue };
        append(&mut out, &format!("{name}.tar"), 0o644, *size, &mut archive.layer(layer)?)?
            .map_err(writing)?;
    }
    let layers: Vec<String> = names.iter().map(|name| format!("{name}.tar")).collect();
    let list =
        json!([{ "Config": format!("{id}.json"), "RepoTags": [reference], "Layers": layers }]).to_string();
    append(&mut out, "manifest.json", 0o644, list.len() as u64, &mut list.as_bytes())?.map_err(writing)?;
    zeros(&mut out, END).and_then(|()| out.flush()).map_err(writing)?;
    Ok(ImageArchive {
        id: format!("sha256:{id}"),
        platform: format!("{}/{}", config.os, config.architecture),
    })
}

/// Where things stand in an archive.
enum Place {
    /// From this byte on, so many.
    At(u64, u64),
    /// As older engines write a layer that two images share.
    Link(String),
}

struct Archive<'a> {
    path: &'a Path,
    file: File,
    places: BTreeMap<String, Place>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, &e))?;
        let mut archive = Self { path, file, places: BTreeMap::new() };
        let places = archive.places().map_err(|e| archive.bad(e))?;
        archive.places = places;
        Ok(archive)
    }

    fn places(&self) -> std::io::Result<BTreeMap<String, Place>> {
        let mut places = BTreeMap::new();
        let mut tar = tar::Archive::new(BufReader::new(&self.file));
        for entry in tar.entries_with_seek()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_file() {
                places.insert(name, Place::At(entry.raw_file_position(), entry.size()));
            } else if let Some(target) =
                entry.link_name_bytes().filter(|_| kind.is_symlink() || kind.is_hard_link())
            {
                let target = String::from_utf8_lossy(&target).into_owned();
                let target = if kind.is_symlink() { beside(&name, &target) } else { target };
                places.insert(name, Place::Link(target));
            }
        }
        Ok(places)
    }

    fn bad(&self, why: impl std::fmt::Display) -> Error {
        Error::failed(format!("{} is no image's archive that can be used", self.path.display())).because(why)
    }

    fn find(&self, name: &str) -> Result<(u64, u64)> {
        let found = match self.places.get(name) {
            Some(Place::Link(target)) => self.places.get(target),
            found => found,
        };
        match found {
            Some(Place::At(from, size)) => Ok((*from, *size)),
            _ => Err(self.bad(format!("it holds no {name}"))),
        }
    }

    fn part(&self, name: &str) -> Result<impl Read + use<'_>> {
        let (from, size) = self.find(name)?;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from)).map_err(|e| Error::io("read", self.path, &e))?;
        Ok(BufReader::with_capacity(1 << 20, file).take(size))
    }

    fn text(&self, name: &str) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let read = self.part(name)?.take(TEXT).read_to_end(&mut text);
        read.map_err(|e| Error::io("read", self.path, &e))?;
        Ok(text)
    }

    /// A layer as it was before somebody packed it.
    fn layer(&self, name: &str) -> Result<Box<dyn Read + Send + '_>> {
        let mut magic = [0; 2];
        let packed = self.part(name)?.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        let part = self.part(name)?;
        Ok(if packed { Box::new(GzDecoder::new(part)) } else { Box::new(part) })
    }
}

/// A link's target as a path from the archive's top: `a/layer.tar` → `../b/layer.tar`.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive as an engine would write it: in any order, of any time, its layers packed or not.
    fn archive(dir: &Path, name: &str, turned: bool, packed: bool) -> std::path::PathBuf {
        let layers = [b"layer one".to_vec(), b"layer two".to_vec()];
        let ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
        let config =
            json!({ "architecture": "amd64", "os": "linux", "rootfs": { "diff_ids": ids } }).to_string();
        let names = ["blobs/one/layer.tar", "blobs/two/layer.tar"];
        let list =
            json!([{ "Config": "c.json", "RepoTags": ["docker.io/app:1"], "Layers": names }]).to_string();
        let pack = |bytes: &Vec<u8>| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(bytes).unwrap();
            gzip.finish().unwrap()
        };
        let mut files = vec![("c.json", config.into_bytes()), ("manifest.json", list.into_bytes())];
        for (name, layer) in names.iter().zip(&layers) {
            files.push((name, if packed { pack(layer) } else { layer.clone() }));
        }
        if turned {
            files.reverse();
        }
        let path = dir.join(name);
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mtime(u64::from(turned) * 1_700_000_000);
            header.set_mode(if turned { 0o600 } else { 0o644 });
            tar.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        tar.finish().unwrap();
        path
    }

    #[test]
    fn one_image_has_one_form() {
        let dir = tempfile::tempdir().unwrap();
        let mut forms = BTreeSet::new();
        for (index, (turned, packed)) in
            [(false, false), (true, false), (false, true), (true, true)].into_iter().enumerate()
        {
            let from = archive(dir.path(), &format!("{index}.tar"), turned, packed);
            let to = dir.path().join(format!("{index}.out"));
            let image = rewrite(&from, "app:1", &to).unwrap();
            assert_eq!(image.platform, "linux/amd64");
            // What we wrote is in our form.
            let again = dir.path().join(format!("{index}.again"));
            assert_eq!(rewrite(&to, "app:1", &again).unwrap(), image);
            let bytes = std::fs::read(&to).unwrap();
            assert_eq!(std::fs::read(again).unwrap(), bytes);
            forms.insert(bytes);
        }
        assert_eq!(forms.len(), 1);
    }

    #[test]
    fn a_layer_that_is_not_the_configurations_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let from = archive(dir.path(), "a.tar", false, false);
        let bytes = std::fs::read(&from).unwrap();
        let at = bytes.windows(9).position(|part| part == b"layer two").unwrap();
        std::fs::write(&from, [&bytes[..at], b"layer 2wo", &bytes[at + 9..]].concat()).unwrap();
        let error = rewrite(&from, "app:1", &dir.path().join("out")).unwrap_err().to_string();
        assert!(error.contains("blobs/two/layer.tar has sha256"), "{error}");
    }

    #[test]
    fn a_shared_layer_is_found_behind_its_link() {
        assert_eq!(beside("a/layer.tar", "../b/layer.tar"), "b/layer.tar");
        assert_eq!(beside("layer.tar", "./b/layer.tar"), "b/layer.tar");
    }
}
