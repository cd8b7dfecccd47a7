//! Creates the pin of another version from what is published, keeping comments.

use std::path::PathBuf;

use todo_bootstrap::fetch::permitted;
use todo_bootstrap::files::write_atomic;
use todo_bootstrap::tools::Pin;
use toml_edit::{Array, DocumentMut, value};

use super::Whence;
use super::published::{Published, Site, checksum_in};
use crate::shell::Result;

/// Writes the pin of `version`, only if the file of every platform was fetched and matches its
/// published checksum.
pub(super) fn run(name: &str, version: &str, whence: &Whence) -> Result<PathBuf> {
    let (file, text) = whence.read(name)?;
    let shown = file.display().to_string();
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{shown}: {error}"))?;
    document["version"] = value(version);
    // The URLs of the new version, with the old checksums.
    let pin = Pin::parse(&shown, &document.to_string()).map_err(|error| error.to_string())?;
    let site = Site::new(whence.mirror.as_deref())?;
    let mut problems = Vec::new();
    for (platform, asset) in &pin.assets {
        let mut asset = asset.clone();
        asset.size = None;
        match had(&site, &pin, &mut asset) {
            Ok(size) => {
                println!("{name} {version} {platform}: {} ({size} bytes)", asset.sha256);
                let table = &mut document["platforms"][platform.as_str()];
                table["sha256"] = value(&asset.sha256);
                table["size"] = value(i64::try_from(size).map_err(|error| error.to_string())?);
                table["sources"] = value(sources(&pin, &asset)?);
            }
            Err(why) => problems.push(format!("{platform}: {why}")),
        }
    }
    if !problems.is_empty() {
        return Err(format!("{name} {version} was not pinned:\n{}", problems.join("\n")));
    }
    document.remove("sources");
    let text = document.to_string();
    Pin::parse(&shown, &text).map_err(|error| error.to_string())?;
    write_atomic(&file, text.as_bytes(), 0o644).map_err(|error| error.to_string())?;
    Ok(file)
}

/// Sets the asset's published checksum, fetches the file and compares it; returns its
/// size.
fn had(site: &Site, pin: &Pin, asset: &mut todo_bootstrap::tools::Asset) -> Result<u64> {
    let url = pin.checksum_url(asset).ok_or("where its checksum is published is not known (`checksum`)")?;
    let found = site.text(&url, &asset.hosts).and_then(|text| match checksum_in(&text, &asset.url) {
        Some(sha256) => Published::Is(sha256),
        None => Published::Wrong(format!("{url} contains no checksum for it")),
    });
    asset.sha256 = known(found)?;
    known(site.file(asset)).map(|file| file.size)
}

fn known<T>(published: Published<T>) -> Result<T> {
    match published {
        Published::Is(value) => Ok(value),
        Published::Unknown(why) => Err(format!("not verified online: {why}")),
        Published::Wrong(why) => Err(why),
    }
}

/// Both sources are the project itself; the reviewer of the change must find another one.
fn sources(pin: &Pin, asset: &todo_bootstrap::tools::Asset) -> Result<Array> {
    let url = pin.checksum_url(asset).unwrap_or_default();
    let host = permitted(&url)?.host_str().unwrap_or_default().to_owned();
    let file = url.rsplit('/').next().unwrap_or_default();
    Ok([format!("{file} on {host}"), "the file itself, hashed as it was downloaded".to_owned()]
        .into_iter()
        .collect())
}
