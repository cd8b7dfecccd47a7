//! The plan of `up`, from the profile and the application.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::addon::AddonStep;
use super::build::BuildStep;
use super::build_tools::BuildToolsStep;
use super::checks::{ChecksStep, specs};
use super::cluster::{ClusterReadyStep, ClusterStep};
use super::engine::EngineStep;
use super::env::EnvStep;
use super::image::ImageStep;
use super::pull::PullStep;
use super::registry::{ClusterRegistryStep, RegistryStep};
use super::release::ReleaseStep;
use super::secrets::{NamespaceStep, SecretsStep};
use super::tool::ToolStep;
use super::{NODE_STEP, Plan, Session, Step, node_image};
use crate::config::{Application, ProviderKind};
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

/// The steps of `up` with the steps that each needs. Addons and images come from data, so that new ones need
/// no code.
#[derive(Default)]
struct Draft {
    steps: Vec<(Box<dyn Step>, Vec<String>)>,
    /// The images that already have a step.
    images: BTreeSet<String>,
}

impl Draft {
    fn add<N: AsRef<str>>(&mut self, step: impl Step + 'static, needs: impl IntoIterator<Item = N>) {
        let needs = needs.into_iter().map(|need| need.as_ref().to_owned()).collect();
        self.steps.push((Box::new(step), needs));
    }

    /// Adds the step `id`, which pushes an image that is not built from the project to the registry.
    fn image(&mut self, session: &Arc<Session>, id: &str, title: String, image: &str) {
        self.images.insert(image.to_owned());
        let step = ImageStep::new(id.to_owned(), title, image, session.clone());
        self.add(step, ["registry", "build-tools"]);
    }

    /// Adds such a step, and one that pulls the image into the nodes.
    fn pulled_image(&mut self, session: &Arc<Session>, image: &str) {
        if !self.images.contains(image) {
            let id = format!("image-{image}");
            self.image(session, &id, format!("Image {image}"), image);
            self.add(PullStep::new(image, session.clone()), ["cluster-registry", &id]);
        }
    }
}

/// All steps of `up`.
pub fn plan(session: &Arc<Session>) -> Result<Plan> {
    let provider = session.profile.provider;
    if provider == ProviderKind::Existing {
        return Err(super::session::unavailable(provider));
    }
    let own = || session.clone();
    let mut draft = Draft::default();
    draft.add(EngineStep { session: own() }, NOTHING);
    draft.add(RegistryStep { session: own() }, ["engine"]);
    for tool in tools(provider) {
        draft.add(ToolStep::new(tool, own()), NOTHING);
    }
    let images = self::images(session)?.into_iter().collect();
    draft.add(BuildToolsStep { images, session: own() }, ["registry"]);
    draft.image(session, NODE_STEP, "Node image".to_owned(), node_image(provider));
    let tool = format!("tool-{}", provider.name());
    draft.add(ClusterStep { session: own() }, ["engine", &tool, NODE_STEP]);
    draft.add(ClusterReadyStep { session: own() }, ["cluster"]);
    draft.add(ClusterRegistryStep { session: own() }, ["cluster", "registry"]);
    let mut verified = vec!["cluster-ready".to_owned(), "tool-kubectl".to_owned()];
    for addon in session.addons()? {
        for image in &addon.images {
            draft.pulled_image(session, image);
        }
        verified.push(format!("addon-{}", addon.name));
        let pulls = addon.images.iter().map(|image| format!("pull-{image}"));
        let needs: Vec<String> = pulls.chain(["cluster".to_owned()]).collect();
        draft.add(AddonStep::new(addon.clone(), own()), needs);
    }
    if let Some(application) = &session.application {
        self::application(session, application, &mut draft);
        verified.push("release".to_owned());
    }
    draft.add(ChecksStep::new(specs(session)?, own()), verified);
    Plan::new(draft.steps)
}

const NOTHING: [&str; 0] = [];

/// The artifacts that `up` needs as images: of the registry, the node and the addons, and the base images
/// of the application.
pub fn images(session: &Session) -> Result<BTreeSet<String>> {
    let mut images = BTreeSet::from([node_image(session.profile.provider), REGISTRY].map(str::to_owned));
    images.extend(session.addons()?.iter().flat_map(|addon| addon.images.clone()));
    let specs = session.application.iter().flat_map(|application| &application.images);
    images.extend(specs.filter_map(|spec| spec.base.clone()));
    images.extend(session.application.iter().flat_map(|application| application.ready_images.clone()));
    Ok(images)
}

fn application(session: &Arc<Session>, application: &Application, draft: &mut Draft) {
    for spec in &application.images {
        let base = spec.base.as_ref().map(|base| (base, format!("base-{base}")));
        if let Some((base, id)) = base.as_ref().filter(|(base, _)| !draft.images.contains(*base)) {
            draft.image(session, id, format!("Base image {base}"), base);
        }
        let needs: Vec<String> = base.map(|(_, id)| id).into_iter().chain(["registry".to_owned()]).collect();
        draft.add(BuildStep::new(spec, application, session.clone()), needs);
        let built = format!("build-{}", spec.name);
        draft.add(PullStep::new(&spec.name, session.clone()), ["cluster-registry", &built]);
    }
    for image in &application.ready_images {
        draft.pulled_image(session, image);
    }
    let part = || (application.clone(), session.clone());
    let (one, two, three, four) = (part(), part(), part(), part());
    // New secrets must not replace those of an existing cluster, so they are read from it first.
    let env = if session.receipt().made.cluster.complete { vec!["cluster"] } else { Vec::new() };
    draft.add(EnvStep { application: one.0, session: one.1 }, env);
    draft.add(NamespaceStep { application: two.0, session: two.1 }, ["cluster"]);
    draft.add(SecretsStep { application: three.0, session: three.1 }, ["namespace", "env"]);
    let pulls = application.image_names().into_iter().map(|name| format!("pull-{name}"));
    let needs: Vec<String> = pulls.chain(["tool-helm", "namespace", "secrets"].map(str::to_owned)).collect();
    draft.add(ReleaseStep { application: four.0, session: four.1 }, needs);
}
