//! The pins of published images: held against their registries, and made anew.

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

/// Every image has to be there for these.
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

/// The images in the file's text, against the versions and the support of this checkout.
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

/// Asks the registry of each image that `wanted` allows.
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

/// Whether the registry has what is pinned. A tag moves on when an image is built anew with the same
/// version; what is pinned stays there, and is found by its digest.
fn served(site: &Site, image: &PublishedImage) -> Published<String> {
    let tag = &image.tag;
    site.manifest(image, tag, false).and_then(|found| {
        let moved = match found {
            Found::Is(digest, _) if digest == image.digest => {
                return Published::Is(format!("is what {tag} names"));
            }
            Found::Is(digest, _) => format!("{tag} names {digest} by now"),
            Found::Nothing => format!("{tag} is gone"),
        };
        site.manifest(image, &image.digest, false).and_then(|found| match found {
            Found::Is(..) => Published::Is(format!("{moved}; what is pinned is still served")),
            Found::Nothing if site.mirror.is_some() => {
                Published::Unknown(format!("the mirror does not have it; {moved}"))
            }
            Found::Nothing => Published::Wrong(format!("{} is not served any more; {moved}", image.digest)),
        })
    })
}

/// Whether it is the very index that is pinned, with an image for every platform that we support.
fn is_index(image: &PublishedImage, found: Found) -> Published<String> {
    let Found::Is(digest, body) = found else {
        return Published::Wrong(format!("{} is not served any more", image.digest));
    };
    if digest != image.digest {
        return Published::Wrong(format!("what is served as {} is {digest}", image.digest));
    }
    match platforms(&body) {
        Ok(platforms) => Published::Is(format!("for {}", platforms.join(", "))),
        Err(why) => Published::Wrong(why),
    }
}

/// The platforms of an index, if all of [`PLATFORMS`] are among them.
fn platforms(body: &[u8]) -> Result<Vec<String>> {
    let index: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let manifests = index["manifests"].as_array().ok_or("it is no index of several platforms")?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<String> = manifests
        .iter()
        .map(|manifest| &manifest["platform"])
        .map(|platform| format!("{}/{}", text(&platform["os"]), text(&platform["architecture"])))
        // Attestations stand there as well.
        .filter(|platform| !platform.contains("unknown"))
        .collect();
    all.dedup();
    match PLATFORMS.iter().find(|wanted| !all.iter().any(|platform| platform == *wanted)) {
        Some(missing) => Err(format!("it has nothing for {missing}, only for {}", all.join(", "))),
        None => Ok(all),
    }
}

/// Pins `version` of an image: the tag gets the new version in the place of the old one, and the digest
/// is that of the index under it. Nothing is written where that is not there for every platform.
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
    // The place of the new version, with the old digest.
    let images = parse(&shown, &document.to_string())?;
    let new = images.get(name).ok_or("it is gone")?;
    if new.tag == old.tag && version != old.version {
        return Err(format!("{shown}: the tag {} does not hold the version {}", old.tag, old.version));
    }
    let site = Site::new(whence.mirror.as_deref())?;
    let not = |why: String| format!("{name} {version} was not pinned: {why}");
    let (digest, body) = match site.manifest(new, &new.tag, true) {
        Published::Is(Found::Is(digest, body)) => (digest, body),
        Published::Is(Found::Nothing) => return Err(not(format!("{place} is not there"))),
        Published::Unknown(why) => return Err(not(format!("not proved online: {why}"))),
        Published::Wrong(why) => return Err(not(why)),
    };
    println!("{name} {version}: {digest} for {}", platforms(&body).map_err(not)?.join(", "));
    document[name]["digest"] = value(&digest);
    // Both are the registry's own: a third text is for whoever reviews the change.
    let host = new.host().to_owned();
    let sources = [format!("the tag {} on {host}", new.tag), format!("the index itself on {host}, hashed")];
    document[name]["sources"] = value(sources.into_iter().collect::<toml_edit::Array>());
    let text = document.to_string();
    parse(&shown, &text)?;
    write_atomic(&file, text.as_bytes(), 0o644).map_err(|error| error.to_string())?;
    Ok(file)
}
