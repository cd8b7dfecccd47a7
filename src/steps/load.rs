//! Steps `load-<image>`: the node has the image, to the digest.

use std::sync::Arc;
use std::time::Duration;

use super::{Probe, Session, Step};
use crate::error::Result;
use crate::images;
use crate::task::Task;

pub struct LoadStep {
    id: String,
    name: String,
    /// The step that puts the image into the engine.
    from: String,
    /// The images that are sent together, as far as they are in the engine by then: they share
    /// layers.
    together: Vec<String>,
    /// Images that are sent before.
    after: Vec<String>,
    session: Arc<Session>,
}

impl LoadStep {
    pub fn new(name: &str, from: String, together: &[String], session: Arc<Session>) -> Self {
        let (id, name) = (format!("load-{name}"), name.to_owned());
        Self { id, name, from, together: together.to_vec(), after: Vec::new(), session }
    }

    /// Lets it wait until `images` are in the node.
    pub fn after(self, images: &[String]) -> Self {
        Self { after: images.to_vec(), ..self }
    }
}

impl Step for LoadStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        format!("Load image {} into the node", self.name)
    }

    fn needs(&self) -> Vec<String> {
        let before = self.after.iter().map(|image| format!("load-{image}"));
        before.chain(["cluster".to_owned(), self.from.clone()]).collect()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let image = self.session.image(&self.name)?;
        let there = self.session.node_images(task)?;
        Ok(match there.get(&image.reference) {
            Some(id) if *id == image.id => Probe::Done("is in the node".to_owned()),
            Some(_) => Probe::Needed(format!("the node has another {}", image.reference)),
            None => Probe::Needed(format!("{} is not in the node", image.reference)),
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let image = self.session.image(&self.name)?;
        let _turn = self.session.loading();
        let there = self.session.node_images(task)?;
        if there.get(&image.reference) == Some(&image.id) {
            // Another step took it along while this one waited for its turn.
            return Ok(image.reference);
        }
        let known = self.together.iter().filter_map(|name| self.session.image(name).ok());
        let missing = known.filter(|image| there.get(&image.reference) != Some(&image.id));
        let missing: Vec<(String, String)> = missing.map(|image| (image.reference, image.id)).collect();
        images::load(task, self.session.engine()?, &self.session.provider()?.node(), &missing)?;
        self.session.forget_node_images();
        Ok(image.reference)
    }
}
