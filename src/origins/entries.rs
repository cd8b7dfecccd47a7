//! Artifacts as entries of a bundle, with the files to copy.

use std::path::{Path, PathBuf};

use super::chain::{Attempt, Miss, refused};
use super::images::{artifact, load};
use super::{FoundImage, Origins};
use crate::bundle::{Entry, rewrite, sbom};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fetch::{sha256 as sha256_of, sha256_file};
use crate::images::{self, Built, Order, inputs_hash};
use crate::source::Kind;
use crate::task::Task;

impl Origins {
    /// The tool for the platform of these origins: of this machine, or of another whose facts they
    /// were made with. It is never started here.
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

    /// The image, and its archive written to `work`, in the one form that it has.
    pub fn image_entry(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        name: &str,
        work: &Path,
    ) -> Result<(FoundImage, Entry, PathBuf)> {
        let found = self.image(task, engine, name)?;
        let artifact = artifact(name);
        if let Ok(Some(made)) = self.source.cached(&artifact)
            && made.entry.image_id.as_ref() == Some(&found.id)
        {
            let (entry, file) = in_form(&made.file(), &made.entry, work)?;
            return Ok((found, entry, file));
        }
        let (reference, version) = named(&found.reference);
        if reference != found.reference {
            engine.tag(task, &found.reference, &reference)?;
        }
        let (inputs, id) = (sha256_of(found.reference.as_bytes()), found.id.clone());
        let entry = self.blank(&artifact, "image", version, inputs, (reference, id));
        let (entry, file) = saved(task, engine, &entry, work)?;
        Ok((found, entry, file))
    }

    /// The image for another platform than this engine's: pulled by its digest, or made of programs
    /// that are built for it. What has to be run to be made is refused.
    pub fn foreign_image_entry(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        name: &str,
        work: &Path,
    ) -> Result<(Entry, PathBuf)> {
        let pulled = self.foreign_pull(task, engine, name, work);
        let made = |reason: String| match self.crossed(task, name, work) {
            Err(Miss::Refused(why)) => Err(Miss::Refused(format!("{reason}; {why}"))),
            result => result,
        };
        match pulled.or_else(|miss| match miss {
            Miss::Refused(reason) | Miss::Failed { reason, .. } => made(reason),
            fatal @ Miss::Fatal(_) => Err(fatal),
        }) {
            Ok(found) => Ok(found),
            Err(Miss::Fatal(error)) => Err(error),
            Err(Miss::Refused(reason)) => Err(Error::failed(reason)),
            Err(Miss::Failed { reason, help }) => Err(Error::failed(reason).help(help)),
        }
    }

    fn foreign_pull(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        name: &str,
        work: &Path,
    ) -> Attempt<(Entry, PathBuf)> {
        let reference = self.pullable(name)?.to_owned();
        self.ask_registry(task, name)?;
        self.pullable(name)?;
        let platform = self.facts.container_platform();
        let before = engine.image_id(task, &reference)?;
        engine.pull_for(task, &reference, &platform).map_err(|error| super::chain::miss(task, error))?;
        let Some(id) = engine.image_id(task, &reference)? else {
            return refused(format!("{reference} was pulled, but the engine does not have it"));
        };
        let (tag, version) = named(&reference);
        engine.tag(task, &reference, &tag)?;
        let inputs = sha256_of(reference.as_bytes());
        let entry = self.blank(&artifact(name), "image", version, inputs, (tag, id));
        let result = saved(task, engine, &entry, work);
        if before.is_some()
            && let Err(error) = engine.pull(task, &reference)
        {
            let why = error.one_line();
            task.warn(format!("{reference} is of {platform} in the engine now ({why}); `up` mends that"));
        }
        Ok(result?)
    }

    /// The image by its recipe, where that needs nothing but a compiler.
    fn crossed(&self, task: &Task<'_>, name: &str, work: &Path) -> Attempt<(Entry, PathBuf)> {
        let artifact = artifact(name);
        if let Some(reason) = self.source.refusal(&artifact) {
            return refused(reason);
        }
        let missing = self.source.missing(&artifact)?;
        let compiled = |name: &String| {
            self.source
                .recipes()
                .get(name)
                .is_ok_and(|recipe| matches!(recipe.kind, Kind::Go(_) | Kind::Layers(_)))
        };
        if let Some(name) = missing.iter().find(|name| !compiled(name)) {
            return refused(format!("{name} can only be made on a machine of that kind"));
        }
        let made = self.source.make(task, None, &artifact)?;
        Ok(in_form(&made.file(), &made.entry, work)?)
    }

    /// An image of the project, built unless the engine has it; with its bill of materials.
    pub fn application_entries(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        order: &Order<'_>,
        work: &Path,
    ) -> Result<Vec<(Entry, PathBuf)>> {
        let built = images::build(task, engine, order)?;
        let (inputs, name) = (inputs_hash(order)?, &order.spec.name);
        let (version, id) = (named(&built.reference).1, built.id.clone());
        let made = (built.reference.clone(), id);
        let entry =
            self.blank(&sbom::application(name), "application", version.clone(), inputs.clone(), made);
        let image = saved(task, engine, &entry, work)?;
        let bill = images::sbom::make(order, &built)?;
        let file = work.join(format!("{name}.cdx.json"));
        std::fs::write(&file, &bill).map_err(|e| Error::io("write", &file, &e))?;
        let entry = Entry {
            name: sbom::bill(name),
            kind: "sbom".to_owned(),
            sha256: sha256_of(&bill),
            size: bill.len() as u64,
            reference: None,
            image_id: None,
            ..entry
        };
        Ok(vec![image, (entry, file)])
    }

    /// The project's image from the bundle, put into the engine; `None` where the bundle has none of
    /// these sources, and why is said.
    pub fn bundled_build(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        order: &Order<'_>,
    ) -> Result<Option<Built>> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let (name, platform) = (&order.spec.name, self.facts.container_platform());
        let Some(entry) = bundle.find(&sbom::application(name), &platform) else {
            task.warn(format!("the bundle has no image {name} for {platform}: it is built here"));
            return Ok(None);
        };
        if entry.inputs != inputs_hash(order)? {
            task.warn(format!(
                "the bundle's image {name} was built from other sources, on another base or for another \
                 target than {}: it is built here",
                order.target
            ));
            return Ok(None);
        }
        let (reference, _) = match load(task, engine, entry, || bundle.verified_file(task, entry)) {
            Ok(loaded) => loaded,
            Err(Miss::Fatal(error)) => return Err(error),
            Err(Miss::Refused(why)) => return Err(Error::refused(why)),
            Err(Miss::Failed { reason, help }) => return Err(Error::refused(reason).help(help)),
        };
        match images::adopt(task, engine, order, &reference)? {
            Ok(built) => Ok(Some(built)),
            Err(why) => {
                task.warn(format!("the bundle's image {name} is of no use: {why}; it is built here"));
                Ok(None)
            }
        }
    }

    fn blank(
        &self,
        name: &str,
        kind: &str,
        version: String,
        inputs: String,
        (reference, id): (String, String),
    ) -> Entry {
        Entry {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version,
            platform: self.facts.container_platform(),
            file: String::new(),
            sha256: String::new(),
            size: 0,
            inputs,
            reference: Some(reference),
            image_id: Some(id),
        }
    }
}

/// Has the engine save the image that `entry` describes.
fn saved(task: &Task<'_>, engine: &Engine, entry: &Entry, work: &Path) -> Result<(Entry, PathBuf)> {
    let file = work.join(format!("{}.saved", entry.name));
    engine.save(task, entry.reference.as_slice(), &file)?;
    let result = in_form(&file, entry, work);
    std::fs::remove_file(&file).map_err(|e| Error::io("remove", &file, &e))?;
    result
}

/// Writes an image's archive in its one form to `work`; the entry gets digest and size of that.
fn in_form(from: &Path, entry: &Entry, work: &Path) -> Result<(Entry, PathBuf)> {
    let to = work.join(format!("{}-{}.tar", entry.name, entry.platform.replace('/', "-")));
    let reference = entry.reference.as_deref().unwrap_or_default();
    let image = rewrite(from, reference, &to)?;
    if image.platform != entry.platform {
        return Err(Error::failed(format!("{reference} is for {}", image.platform))
            .because(format!("it is wanted for {}", entry.platform)));
    }
    let (sha256, size) = sha256_file(&to)?;
    // Of its configuration: what the engine here calls it may be of this engine only.
    let image_id = Some(image.id);
    Ok((Entry { file: "image.tar".to_owned(), sha256, size, image_id, ..entry.clone() }, to))
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
    use serde_json::json;

    use super::*;
    use crate::bundle::{Bundle, Manifest};
    use crate::config::{Application, Paths, Target, Versions};
    use crate::data::Data;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::host::recorded::debian;
    use crate::images::testing::application;
    use crate::images::{INPUTS_LABEL, REFERENCE_LABEL};
    use crate::origins::Trust;
    use crate::world::World;

    const REFERENCE: &str = "localhost/app/web:v1.2.3-abc";

    #[test]
    fn an_archive_gets_a_name_without_digest() {
        let pinned = "docker.io/kindest/node:v1.34.11@sha256:44e2";
        assert_eq!(named(pinned), ("docker.io/kindest/node:v1.34.11".to_owned(), "1.34.11".to_owned()));
        assert_eq!(named("localhost:5000/a").1, "latest");
    }

    fn order(app: &Application) -> Order<'_> {
        Order { app, spec: &app.images[0], target: Target::Prod, base: None }
    }

    /// Origins with a bundle that holds the project's image, built from `inputs`.
    fn origins(dir: &Path, inputs: &str) -> Origins {
        let (data, body) = (Data::default(), b"an archive");
        let sha256 = sha256_of(body);
        let entry = Entry {
            name: "app-web".to_owned(),
            kind: "application".to_owned(),
            version: "1.2.3-abc".to_owned(),
            platform: debian().container_platform(),
            file: format!("files/{sha256}-app-web.tar"),
            sha256,
            size: body.len() as u64,
            reference: Some(REFERENCE.to_owned()),
            image_id: Some("sha256:47".to_owned()),
            inputs: inputs.to_owned(),
        };
        let bundle = dir.join("bundle");
        std::fs::create_dir_all(bundle.join("files")).unwrap();
        std::fs::write(bundle.join(&entry.file), body).unwrap();
        let manifest = Manifest::new(vec![entry]).unwrap();
        let sha256 = manifest.sha256().unwrap();
        let bundle = Bundle { dir: bundle, manifest, sha256 };
        let versions = Versions::load(&data).unwrap();
        let paths = Paths { cache: dir.join("cache"), state: dir.join("state") };
        let (world, trust) = (World::real(), Trust::default());
        Origins::new(&world, &paths, &data, &versions, &debian(), Some(bundle), trust).unwrap()
    }

    #[test]
    fn the_projects_image_is_taken_from_the_bundle_and_not_built() {
        let dir = tempfile::tempdir().unwrap();
        let app = application(dir.path());
        let inputs = inputs_hash(&order(&app)).unwrap();
        let labels = json!({ INPUTS_LABEL: inputs, REFERENCE_LABEL: REFERENCE });
        let tags = json!([REFERENCE, "localhost/app/web:v1.2.3-local"]);
        let script = Script::default()
            .on_err("docker image inspect", 1, "", "Error: No such image")
            .on("docker load", 0, "")
            .on("docker image inspect", 0, "sha256:47\n")
            .on("docker tag localhost/app/web:v1.2.3-abc localhost/app/web:v1.2.3-local", 0, "")
            .on("docker image inspect", 0, &format!("sha256:47\n{labels}\n{tags}\n7\n"));
        let other = tempfile::tempdir().unwrap();
        let origins = self::origins(other.path(), &inputs);
        let (built, _) = with_task(&script, |task| origins.bundled_build(task, &engine(), &order(&app)));
        let built = built.unwrap().unwrap();
        assert_eq!(
            (built.reference.as_str(), built.id.as_str(), built.built),
            (REFERENCE, "sha256:47", false)
        );
    }

    #[test]
    fn an_image_of_other_sources_is_not_taken_and_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let app = application(dir.path());
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let origins = self::origins(&other, &"0".repeat(64));
        let script = Script::default();
        let (built, said) = with_task(&script, |task| origins.bundled_build(task, &engine(), &order(&app)));
        assert_eq!(built.unwrap(), None);
        assert!(said.events().iter().any(|event| event.message.contains("built from other sources")));
        assert!(script.ran().is_empty());
    }
}
