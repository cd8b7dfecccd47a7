//! Artifacts as entries of a bundle, with the files to copy.

use std::path::{Path, PathBuf};

use super::chain::{Attempt, Miss, refused};
use super::images::{artifact, push};
use super::{FoundImage, Origins};
use crate::bundle::{Entry, sbom};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{sha256 as sha256_of, sha256_file};
use crate::images::{self, Built, Order, inputs_hash};
use crate::local_registry::{Stored, place_of};
use crate::registry::{Registry, fetch_archive, normalise_archive};
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

    /// The image, and its archive written to `work`.
    pub fn image_entry(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        registry: &Registry,
        name: &str,
        work: &Path,
    ) -> Result<(FoundImage, Entry, PathBuf)> {
        let found = self.image(task, engine, registry, name)?;
        let artifact = artifact(name);
        // By the inputs of its recipe it is recognised where the same recipe made it again.
        let inputs = match self.source.cached(&artifact) {
            Ok(Some(made)) => made.entry.inputs,
            _ => sha256_of(found.stored.digest.as_bytes()),
        };
        let entry = self.blank(&artifact, "image", inputs, &found.stored);
        let (entry, file) = exported(task, registry, entry, &found.stored, work)?;
        Ok((found, entry, file))
    }

    /// The image for another platform than this engine's: fetched by its digest, or made of programs
    /// that are built for it. What has to be run to be made is refused.
    pub fn archive_entry(&self, task: &Task<'_>, name: &str, work: &Path) -> Result<(Entry, PathBuf)> {
        let made = |reason: String| match self.crossed(task, name, work) {
            Err(Miss::Refused { reason: why, .. }) => refused(format!("{reason}; {why}")),
            result => result,
        };
        let had = self.fetched(task, name, work).or_else(|miss| match miss {
            Miss::Refused { reason, .. } => made(reason),
            fatal @ Miss::Fatal(_) => Err(fatal),
        });
        had.map_err(|miss| miss.into_error(Error::failed))
    }

    fn fetched(&self, task: &Task<'_>, name: &str, work: &Path) -> Attempt<(Entry, PathBuf)> {
        let published = self.reachable(task, name)?;
        let (repository, tag) = place_of(&published);
        let file = work.join(archive_name(&artifact(name), &self.facts.container_platform()));
        let mut stored = Stored { repository, tag, digest: String::new() };
        let reference = stored.in_archive();
        stored.digest =
            self.with_upstream(task, &published, |from| fetch_archive(task, from, &reference, &file))?;
        let entry = self.blank(&artifact(name), "image", sha256_of(published.as_bytes()), &stored);
        Ok(sealed(entry, file)?)
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
            return refused(format!("{name} can only be built on a machine with that platform"));
        }
        let made = self.source.make(task, None, &artifact)?;
        let (repository, tag) = place_of(made.entry.reference.as_deref().unwrap_or(&artifact));
        let file = work.join(archive_name(&artifact, &made.entry.platform));
        let mut stored = Stored { repository, tag, digest: String::new() };
        stored.digest = normalise_archive(&made.file(), &stored.in_archive(), &file).map_err(Error::from)?;
        let entry = self.blank(&artifact, "image", made.entry.inputs, &stored);
        Ok(sealed(entry, file)?)
    }

    /// An image of the project, built unless the registry has it; with its SBOM.
    pub fn application_entries(
        &self,
        task: &Task<'_>,
        engine: &Engine,
        registry: &Registry,
        order: &Order<'_>,
        work: &Path,
    ) -> Result<Vec<(Entry, PathBuf)>> {
        let built = images::build(task, engine, registry, order)?;
        let name = &order.spec.name;
        let entry = self.blank(&sbom::application(name), "application", inputs_hash(order)?, &built.stored);
        let image = exported(task, registry, entry.clone(), &built.stored, work)?;
        let sbom = images::sbom::make(order, &built)?;
        let file = work.join(format!("{name}.cdx.json"));
        std::fs::write(&file, &sbom).map_err(|e| Error::io("write", &file, &e))?;
        let entry = Entry {
            name: sbom::entry_name(name),
            kind: "sbom".to_owned(),
            sha256: sha256_of(&sbom),
            size: sbom.len() as u64,
            reference: None,
            image_id: None,
            ..entry
        };
        Ok(vec![image, (entry, file)])
    }

    /// The project's image from the bundle, pushed to the registry; `None` if the bundle has none
    /// of these sources, and why is said.
    pub fn bundled_build(
        &self,
        task: &Task<'_>,
        registry: &Registry,
        order: &Order<'_>,
    ) -> Result<Option<Built>> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let (name, platform) = (&order.spec.name, self.facts.container_platform());
        let Some(entry) = bundle.find(&sbom::application(name), &platform) else {
            task.warn(format!("the bundle has no image {name} for {platform}; building it here"));
            return Ok(None);
        };
        if entry.inputs != inputs_hash(order)? {
            task.warn(format!(
                "the bundle's image {name} was built from other sources, on another base or for another \
                 target than {}; building it here",
                order.target
            ));
            return Ok(None);
        }
        let file = self.bundled_file(task, entry).map_err(|miss| miss.into_error(Error::refused))?;
        let stored = push(task, registry, entry, &file).map_err(|miss| miss.into_error(Error::refused))?;
        match images::adopt(task, registry, order, &stored.digest)? {
            Ok(built) => Ok(Some(built)),
            Err(why) => {
                task.warn(format!("the bundle's image {name} cannot be used: {why}; building it here"));
                Ok(None)
            }
        }
    }

    fn blank(&self, name: &str, kind: &str, inputs: String, stored: &Stored) -> Entry {
        Entry {
            name: name.to_owned(),
            kind: kind.to_owned(),
            version: stored.tag.trim_start_matches('v').to_owned(),
            platform: self.facts.container_platform(),
            file: "image.tar".to_owned(),
            sha256: String::new(),
            size: 0,
            inputs,
            reference: Some(stored.in_archive()),
            image_id: Some(stored.digest.clone()),
        }
    }
}

fn archive_name(name: &str, platform: &str) -> String {
    format!("{name}-{}.tar", platform.replace('/', "-"))
}

/// Writes the image's archive to `work`.
fn exported(
    task: &Task<'_>,
    registry: &Registry,
    entry: Entry,
    stored: &Stored,
    work: &Path,
) -> Result<(Entry, PathBuf)> {
    let file = work.join(archive_name(&entry.name, &entry.platform));
    registry.export(task, &stored.repository, &stored.digest, &stored.in_archive(), &file)?;
    sealed(entry, file)
}

/// The entry with digest and size of its file.
fn sealed(entry: Entry, file: PathBuf) -> Result<(Entry, PathBuf)> {
    let (sha256, size) = sha256_file(&file)?;
    Ok((Entry { sha256, size, ..entry }, file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bundle::{Bundle, Manifest};
    use crate::config::{Application, Paths, Target, Versions};
    use crate::data::Data;
    use crate::exec::Script;
    use crate::host::recorded::debian;
    use crate::images::testing::application;
    use crate::images::{INPUTS_LABEL, TAG_LABEL};
    use crate::origins::Trust;
    use crate::process_env::ProcessEnv;
    use crate::registry::testing::TestRegistry;
    use crate::task::testing::with_task;

    fn order(app: &Application) -> Order<'_> {
        Order { app, spec: &app.images[0], target: Target::Prod, base: None }
    }

    /// An archive of the project's image, as engines of any age write it.
    fn archive(to: &Path, inputs: &str) {
        let layer = vec![0; 1024];
        let config = json!({
            "architecture": debian().arch.name(), "os": "linux",
            "config": { "Labels": { INPUTS_LABEL: inputs, TAG_LABEL: "v1.2.3-abc" } },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256_of(&layer))] },
        })
        .to_string();
        let list = json!([{ "Config": "c.json", "RepoTags": ["localhost/app/web:v1"], "Layers": ["l.tar"] }]);
        let mut tar = tar::Builder::new(std::fs::File::create(to).unwrap());
        let list = list.to_string();
        for (name, bytes) in
            [("c.json", config.as_bytes()), ("l.tar", &layer), ("manifest.json", list.as_bytes())]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        }
        tar.finish().unwrap();
    }

    /// Origins with a bundle that holds the project's image, built from `inputs`.
    fn origins(dir: &Path, inputs: &str) -> Origins {
        let data = Data::default();
        let folder = dir.join("bundle");
        std::fs::create_dir_all(folder.join("files")).unwrap();
        let file = folder.join("files/app-web.tar");
        archive(&file, inputs);
        let (sha256, size) = sha256_file(&file).unwrap();
        let named = format!("files/{sha256}-app-web.tar");
        std::fs::rename(&file, folder.join(&named)).unwrap();
        let entry = Entry {
            name: "app-web".to_owned(),
            kind: "application".to_owned(),
            version: "1.2.3-abc".to_owned(),
            platform: debian().container_platform(),
            file: named,
            sha256,
            size,
            reference: Some("localhost/app/web:v1.2.3-abc".to_owned()),
            image_id: None,
            inputs: inputs.to_owned(),
        };
        let manifest = Manifest::new(vec![entry]).unwrap();
        let sha256 = manifest.sha256().unwrap();
        let bundle = Bundle { dir: folder, manifest, sha256 };
        let versions = Versions::load(&data).unwrap();
        let paths = Paths { cache: dir.join("cache"), state: dir.join("state") };
        let (process_env, trust) = (ProcessEnv::real(), Trust::default());
        Origins::new(&process_env, &paths, &data, &versions, &debian(), Some(bundle), trust).unwrap()
    }

    #[test]
    fn the_projects_image_is_taken_from_the_bundle_and_not_built() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let app = application(dir.path());
        let inputs = inputs_hash(&order(&app)).unwrap();
        let (served, script) = (TestRegistry::start(), Script::default());
        let ours = Registry::new(&served.authority()).unwrap();
        let origins = self::origins(other.path(), &inputs);
        let (built, _) = with_task(&script, |task| {
            let built = origins.bundled_build(task, &ours, &order(&app)).unwrap().unwrap();
            // The next run finds it by its inputs.
            assert_eq!(images::probe(task, &ours, &order(&app)).unwrap().unwrap(), built);
            built
        });
        assert_eq!((built.stored.repository.as_str(), built.stored.tag.as_str()), ("app/web", "v1.2.3-abc"));
        assert!(!built.built && script.ran().is_empty(), "{:?}", script.ran());
    }

    #[test]
    fn an_image_of_other_sources_is_not_taken_and_that_is_said() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let app = application(dir.path());
        let origins = self::origins(other.path(), &"0".repeat(64));
        let served = TestRegistry::start();
        let ours = Registry::new(&served.authority()).unwrap();
        let (built, said) =
            with_task(&Script::default(), |task| origins.bundled_build(task, &ours, &order(&app)));
        assert_eq!(built.unwrap(), None);
        assert!(said.events().iter().any(|event| event.message.contains("built from other sources")));
        assert!(served.seen().is_empty(), "nothing is pushed");
    }

    #[test]
    fn an_exported_image_keeps_its_digest_through_a_bundle() {
        let dir = tempfile::tempdir().unwrap();
        let origins = self::origins(&dir.path().join("o"), &"1".repeat(64));
        let (one, two) = (TestRegistry::start(), TestRegistry::start());
        let [one, two] = [&one, &two].map(|served| Registry::new(&served.authority()).unwrap());
        let file = dir.path().join("a.tar");
        archive(&file, "x");
        with_task(&Script::default(), |task| {
            let digest = one.push_archive(task, &file, "app/web", Some("1")).unwrap();
            let stored = Stored { repository: "app/web".to_owned(), tag: "1".to_owned(), digest };
            let entry = origins.blank("app-web", "application", "x".to_owned(), &stored);
            let (entry, file) = exported(task, &one, entry, &stored, dir.path()).unwrap();
            assert_eq!(entry.reference.as_deref(), Some("localhost/app/web:1"));
            assert_eq!(push(task, &two, &entry, &file).unwrap(), stored);
        });
    }
}
