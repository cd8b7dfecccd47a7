//! The plan of `up`, from the profile and the application.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::addon::AddonStep;
use super::build::BuildStep;
use super::build_tools::BuildToolsStep;
use super::checks::{ChecksStep, specs};
use super::cluster::ClusterStep;
use super::engine::EngineStep;
use super::image::ImageStep;
use super::load::LoadStep;
use super::release::ReleaseStep;
use super::secrets::{NamespaceStep, SecretsStep};
use super::tool::ToolStep;
use super::{NODE_IMAGE, NODE_STEP, Plan, Session, Step};
use crate::addons::Addon;
use crate::config::ProviderKind;
use crate::error::Result;

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
    if session.profile.provider != ProviderKind::Kind {
        return Err(super::session::unavailable(session.profile.provider));
    }
    let addons = addons(session)?;
    let mut steps: Vec<Box<dyn Step>> = vec![Box::new(EngineStep { session: session.clone() })];
    let mut needs_of_checks = vec!["cluster".to_owned(), "tool-kubectl".to_owned()];
    for tool in tools(session.profile.provider) {
        steps.push(Box::new(ToolStep::new(tool, session.clone())));
    }
    let mut images = BTreeSet::from([NODE_IMAGE.to_owned()]);
    let node = ImageStep::new(NODE_STEP.to_owned(), "Node image".to_owned(), NODE_IMAGE, session.clone());
    steps.push(Box::new(node));
    steps.push(Box::new(ClusterStep { session: session.clone() }));
    for addon in addons {
        needs_of_checks.push(format!("addon-{}", addon.name));
        for image in &addon.images {
            if images.insert(image.clone()) {
                let (id, title) = (format!("image-{image}"), format!("Image {image}"));
                steps.push(Box::new(ImageStep::new(id.clone(), title, image, session.clone())));
                steps.push(Box::new(LoadStep::new(image, id, session.clone())));
            }
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

/// The artifacts that `up` needs as images: the node's, the addons', and the application's bases.
pub fn images(session: &Session) -> Result<BTreeSet<String>> {
    let mut images = BTreeSet::from([NODE_IMAGE.to_owned()]);
    for addon in addons(session)? {
        images.extend(addon.images);
    }
    let specs = session.application.iter().flat_map(|application| &application.images);
    images.extend(specs.filter_map(|spec| spec.base.clone()));
    Ok(images)
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
        steps.push(Box::new(LoadStep::new(&spec.name, format!("build-{}", spec.name), session.clone())));
    }
    let (one, two, three) = (session.clone(), session.clone(), session.clone());
    steps.push(Box::new(NamespaceStep { application: application.clone(), session: one }));
    steps.push(Box::new(SecretsStep { application: application.clone(), session: two }));
    steps.push(Box::new(ReleaseStep { application, session: three }));
}
