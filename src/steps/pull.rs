//! Steps `pull-<image>`: pull an image into every node, by digest, before a pod needs it.

use super::{Probe, Session, Step};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::local_registry;
use crate::task::{Task, run_graph};

pub struct PullStep {
    pub name: String,
}

impl PullStep {
    /// The nodes that do not have the image.
    fn missing(&self, session: &Session, task: &Task<'_>) -> Result<Vec<String>> {
        let image = session.image(&self.name)?.in_node();
        let nodes = session.node_images(task)?;
        let without = nodes.iter().filter(|(_, has)| !has.contains(&image));
        Ok(without.map(|(node, _)| node.clone()).collect())
    }
}

impl Step for PullStep {
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let missing = self.missing(session, task)?;
        Ok(if missing.is_empty() {
            Probe::Done("is in the cluster".to_owned())
        } else {
            Probe::Needed(format!("{} does not have it", missing.join(", ")))
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let image = session.image(&self.name)?;
        let (engine, missing) = (session.engine()?, self.missing(session, task)?);
        // In parallel, so that the registry reads the image from disk only once.
        let pulled = run_graph(
            &vec![Vec::new(); missing.len()],
            missing.len(),
            &Cancel::default(),
            || (),
            |at| local_registry::pull(task, engine, &missing[at], &image),
        );
        session.forget_node_images();
        pulled?;
        Ok(format!("{}:{}", image.repository, image.tag))
    }
}
