//! The plan of `up`, from the profile and the application.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::addon::AddonStep;
use super::build::BuildStep;
use super::build_tools::BuildToolsStep;
use super::checks::{ChecksStep, specs};
use super::cluster::ClusterStep;
use super::engine::EngineStep;
use super::env::EnvStep;
use super::image::ImageStep;
use super::pull::PullStep;
use super::registry::{ClusterRegistryStep, RegistryStep};
use super::release::ReleaseStep;
use super::secrets::{NamespaceStep, SecretsStep};
use super::settle::SettleStep;
use super::tool::ToolStep;
use super::{NODE_STEP, Plan, Session, Step, node_image};
use crate::addons::Addon;
use crate::config::ProviderKind;
use crate::error::Result;
use crate::origins::REGISTRY;

/// The tools that `up` fetches for a provider, in the order in which they are needed.
pub fn tools(provider: ProviderKind) -> Vec<&'static str> {
    match provider {
        ProviderKind::Kind => vec!["kind", "helm", "kubectl"],
        ProviderKind::Minikube => vec!["minikube", "helm", "kubectl"],
        ProviderKind::Existing => vec!["helm", "kubectl"],
    }
}

/// All steps of `up`. Everything in it follows from data; a new addon or image is no new code.
pub fn plan(session: &Arc<Session>) -> Result<Plan> {
    let provider = session.profile.provider;
    if provider == ProviderKind::Existing {
        return Err(super::session::unavailable(provider));
    }
    let addons = addons(session)?;
    let mut steps: Vec<Box<dyn Step>> = vec![
        Box::new(EngineStep { session: session.clone() }),
        Box::new(RegistryStep { session: session.clone() }),
        Box::new(ClusterRegistryStep { session: session.clone() }),
    ];
    let mut needs_of_checks = vec!["cluster-ready".to_owned(), "tool-kubectl".to_owned()];
    for tool in tools(provider) {
        steps.push(Box::new(ToolStep::new(tool, session.clone())));
    }
    let image = node_image(provider);
    let mut images = BTreeSet::from([image.to_owned()]);
    let node = ImageStep::new(NODE_STEP.to_owned(), "Node image".to_owned(), image, session.clone());
    steps.push(Box::new(node));
    steps.push(Box::new(ClusterStep { session: session.clone() }));
    steps.push(Box::new(SettleStep { session: session.clone() }));
    for addon in addons {
        needs_of_checks.push(format!("addon-{}", addon.name));
        for image in &addon.images {
            ready_image(session, image, &mut images, &mut steps);
        }
        steps.push(Box::new(AddonStep::new(addon, session.clone())));
    }
    if session.application.is_some() {
        needs_of_checks.push("release".to_owned());
    }
    application(session, &mut images, &mut steps);
    let images = self::images(session)?.into_iter().collect();
    steps.push(Box::new(BuildToolsStep { images, session: session.clone() }));
    steps.push(Box::new(ChecksStep::new(specs(session)?, needs_of_checks, session.clone())));
    Plan::new(steps)
}

/// The artifacts that `up` needs as images: the registry's, the node's, the addons', and the
/// application's bases.
pub fn images(session: &Session) -> Result<BTreeSet<String>> {
    let mut images = BTreeSet::from([node_image(session.profile.provider), REGISTRY].map(str::to_owned));
    for addon in addons(session)? {
        images.extend(addon.images);
    }
    let specs = session.application.iter().flat_map(|application| &application.images);
    images.extend(specs.filter_map(|spec| spec.base.clone()));
    images.extend(session.application.iter().flat_map(|application| application.ready_images.clone()));
    Ok(images)
}

/// An image that is not built from the project: it comes into the registry, and from there into the
/// nodes.
fn ready_image(
    session: &Arc<Session>,
    image: &str,
    images: &mut BTreeSet<String>,
    steps: &mut Vec<Box<dyn Step>>,
) {
    if images.insert(image.to_owned()) {
        let (id, title) = (format!("image-{image}"), format!("Image {image}"));
        steps.push(Box::new(ImageStep::new(id.clone(), title, image, session.clone())));
        steps.push(Box::new(PullStep::new(image, id, session.clone())));
    }
}

fn addons(session: &Session) -> Result<Vec<Addon>> {
    let names = &session.profile.addons;
    names.iter().map(|name| Addon::load(&session.data, &session.versions, name)).collect()
}

fn application(session: &Arc<Session>, images: &mut BTreeSet<String>, steps: &mut Vec<Box<dyn Step>>) {
    let Some(application) = session.application.clone() else { return };
    for spec in &application.images {
        if let Some(base) = spec.base.as_ref().filter(|base| images.insert((*base).clone())) {
            let (id, title) = (format!("base-{base}"), format!("Base image {base}"));
            steps.push(Box::new(ImageStep::new(id, title, base, session.clone())));
        }
        steps.push(Box::new(BuildStep::new(spec, &application, session.clone())));
        let built = format!("build-{}", spec.name);
        steps.push(Box::new(PullStep::new(&spec.name, built, session.clone())));
    }
    for image in &application.ready_images {
        ready_image(session, image, images, steps);
    }
    let part = || (application.clone(), session.clone());
    let (one, two, three, four) = (part(), part(), part(), part());
    steps.push(Box::new(EnvStep { application: one.0, session: one.1 }));
    steps.push(Box::new(NamespaceStep { application: two.0, session: two.1 }));
    steps.push(Box::new(SecretsStep { application: three.0, session: three.1 }));
    steps.push(Box::new(ReleaseStep { application: four.0, session: four.1 }));
}
