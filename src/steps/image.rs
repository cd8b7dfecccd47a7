//! Steps for images: `node-image`, `base-<image>` and `image-<image>`, `build-<image>`, `pull-<image>`.

use std::sync::PoisonError;

use super::{Probe, Session, Step};
use crate::cancel::Cancel;
use crate::config::{Application, ImageSpec};
use crate::error::Result;
use crate::fetch::Urgency;
use crate::images::{self, Order, sbom};
use crate::local_registry::{self, Stored};
use crate::origins::{Forecast, FoundImage};
use crate::task::{Task, run_graph};

/// Pushes an image that is not built from the project to the registry.
pub struct ImageStep {
    pub name: String,
    /// Of its transfer, where downloads share a link.
    pub urgency: Urgency,
}

impl ImageStep {
    fn keep(&self, session: &Session, found: FoundImage) -> String {
        let text = format!("{}:{} ({})", found.stored.repository, found.stored.tag, found.origin.name());
        session.set_image(&self.name, found.stored);
        text
    }
}

impl Step for ImageStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        vec![session.origins.image_forecast(&self.name).effect("the local registry")]
    }

    fn forecast(&self, session: &Session, task: &Task<'_>) -> Result<Option<Forecast>> {
        session.origins.forecast_of_image(task, None, &self.name).map(Some)
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let registry = session.registry()?;
        Ok(match session.origins.present_image(task, registry.client(), &self.name)? {
            Ok(found) => Probe::Done(self.keep(session, found)),
            Err(why) => Probe::Needed(why),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let registry = session.registry()?;
        let found =
            session.origins.image(task, session.engine()?, registry.client(), &self.name, self.urgency)?;
        Ok(self.keep(session, found))
    }
}

/// Builds an image of the project if its inputs changed, and writes its SBOM.
pub struct BuildStep {
    pub spec: ImageSpec,
    pub application: Application,
}

impl BuildStep {
    fn base(&self, session: &Session) -> Result<Option<Stored>> {
        self.spec.base.as_deref().map(|base| session.image(base)).transpose()
    }

    fn order<'a>(&'a self, session: &Session, base: Option<&'a Stored>) -> Order<'a> {
        Order { app: &self.application, spec: &self.spec, target: session.target(), base }
    }

    fn keep(&self, session: &Session, built: images::Built) -> String {
        let text = shown(&built.stored);
        session.set_image(&self.spec.name, built.stored);
        text
    }
}

impl Step for BuildStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let (file, target) = (self.spec.dockerfile.display(), session.target());
        let document = sbom::file(&session.dir(), &self.spec.name);
        vec![
            format!("builds an image from {file} (target {target}) and pushes it to the local registry"),
            format!("writes its SBOM to {}", document.display()),
        ]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let base = self.base(session)?;
        let order = self.order(session, base.as_ref());
        match images::probe(task, session.registry()?.client(), &order)? {
            Ok(built) => {
                let document = sbom::make(&order, &built)?;
                if !sbom::is_written(&session.dir(), &self.spec.name, &document) {
                    return Ok(Probe::Needed("its SBOM is missing".to_owned()));
                }
                Ok(Probe::Done(self.keep(session, built)))
            }
            Err(why) => Ok(Probe::Needed(why)),
        }
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let base = self.base(session)?;
        let order = self.order(session, base.as_ref());
        let registry = session.registry()?;
        let built = match session.origins.bundled_build(task, registry.client(), &order)? {
            Some(built) => built,
            None => images::build(task, session.engine()?, registry.client(), &order)?,
        };
        sbom::write(&session.dir(), &self.spec.name, &sbom::make(&order, &built)?)?;
        Ok(self.keep(session, built))
    }
}

fn shown(image: &Stored) -> String {
    format!("{}:{}", image.repository, image.tag)
}

/// Pulls an image into every node, by digest, before a pod needs it.
pub struct PullStep {
    pub name: String,
}

/// The nodes that do not have the image.
fn missing(session: &Session, task: &Task<'_>, image: &Stored) -> Result<Vec<String>> {
    let image = image.in_node();
    let nodes = session.node_images(task)?;
    let without = nodes.iter().filter(|(_, has)| !has.contains(&image));
    Ok(without.map(|(node, _)| node.clone()).collect())
}

/// Pulls an image into the nodes that do not have it, after another pull of it has ended.
pub(super) fn pull(session: &Session, task: &Task<'_>, name: &str) -> Result<Stored> {
    let turn = session.pull_turn(name);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let image = session.image(name)?;
    let (engine, missing) = (session.engine()?, missing(session, task, &image)?);
    // In parallel, so that the registry reads the image from disk only once.
    let pulled = run_graph(
        &vec![Vec::new(); missing.len()],
        missing.len(),
        &Cancel::default(),
        || (),
        |at| local_registry::pull(task, engine, &missing[at], &image),
    );
    if !missing.is_empty() {
        session.forget_node_images();
    }
    pulled.map(|()| image)
}

impl Step for PullStep {
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let missing = missing(session, task, &session.image(&self.name)?)?;
        Ok(if missing.is_empty() {
            Probe::Done("is in the cluster".to_owned())
        } else {
            Probe::Needed(format!("{} does not have it", missing.join(", ")))
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        pull(session, task, &self.name).map(|image| shown(&image))
    }
}
