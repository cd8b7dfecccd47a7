//! Images that the engine builds from one of our contexts and the outputs of other recipes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::recipe::{IMAGE_TAR, Image, Kind, ROOTFS_TAR, split};
use super::{Made, Source};
use crate::data::copy_tree;
use crate::engine::{Build, Engine};
use crate::error::{Error, Result};
use crate::images::INPUTS_LABEL;
use crate::task::Task;

impl Source {
    /// Builds the image, saves its archive to `out`, and returns its id.
    pub(super) fn build_image(
        &self,
        task: &Task<'_>,
        engine: Option<&Engine>,
        image: &Image,
        inputs: &str,
        work: &Path,
        out: &Path,
    ) -> Result<String> {
        let engine = engine.ok_or_else(|| {
            Error::host(format!("a container engine is needed to build {}", image.tag))
                .help("todo-bootstrap doctor   # shows what is missing")
        })?;
        let mut args: Vec<(String, String)> = image.args.clone().into_iter().collect();
        for (arg, base) in &image.bases {
            args.push((arg.clone(), self.in_engine(task, engine, base)?));
        }
        let context = work.join("context");
        self.stage(task, image, work, &context)?;
        engine.can_build(&self.facts, &context.join("Dockerfile"))?;
        let id = engine.build(
            task,
            &Build {
                dockerfile: context.join("Dockerfile"),
                context,
                tags: vec![image.tag.clone()],
                args,
                labels: vec![(INPUTS_LABEL.to_owned(), inputs.to_owned())],
                target: None,
            },
        )?;
        task.say(format!("save {}", image.tag));
        engine.save(task, std::slice::from_ref(&image.tag), &out.join(IMAGE_TAR))?;
        Ok(id)
    }

    /// Puts together the build's context: our folder, modules' files, what other recipes made.
    fn stage(&self, task: &Task<'_>, image: &Image, work: &Path, context: &Path) -> Result<()> {
        self.data.extract(&format!("offline/{}", image.context), context)?;
        for (target, files) in &image.module_files {
            let from = self.module_folder(task, files, work)?;
            copy_tree(&from, &context.join(target))?;
        }
        for (target, from) in self.outputs(&image.files)? {
            link(&from, &context.join(target))?;
        }
        Ok(())
    }

    /// The files of artifacts that `files` names.
    pub(super) fn outputs<'a>(
        &self,
        files: &'a BTreeMap<String, String>,
    ) -> Result<BTreeMap<&'a str, PathBuf>> {
        let mut found = BTreeMap::new();
        for (target, file) in files {
            let (artifact, output) = split(file);
            let made = self.used(artifact)?;
            let path = made.outputs.get(output).cloned();
            let path = path.ok_or_else(|| Error::failed(format!("{artifact} has no file {output}")))?;
            found.insert(target.as_str(), path);
        }
        Ok(found)
    }

    /// The artifact's reference in the engine, which loads the image unless it has it, made of these inputs.
    fn in_engine(&self, task: &Task<'_>, engine: &Engine, name: &str) -> Result<String> {
        let recipe = self.recipes.get(name)?;
        let made = self.used(name)?;
        let inputs = &made.entry.inputs;
        let reference = match recipe.kind.tag() {
            Some(tag) => tag.to_owned(),
            None => format!("localhost/todo-bootstrap/{name}:{}", inputs.get(..16).unwrap_or(inputs)),
        };
        if engine.image_label(task, &reference, INPUTS_LABEL)?.as_deref() == Some(inputs) {
            return Ok(reference);
        }
        task.say(format!("load {reference}"));
        match &recipe.kind {
            Kind::Rootfs(_) => {
                let changes = [format!("LABEL {INPUTS_LABEL}={inputs}")];
                engine.import(task, &output(&made, ROOTFS_TAR), &reference, &changes).map(drop)?;
            }
            _ => drop(engine.load(task, &output(&made, IMAGE_TAR))?),
        }
        Ok(reference)
    }
}

fn output(made: &Made, name: &str) -> PathBuf {
    made.outputs.get(name).cloned().unwrap_or_else(|| made.file())
}

/// The same file under another name; a copy where the file system knows no links.
fn link(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, &e))?;
    }
    if to.exists() {
        return Err(Error::failed(format!("{} is in the context already", to.display())));
    }
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to).map(drop).map_err(|e| Error::io("copy", from, &e))
}
