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
    session: Arc<Session>,
}

impl LoadStep {
    pub fn new(name: &str, from: String, session: Arc<Session>) -> Self {
        Self { id: format!("load-{name}"), name: name.to_owned(), from, session }
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
        vec!["cluster".to_owned(), self.from.clone()]
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let (engine, image) = (self.session.engine()?, self.session.image(&self.name)?);
        let node = self.session.provider()?.node();
        let there = images::node_image_id(task, engine, &node, &image.reference)?;
        Ok(match there {
            Some(id) if id == image.id => Probe::Done("is in the node".to_owned()),
            Some(_) => Probe::Needed(format!("the node has another {}", image.reference)),
            None => Probe::Needed(format!("{} is not in the node", image.reference)),
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (engine, image) = (self.session.engine()?, self.session.image(&self.name)?);
        let node = self.session.provider()?.node();
        images::load(task, engine, &node, &image.reference, &image.id)?;
        Ok(image.reference)
    }
}
