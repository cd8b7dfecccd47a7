//! `manifests/images.toml`: the pins of published images.

use std::collections::BTreeMap;

use super::image::{PublishedImage, place};
use super::support::{FILE as SUPPORT, Line, Support};
use crate::config::{Document, Fields, Versions};
use crate::data::Data;
use crate::error::Result;
use crate::files::is_sha256;
use crate::tools::{hosts, sources};

const FILE: &str = "manifests/images.toml";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    images: BTreeMap<String, PublishedImage>,
}

impl Images {
    /// A project's own file replaces the built-in one completely; without a file, there are no images.
    pub fn load(data: &Data, versions: &Versions) -> Result<Self> {
        let Some(text) = data.read(FILE)? else { return Ok(Self::default()) };
        Self::parse(&text.origin, &text.text, &Support::load(data)?, versions)
    }

    /// Parses a whole file; `file` is its name in messages. All problems are reported at once.
    pub fn parse(file: &str, text: &str, support: &Support, versions: &Versions) -> Result<Self> {
        Document::parse(file, text)?.read(|fields| {
            let mut images = BTreeMap::new();
            for name in fields.keys() {
                let image = fields.opt_table(&name, |fields| image(&name, fields, support, versions));
                images.extend(image.map(|image| (name, image)));
            }
            Some(Self { images })
        })
    }

    pub fn get(&self, name: &str) -> Option<&PublishedImage> {
        self.images.get(name)
    }

    /// `registry/repository:tag@sha256:…`.
    pub fn reference(&self, name: &str) -> Option<&str> {
        self.get(name).map(PublishedImage::reference)
    }

    pub fn iter(&self) -> impl Iterator<Item = &PublishedImage> {
        self.images.values()
    }
}

/// Reads `image` (REGISTRY/REPOSITORY:TAG), `digest`, `version`, `product` (in `support.toml`),
/// `sources`, and where they apply `sizes` (bytes by platform), `hosts`, `source-version` (the key in `versions.toml` of what its
/// recipe makes, by default the image's name), `version-differs` and `differs`.
fn image(
    name: &str,
    fields: &mut Fields<'_, '_>,
    support: &Support,
    versions: &Versions,
) -> Option<PublishedImage> {
    let image = fields.string("image").as_deref().map(place);
    if let Some(Err(why)) = &image {
        fields.problem("image", why);
    }
    let digest = fields.string("digest");
    let pinned = digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")).is_some_and(is_sha256);
    if digest.is_some() && !pinned {
        fields.problem("digest", "must be sha256: and 64 lower-case hex digits");
    }
    let (version, product) = (fields.string("version"), fields.string("product"));
    let line = supported(fields, support, product.as_deref(), version.as_deref());
    let sizes = sizes(fields);
    let sources = sources(fields);
    let hosts = hosts(fields);
    let key = fields.opt_string("source-version");
    let source_key = key.clone().unwrap_or_else(|| name.to_owned());
    let source_version = versions.get(&source_key).ok().map(str::to_owned);
    if let Some(key) = key.filter(|_| source_version.is_none()) {
        fields.problem("source-version", format!("is \"{key}\", a key that versions.toml does not have"));
    }
    let other = product.as_deref().zip(source_version.as_deref());
    let source_support = other.and_then(|(product, version)| support.line(product, version)).cloned();
    let (version_differs, differs) = (fields.opt_string("version-differs"), fields.opt_string("differs"));
    let (image, digest) = (image?.ok()?, digest?);
    Some(PublishedImage {
        name: name.to_owned(),
        reference: format!("{image}@{digest}"),
        registry: image.host,
        repository: image.repository,
        tag: image.tag?,
        digest,
        version: version?,
        sizes,
        hosts,
        sources,
        support: line?.clone(),
        source_version,
        source_key,
        version_differs,
        source_support,
        differs,
    })
}

fn sizes(fields: &mut Fields<'_, '_>) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    fields.opt_table("sizes", |platforms| {
        for platform in platforms.keys() {
            let bytes =
                platforms.opt_integer(&platform, 1..=i64::MAX).and_then(|bytes| u64::try_from(bytes).ok());
            sizes.extend(bytes.map(|bytes| (platform, bytes)));
        }
        Some(())
    });
    sizes
}

/// The line that an image is of; one that `support.toml` does not have is a problem.
fn supported<'s>(
    fields: &mut Fields<'_, '_>,
    support: &'s Support,
    product: Option<&str>,
    version: Option<&str>,
) -> Option<&'s Line> {
    let (product, version) = (product?, version?);
    let line = support.line(product, version);
    if !support.products.contains_key(product) {
        fields.problem("product", format!("is \"{product}\", which is not in {SUPPORT}"));
    } else if line.is_none() {
        let why = format!("is {version}, but {SUPPORT} does not list until when this line of {product}");
        fields.problem("version", format!("{why} is supported"));
    }
    line
}
