//! Steps `pull-<image>`: pull an image into every node, by digest, before a pod needs it.

use std::sync::Arc;
use std::time::Duration;

use super::undo::IN_CLUSTER;
use super::{Probe, Session, Step, Undo};
use crate::error::{Error, Result};
use crate::local_registry;
use crate::task::Task;

pub struct PullStep {
    id: String,
    name: String,
    session: Arc<Session>,
}

impl PullStep {
    pub fn new(name: &str, session: Arc<Session>) -> Self {
        Self { id: format!("pull-{name}"), name: name.to_owned(), session }
    }

    /// The nodes that do not have the image.
    fn missing(&self, task: &Task<'_>) -> Result<Vec<String>> {
        let image = self.session.image(&self.name)?.in_node();
        let nodes = self.session.node_images(task)?;
        let without = nodes.iter().filter(|(_, has)| !has.contains(&image));
        Ok(without.map(|(node, _)| node.clone()).collect())
    }
}

impl Step for PullStep {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> String {
        format!("Pull image {} into the cluster", self.name)
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn undo(&self) -> Undo<'_> {
        IN_CLUSTER
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let missing = self.missing(task)?;
        Ok(if missing.is_empty() {
            Probe::Done("is in the cluster".to_owned())
        } else {
            Probe::Needed(format!("{} does not have it", missing.join(", ")))
        })
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (session, image) = (&self.session, self.session.image(&self.name)?);
        let (engine, missing) = (session.engine()?, self.missing(task)?);
        // In parallel, so that the registry reads the image from disk only once.
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let pulls: Vec<_> = missing
                .iter()
                .map(|node| scope.spawn(|| local_registry::pull(task, engine, node, &image)))
                .collect();
            let panicked = || Err(Error::failed("pulling an image panicked"));
            pulls.into_iter().map(|pull| pull.join().unwrap_or_else(|_| panicked())).collect()
        });
        session.forget_node_images();
        results.into_iter().collect::<Result<()>>()?;
        Ok(format!("{}:{}", image.repository, image.tag))
    }
}
