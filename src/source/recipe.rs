//! A recipe: how an artifact is built, read from `offline/recipes/<artifact>.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::pypi::{Pypi, Wheel};
use crate::config::{Document, Fields};
use crate::error::Result;
use crate::files::is_sha256;

/// What the archive of an image is called among an artifact's outputs.
pub const IMAGE_TAR: &str = "image.tar";
/// What the archive of a root file system is called.
pub const ROOTFS_TAR: &str = "rootfs.tar";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub name: String,
    /// Of what is made: the module's, or the image's tag.
    pub version: String,
    /// How long it takes to build on 2 cores beside all others (docs/BENCHMARKS.md), without what it is made of.
    pub minutes: Option<u64>,
    pub kind: Kind,
}

/// How an artifact is made. Its serialized form is part of the hash of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Go(Go),
    Rootfs(Rootfs),
    Npm(Npm),
    Pypi(Pypi),
    Image(Image),
    Layers(Layers),
}

/// Programs of a Go module of ours, by package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Go {
    /// A folder in `offline/go/`.
    pub module: String,
    pub cgo: bool,
    pub tags: Vec<String>,
    pub ldflags: Vec<String>,
    /// Binary → package.
    pub outputs: BTreeMap<String, String>,
}

/// A Debian tree as debootstrap lays it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rootfs {
    pub suite: String,
    pub variant: String,
    pub include: Vec<String>,
}

/// Archives of npm packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Npm {
    pub version: String,
    /// File → architecture (or `any`) → package.
    pub outputs: BTreeMap<String, BTreeMap<String, Package>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    pub package: String,
    pub version: String,
    /// 64 lower-case hex digits, of the archive.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// An image built by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    pub tag: String,
    /// A folder in `offline/` with a Dockerfile.
    pub context: String,
    /// Build argument → artifact whose image it names.
    pub bases: BTreeMap<String, String>,
    /// Build argument → value. Without any, an image's hash is as it was before there were some.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// Path in the context → `<artifact>/<output>`, or an image artifact.
    pub files: BTreeMap<String, String>,
    /// Path in the context → folder of a pinned module.
    pub module_files: BTreeMap<String, ModuleFiles>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleFiles {
    /// The folder in `offline/go/` whose go.mod pins it.
    pub module: String,
    /// The path of the module itself.
    pub package: String,
    pub path: String,
}

/// An image of one layer, written without an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layers {
    pub tag: String,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub user: String,
    pub env: BTreeMap<String, String>,
    /// Path in the image → `<artifact>/<output>`.
    pub files: BTreeMap<String, String>,
    /// Path in the image → the text itself, such as a program's configuration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// Whether the host's bundle of authorities goes in.
    pub ca_certificates: bool,
}

impl Kind {
    /// The artifacts that this one is made of.
    pub fn uses(&self) -> BTreeSet<&str> {
        match self {
            Self::Go(_) | Self::Rootfs(_) | Self::Npm(_) | Self::Pypi(_) => BTreeSet::new(),
            Self::Image(image) => image
                .files
                .values()
                .map(|file| split(file).0)
                .chain(image.bases.values().map(String::as_str))
                .collect(),
            Self::Layers(layers) => layers.files.values().map(|file| split(file).0).collect(),
        }
    }

    /// The names of the files that are made.
    pub fn outputs(&self) -> Vec<&str> {
        match self {
            Self::Go(go) => go.outputs.keys().map(String::as_str).collect(),
            Self::Rootfs(_) => vec![ROOTFS_TAR],
            Self::Npm(npm) => npm.outputs.keys().map(String::as_str).collect(),
            Self::Pypi(pypi) => pypi.outputs.keys().map(String::as_str).collect(),
            Self::Image(_) | Self::Layers(_) => vec![IMAGE_TAR],
        }
    }

    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Image(image) => Some(&image.tag),
            Self::Layers(layers) => Some(&layers.tag),
            Self::Go(_) | Self::Rootfs(_) | Self::Npm(_) | Self::Pypi(_) => None,
        }
    }

    pub fn uses_go(&self) -> bool {
        match self {
            Self::Go(_) => true,
            Self::Image(image) => !image.module_files.is_empty(),
            Self::Rootfs(_) | Self::Npm(_) | Self::Pypi(_) | Self::Layers(_) => false,
        }
    }

    /// As a bundle's manifest calls it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Go(_) => "tool",
            Self::Rootfs(_) => "rootfs",
            Self::Npm(_) | Self::Pypi(_) => "package",
            Self::Image(_) | Self::Layers(_) => "image",
        }
    }
}

/// `<artifact>/<output>` in its parts; without an output an image's archive is meant.
pub fn split(file: &str) -> (&str, &str) {
    file.split_once('/').unwrap_or((file, IMAGE_TAR))
}

impl Recipe {
    /// Reads the recipe in `text`, with all its problems; [`super::Recipes`] fills in the version of Go programs.
    pub fn parse(name: &str, origin: &str, text: &str) -> Result<Self> {
        let mut minutes = None;
        let kind = Document::parse(origin, text)?.read(|fields| {
            minutes = fields.opt_integer("minutes", 1..=600).and_then(|minutes| u64::try_from(minutes).ok());
            let kind = fields.opt_choice("kind", &["go", "rootfs", "npm", "pypi", "image", "layers"]);
            match kind.as_deref() {
                Some("go") => go(fields).map(Kind::Go),
                Some("rootfs") => rootfs(fields).map(Kind::Rootfs),
                Some("npm") => npm(fields).map(Kind::Npm),
                Some("pypi") => pypi(fields).map(Kind::Pypi),
                Some("image") => image(fields).map(Kind::Image),
                Some(_) => layers(fields).map(Kind::Layers),
                None => fields.string("kind").and(None),
            }
        })?;
        let version = match &kind {
            Kind::Rootfs(rootfs) => rootfs.suite.clone(),
            Kind::Npm(npm) => npm.version.clone(),
            Kind::Pypi(pypi) => pypi.version.clone(),
            kind => kind.tag().and_then(|tag| tag.rsplit_once(':')).map_or("", |(_, tag)| tag).to_owned(),
        };
        let version = version.trim_start_matches('v').to_owned();
        Ok(Self { name: name.to_owned(), version, minutes, kind })
    }
}

fn go(fields: &mut Fields<'_, '_>) -> Option<Go> {
    let module = filled(fields, "module");
    let cgo = fields.opt_bool("cgo").unwrap_or(false);
    let (tags, ldflags) = (all_filled(fields, "tags"), all_filled(fields, "ldflags"));
    let outputs = fields.string_map("outputs");
    if outputs.is_empty() {
        fields.problem("outputs", "must name at least one binary and its package");
    }
    for name in outputs.keys().filter(|name| !is_component(name)) {
        fields.problem("outputs", format!("has {name:?}, which is not a file name"));
    }
    Some(Go { module: module?, cgo, tags, ldflags, outputs })
}

fn rootfs(fields: &mut Fields<'_, '_>) -> Option<Rootfs> {
    let (suite, variant) = (filled(fields, "suite"), filled(fields, "variant"));
    let include = all_filled(fields, "include");
    Some(Rootfs { suite: suite?, variant: variant?, include })
}

fn npm(fields: &mut Fields<'_, '_>) -> Option<Npm> {
    let version = filled(fields, "version");
    let outputs = pinned(fields, package);
    Some(Npm { version: version?, outputs })
}

fn pypi(fields: &mut Fields<'_, '_>) -> Option<Pypi> {
    let version = filled(fields, "version");
    let outputs = pinned(fields, wheel);
    Some(Pypi { version: version?, outputs })
}

/// `outputs`: file → architecture → what `read` reads.
fn pinned<T>(
    fields: &mut Fields<'_, '_>,
    read: fn(&mut Fields<'_, '_>) -> Option<T>,
) -> BTreeMap<String, BTreeMap<String, T>> {
    let mut outputs: BTreeMap<String, BTreeMap<String, T>> = BTreeMap::new();
    fields.opt_table("outputs", |files| {
        for file in files.keys() {
            if !is_component(&file) {
                files.problem(&file, "must be a file name");
            }
            files.opt_table(&file, |packages| {
                for arch in packages.keys() {
                    let package = packages.opt_table(&arch, read);
                    outputs.entry(file.clone()).or_default().extend(package.map(|package| (arch, package)));
                }
                Some(())
            });
        }
        Some(())
    });
    if outputs.is_empty() {
        fields.problem("outputs", "must name at least one file and its package");
    }
    outputs
}

fn package(fields: &mut Fields<'_, '_>) -> Option<Package> {
    let (package, version) = (filled(fields, "package"), filled(fields, "version"));
    let (sha256, size) = (sha256(fields), size(fields));
    Some(Package { package: package?, version: version?, sha256: sha256?, size: size? })
}

fn wheel(fields: &mut Fields<'_, '_>) -> Option<Wheel> {
    let (package, version) = (filled(fields, "package"), filled(fields, "version"));
    let (file, member) = (filled(fields, "file"), filled(fields, "member"));
    if file.as_ref().is_some_and(|file| !is_component(file)) {
        fields.problem("file", "must be a file name");
    }
    let (sha256, size) = (sha256(fields), size(fields));
    let (package, version, file) = (package?, version?, file?);
    Some(Wheel { package, version, file, member: member?, sha256: sha256?, size: size? })
}

fn sha256(fields: &mut Fields<'_, '_>) -> Option<String> {
    let sha256 = fields.string("sha256");
    if sha256.as_ref().is_some_and(|text| !is_sha256(text)) {
        fields.problem("sha256", "must be 64 lower-case hex digits");
    }
    sha256
}

fn size(fields: &mut Fields<'_, '_>) -> Option<u64> {
    if !fields.has("size") {
        fields.problem("size", "is missing");
    }
    fields.opt_integer("size", 1..=i64::MAX).and_then(|size| u64::try_from(size).ok())
}

fn image(fields: &mut Fields<'_, '_>) -> Option<Image> {
    let (tag, context) = (tag(fields), filled(fields, "context"));
    let (bases, files) = (fields.string_map("bases"), paths(fields, "files"));
    let args = fields.string_map("args");
    for value in args.values() {
        unknown(fields, "args", value);
    }
    for arg in args.keys().filter(|arg| bases.contains_key(*arg)) {
        fields.problem("args", format!("has `{arg}`, which is in `bases` as well"));
    }
    let mut module_files = BTreeMap::new();
    fields.opt_table("module-files", |table| {
        for target in table.keys() {
            let read = table.opt_table(&target, |fields| {
                let (module, package) = (filled(fields, "module"), filled(fields, "package"));
                let path = fields.string("path");
                Some(ModuleFiles { module: module?, package: package?, path: path? })
            });
            if !is_inside(&target) || read.as_ref().is_some_and(|read| !is_inside(&read.path)) {
                table.problem(&target, "must be paths that stay inside their folders");
            }
            module_files.extend(read.map(|read| (target, read)));
        }
        Some(())
    });
    Some(Image { tag: tag?, context: context?, bases, args, files, module_files })
}

fn layers(fields: &mut Fields<'_, '_>) -> Option<Layers> {
    let tag = tag(fields);
    let (entrypoint, cmd) = (all_filled(fields, "entrypoint"), all_filled(fields, "cmd"));
    let user = fields.opt_string("user").unwrap_or_default();
    let (env, files, texts) = (fields.string_map("env"), paths(fields, "files"), paths(fields, "texts"));
    for path in texts.keys().filter(|path| files.contains_key(*path)) {
        fields.problem("texts", format!("has {path:?}, which is in `files` as well"));
    }
    let ca_certificates = fields.opt_bool("ca-certificates").unwrap_or(false);
    if files.is_empty() {
        fields.problem("files", "must name at least one file");
    }
    Some(Layers { tag: tag?, entrypoint, cmd, user, env, files, texts, ca_certificates })
}

fn tag(fields: &mut Fields<'_, '_>) -> Option<String> {
    let tag = filled(fields, "tag")?;
    let fine = tag.rsplit_once(':').is_some_and(|(name, tag)| !name.is_empty() && is_component(tag));
    if !fine {
        fields.problem("tag", "must be <name>:<tag>");
    }
    fine.then_some(tag)
}

fn paths(fields: &mut Fields<'_, '_>, key: &str) -> BTreeMap<String, String> {
    let files = fields.string_map(key);
    for path in files.keys().filter(|path| !is_inside(path)) {
        fields.problem(key, format!("has {path:?}, which is not a relative path"));
    }
    files
}

/// A string in which every `{key}` was a version.
fn filled(fields: &mut Fields<'_, '_>, key: &str) -> Option<String> {
    let text = fields.string(key)?;
    unknown(fields, key, &text);
    Some(text)
}

fn all_filled(fields: &mut Fields<'_, '_>, key: &str) -> Vec<String> {
    let texts = fields.strings(key);
    for text in &texts {
        unknown(fields, key, text);
    }
    texts
}

fn unknown(fields: &mut Fields<'_, '_>, key: &str, text: &str) {
    let braces = text.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    if let Some((name, _)) = braces {
        fields.problem(key, format!("refers to `{{{name}}}`, which is not in versions.toml"));
    }
}

/// A relative path with `/` that does not leave its folder.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(is_component)
}

fn is_component(part: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '/' || c == '\\';
    !part.is_empty() && part != "." && part != ".." && !part.contains(odd)
}
