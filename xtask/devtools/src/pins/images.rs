//! Pins of published images: compares them with their registries, and creates new ones.

use std::path::PathBuf;

use todo_bootstrap::config::Versions;
use todo_bootstrap::data::Data;
use todo_bootstrap::files::write_atomic;
use todo_bootstrap::pins::{Images, PublishedImage, Support};
use toml_edit::{DocumentMut, value};

use super::published::{Published, Site};
use super::registry::Found;
use super::{Tally, Verify, Whence};
use crate::shell::{Result, root};

/// Every image must exist for these platforms.
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

impl Whence {
    /// The file with the pins of images, if there is one.
    fn images(&self) -> Option<PathBuf> {
        let file = match &self.pins {
            Some(dir) => dir.join("images.toml"),
            None => root().join("manifests/images.toml"),
        };
        file.is_file().then_some(file)
    }
}

/// Parses the images, with the versions and support dates of this checkout.
fn parse(file: &str, text: &str) -> Result<Images> {
    let data = Data::new(Some(root()));
    let parsed = Support::load(&data).and_then(|support| {
        Versions::load(&data).and_then(|versions| Images::parse(file, text, &support, &versions))
    });
    parsed.map_err(|error| error.to_string())
}

fn read(file: &PathBuf) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The names of all images.
pub(super) fn names(whence: &Whence) -> Result<Vec<String>> {
    let Some(file) = whence.images() else { return Ok(Vec::new()) };
    let images = parse(&file.display().to_string(), &read(&file)?)?;
    Ok(images.iter().map(|image| image.name.clone()).collect())
}

/// Queries the registry of each image that `wanted` accepts.
pub(super) fn compare(
    options: &Verify,
    site: &Site,
    tally: &mut Tally,
    wanted: &dyn Fn(&str) -> bool,
) -> Result {
    let Some(file) = options.whence.images() else { return Ok(()) };
    let images = parse(&file.display().to_string(), &read(&file)?)?;
    for image in images.iter().filter(|image| wanted(&image.name)) {
        let what = format!("image {} {}", image.name, image.version);
        tally.note(&format!("{what}, digest"), served(site, image));
        if options.files {
            let index = site.manifest(image, &image.digest, true);
            tally.note(&format!("{what}, index"), index.and_then(|found| is_index(image, found)));
        }
    }
    Ok(())
}

/// Whether the registry has the pinned digest. A tag moves when an image is rebuilt with the same
/// version; the pinned digest stays available.
fn served(site: &Site, image: &PublishedImage) -> Published<String> {
    let tag = &image.tag;
    site.manifest(image, tag, false).and_then(|found| {
        let moved = match found {
            Found::Is(digest, _) if digest == image.digest => {
                return Published::Is(format!("{tag} has this digest"));
            }
            Found::Is(digest, _) => format!("{tag} now refers to {digest}"),
            Found::Nothing => format!("{tag} is gone"),
        };
        site.manifest(image, &image.digest, false).and_then(|found| match found {
            Found::Is(..) => Published::Is(format!("{moved}; the pinned digest is still available")),
            Found::Nothing if site.mirror.is_some() => {
                Published::Unknown(format!("the mirror does not have it; {moved}"))
            }
            Found::Nothing => Published::Wrong(format!("{} is no longer available; {moved}", image.digest)),
        })
    })
}

/// Whether the index has the pinned digest and an image for every supported platform.
fn is_index(image: &PublishedImage, found: Found) -> Published<String> {
    let Found::Is(digest, body) = found else {
        return Published::Wrong(format!("{} is no longer available", image.digest));
    };
    if digest != image.digest {
        return Published::Wrong(format!("the content of {} has the digest {digest}", image.digest));
    }
    match platforms(&body) {
        Ok(platforms) => Published::Is(format!("for {}", platforms.join(", "))),
        Err(why) => Published::Wrong(why),
    }
}

/// The platforms of an index, if it contains all of [`PLATFORMS`].
fn platforms(body: &[u8]) -> Result<Vec<String>> {
    let index: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let manifests = index["manifests"].as_array().ok_or("it is no index of several platforms")?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<String> = manifests
        .iter()
        .map(|manifest| &manifest["platform"])
        .map(|platform| format!("{}/{}", text(&platform["os"]), text(&platform["architecture"])))
        // The index may also contain attestations.
        .filter(|platform| !platform.contains("unknown"))
        .collect();
    all.dedup();
    match PLATFORMS.iter().find(|wanted| !all.iter().any(|platform| platform == *wanted)) {
        Some(missing) => Err(format!("it has no image for {missing}, only for {}", all.join(", "))),
        None => Ok(all),
    }
}

/// Pins `version` of an image: replaces the version in the tag, and sets the digest of the index under
/// the new tag. Nothing is written if the index lacks a platform.
pub(super) fn update(name: &str, version: &str, whence: &Whence) -> Result<PathBuf> {
    let file = whence.images().ok_or("there is no images.toml")?;
    let shown = file.display().to_string();
    let text = read(&file)?;
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{shown}: {error}"))?;
    let images = parse(&shown, &text)?;
    let old = images.get(name).ok_or_else(|| format!("{shown} has no image `{name}`"))?;
    let place = format!("{}/{}:{}", old.registry, old.repository, old.tag.replacen(&old.version, version, 1));
    document[name]["image"] = value(&place);
    document[name]["version"] = value(version);
    // The reference with the new version and the old digest.
    let images = parse(&shown, &document.to_string())?;
    let new = images.get(name).ok_or("it is gone")?;
    if new.tag == old.tag && version != old.version {
        return Err(format!("{shown}: the tag {} does not contain the version {}", old.tag, old.version));
    }
    let site = Site::new(whence.mirror.as_deref())?;
    let not = |why: String| format!("{name} {version} was not pinned: {why}");
    let (digest, body) = match site.manifest(new, &new.tag, true) {
        Published::Is(Found::Is(digest, body)) => (digest, body),
        Published::Is(Found::Nothing) => return Err(not(format!("{place} does not exist"))),
        Published::Unknown(why) => return Err(not(format!("not verified online: {why}"))),
        Published::Wrong(why) => return Err(not(why)),
    };
    println!("{name} {version}: {digest} for {}", platforms(&body).map_err(not)?.join(", "));
    document[name]["digest"] = value(&digest);
    // Both sources are the registry itself; the reviewer of the change must find another one.
    let host = new.host().to_owned();
    let sources = [format!("the tag {} on {host}", new.tag), format!("the index itself on {host}, hashed")];
    document[name]["sources"] = value(sources.into_iter().collect::<toml_edit::Array>());
    // They are of the old digest.
    document[name].as_table_mut().map(|image| image.remove("sizes"));
    let text = document.to_string();
    parse(&shown, &text)?;
    write_atomic(&file, text.as_bytes(), 0o644).map_err(|error| error.to_string())?;
    Ok(file)
}
