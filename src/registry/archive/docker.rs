//! The older archive format, a list of layers without a manifest; one is generated.

use serde::Deserialize;

use super::super::Result;
use super::super::blob::{Blob, Place};
use super::super::manifest::{Descriptor, Manifest, OCI_MANIFEST, Parsed};
use super::members::Members;
use super::{Config, Image, is_called};
use crate::files::sha256;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// With the manifest that Docker 25 to 28 write: an image has one digest, whichever engine saved it.
pub(super) fn image(members: &Members<'_>, wish: Option<&str>) -> Result<Image> {
    let list = members.text("manifest.json")?;
    let list: Vec<Listed> = serde_json::from_slice(&list).map_err(|e| members.bad(e))?;
    let listed = choose(members, &list, wish)?;
    let text = members.text(&listed.config)?;
    let config: Config = serde_json::from_slice(&text).map_err(|e| members.bad(e))?;
    let ids = &config.rootfs.diff_ids;
    if ids.len() != listed.layers.len() {
        return Err(members.bad("its list and its configuration have different layers"));
    }
    let id = format!("sha256:{}", sha256(&text));
    let descriptor =
        Descriptor { media_type: CONFIG.to_owned(), digest: id.clone(), size: text.len() as u64 };
    let mut blobs = vec![Blob { digest: id, size: descriptor.size, from: Place::Memory(text.into()) }];
    let mut layers = Vec::new();
    for (name, id) in listed.layers.iter().zip(ids) {
        let (kind, digest) = match members.magic(name)? {
            [0x1f, 0x8b, ..] => ("+gzip", members.hash(name)?),
            [0x28, 0xb5, 0x2f, 0xfd] => ("+zstd", members.hash(name)?),
            // Who takes the layer hashes it: what is not what the configuration says is noticed there.
            _ => ("", id.clone()),
        };
        let blob = members.blob(name, &digest)?;
        layers.push(Descriptor { media_type: format!("{LAYER}{kind}"), digest, size: blob.size });
        if !blobs.iter().any(|known| known.digest == blob.digest) {
            blobs.push(blob);
        }
    }
    let media_type = OCI_MANIFEST.to_owned();
    let layers = Parsed { schema_version: 2, media_type: media_type.clone(), config: descriptor, layers };
    let bytes = serde_json::to_vec(&layers).map_err(|e| members.bad(e))?;
    let manifest = Manifest { media_type, bytes };
    manifest.blobs().map_err(|why| members.bad(why))?;
    Ok(Image { manifest, blobs })
}

fn choose<'a>(members: &Members<'_>, list: &'a [Listed], wish: Option<&str>) -> Result<&'a Listed> {
    let named = |image: &&Listed| image.repo_tags.iter().flatten().any(|tag| is_called(tag, wish));
    match list {
        [first, others @ ..] if others.iter().all(|other| other.config == first.config) => Ok(first),
        many => many.iter().find(named).ok_or_else(|| {
            let names: Vec<&str> =
                many.iter().flat_map(|image| image.repo_tags.iter().flatten()).map(String::as_str).collect();
            members.bad(format!("it contains {} images ({}), expected one", many.len(), names.join(", ")))
        }),
    }
}
