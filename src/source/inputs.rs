//! The hash of all inputs of an artifact: when it changes, the artifact is rebuilt.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::recipe::{Go, Kind, Recipe};
use super::{Source, layers};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::files::hex;

/// Changes when this program makes another artifact of the same inputs.
const BUILDER: u32 = 1;

/// A hash of named fields; no two lists of fields give the same bytes.
struct Fields(Sha256);

impl Fields {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

impl Source {
    /// The hashes of all artifacts.
    pub(super) fn hash_all(&self) -> Result<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        let mut folders = BTreeMap::new();
        for recipe in self.recipes.iter() {
            self.hash(recipe, &mut hashes, &mut folders)?;
        }
        Ok(hashes)
    }

    fn hash(
        &self,
        recipe: &Recipe,
        hashes: &mut BTreeMap<String, String>,
        folders: &mut BTreeMap<String, String>,
    ) -> Result<String> {
        if let Some(hash) = hashes.get(&recipe.name) {
            return Ok(hash.clone());
        }
        let mut fields = Fields::new();
        fields.add("builder", &BUILDER.to_le_bytes());
        fields.add("name", recipe.name.as_bytes());
        fields.add("platform", self.platform(&recipe.kind).as_bytes());
        let json = serde_json::to_vec(&recipe.kind);
        fields.add("recipe", &json.map_err(|e| Error::failed("cannot hash a recipe").because(e))?);
        for used in recipe.kind.uses() {
            let hash = self.hash(self.recipes.get(used)?, hashes, folders)?;
            fields.add(used, hash.as_bytes());
        }
        for path in read_by(&recipe.kind) {
            let hash = match folders.get(&path) {
                Some(hash) => hash.clone(),
                None => folder(&self.data, &path)?,
            };
            fields.add(&path, hash.as_bytes());
            folders.insert(path, hash);
        }
        self.add_host(&recipe.kind, &mut fields)?;
        let hash = fields.finish();
        hashes.insert(recipe.name.clone(), hash.clone());
        Ok(hash)
    }

    /// What of this machine goes into the artifact.
    fn add_host(&self, kind: &Kind, fields: &mut Fields) -> Result<()> {
        let file = |path: &Path| std::fs::read(path).map_err(|e| Error::io("read", path, &e));
        match kind {
            Kind::Go(_) => fields.add("go", self.toolchain().as_bytes()),
            Kind::Rootfs(_) => {
                for path in &self.facts.local_cas {
                    fields.add("authority", &file(path)?);
                }
            }
            Kind::Layers(layers) if layers.ca_certificates => {
                let path = layers::authorities(Path::new("/"));
                fields.add("authorities", &path.map(|path| file(&path)).transpose()?.unwrap_or_default());
            }
            Kind::Image(_) | Kind::Layers(_) | Kind::Npm(_) | Kind::Pypi(_) => {}
        }
        Ok(())
    }

    /// The version of Go that builds, or that built what is in the cache where Go is gone since.
    fn toolchain(&self) -> String {
        match &self.go {
            Some(go) => go.version.clone(),
            None => self.store.toolchain().unwrap_or_default(),
        }
    }

    /// What the artifact runs on: tools on this machine, the rest in its containers.
    pub(super) fn platform(&self, kind: &Kind) -> String {
        match kind {
            Kind::Go(_) => self.facts.platform(),
            _ => self.facts.container_platform(),
        }
    }
}

/// The folders and files below `offline` that a recipe reads; of foreign packages only go.mod and go.sum.
fn read_by(kind: &Kind) -> Vec<String> {
    let pins = |module: &str| ["go.mod", "go.sum"].map(|file| format!("offline/go/{module}/{file}"));
    match kind {
        Kind::Go(Go { module, outputs, .. }) if outputs.values().any(|package| package.starts_with('.')) => {
            vec![format!("offline/go/{module}")]
        }
        Kind::Go(go) => pins(&go.module).to_vec(),
        Kind::Image(image) => {
            let modules = image.module_files.values().flat_map(|files| pins(&files.module));
            modules.chain([format!("offline/{}", image.context)]).collect()
        }
        Kind::Rootfs(_) | Kind::Layers(_) | Kind::Npm(_) | Kind::Pypi(_) => Vec::new(),
    }
}

/// The hash of the file at `path`, or of all files below it by their paths. All of `offline` is text.
fn folder(data: &Data, path: &str) -> Result<String> {
    let mut fields = Fields::new();
    let mut rest = vec![path.to_owned()];
    while let Some(path) = rest.pop() {
        match data.read(&path)? {
            Some(text) => fields.add(&path, text.text.as_bytes()),
            None => rest.extend(data.list(&path).iter().rev().map(|name| format!("{path}/{name}"))),
        }
    }
    Ok(fields.finish())
}
