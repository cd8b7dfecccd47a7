//! Artifacts as entries of a bundle, with the files to copy.

use std::path::PathBuf;

use super::Origins;
use super::images::artifact;
use crate::bundle::Entry;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::{sha256 as sha256_of, sha256_file};
use crate::task::Task;

impl Origins {
    /// The tool for this machine's platform.
    pub fn tool_entry(
        &self,
        task: &Task<'_>,
        engine: Option<&Engine>,
        name: &str,
    ) -> Result<(Entry, PathBuf)> {
        let found = self.portable_tool(task, engine, name)?;
        let entry = Entry {
            name: name.to_owned(),
            kind: "tool".to_owned(),
            version: found.version,
            platform: self.facts.platform(),
            file: name.to_owned(),
            // It is known by its content alone: where it came from does not matter any more.
            inputs: found.sha256.clone(),
            sha256: found.sha256,
            size: found.size,
            reference: None,
            image_id: None,
        };
        Ok((entry, found.path))
    }

    /// The image as the archive that made it, or as the engine saves it.
    pub fn image_entry(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Result<(Entry, PathBuf)> {
        let found = self.image(task, engine, name)?;
        let artifact = artifact(name);
        if let Ok(Some(made)) = self.source.cached(&artifact)
            && made.entry.image_id.as_ref() == Some(&found.id)
        {
            let file = made.dir.join(&made.entry.file);
            return Ok((made.entry, file));
        }
        let dir = self.cache.join("images");
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, &e))?;
        let file = dir.join(format!("{artifact}.tar"));
        let (reference, version) = named(&found.reference);
        if reference != found.reference {
            engine.tag(task, &found.reference, &reference)?;
        }
        engine.save(task, std::slice::from_ref(&reference), &file)?;
        let (sha256, size) = sha256_file(&file)?;
        let entry = Entry {
            name: artifact,
            kind: "image".to_owned(),
            version,
            platform: self.facts.container_platform(),
            file: "image.tar".to_owned(),
            sha256,
            size,
            inputs: sha256_of(found.reference.as_bytes()),
            reference: Some(reference),
            image_id: Some(found.id),
        };
        Ok((entry, file))
    }
}

/// A reference that an archive can carry, and its version: an archive keeps names with a tag, not
/// those with a digest.
fn named(reference: &str) -> (String, String) {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    let last = name.rsplit('/').next().unwrap_or(name);
    let version = last.split_once(':').map_or("latest", |(_, tag)| tag);
    (name.to_owned(), version.trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn an_archive_gets_a_name_without_digest() {
        let pinned = "docker.io/kindest/node:v1.34.11@sha256:44e2";
        assert_eq!(named(pinned), ("docker.io/kindest/node:v1.34.11".to_owned(), "1.34.11".to_owned()));
        assert_eq!(named("localhost:5000/a").1, "latest");
    }
}
