//! The plan of `up`, from the profile and the application.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::addon::AddonStep;
use super::addon_removal::RemovalStep;
use super::backup::CopyStep;
use super::build_tools::BuildToolsStep;
use super::certificate::{CertificateStep, Tls};
use super::checks::{ChecksStep, specs};
use super::cluster::{ClusterReadyStep, ClusterStep};
use super::early::EarlyPullsStep;
use super::engine::EngineStep;
use super::env::EnvStep;
use super::image::{BuildStep, ImageStep, PullStep};
use super::plan::{NO_CHANGE, NOTHING, Planned, Undo, WITH_CACHE, WITH_CLUSTER};
use super::registry::{ClusterRegistryStep, RegistryStep};
use super::release::ReleaseStep;
use super::secrets::{NamespaceStep, SecretsStep};
use super::tool::ToolStep;
use super::values::ValuesStep;
use super::{NODE_STEP, Plan, Session, Step, node_image};
use crate::config::{Application, ProviderKind};
use crate::error::Result;
use crate::fetch::Urgency;
use crate::origins::REGISTRY;

/// The tools that `up` fetches for a provider, in the order in which they are needed.
pub fn tools(provider: ProviderKind) -> Vec<&'static str> {
    match provider {
        ProviderKind::Kind => vec!["kind", "helm", "kubectl"],
        ProviderKind::Minikube => vec!["minikube", "helm", "kubectl"],
        ProviderKind::Existing => vec!["helm", "kubectl"],
    }
}

/// What waits for a tool. helm renders the chart before there is a cluster, so that a mistake in its values is
/// reported early; only checks use kubectl.
fn urgency(tool: &str) -> Urgency {
    if tool == "kubectl" { Urgency::Check } else { Urgency::Cluster }
}

/// The steps of `up`. Addons and images come from data, so that new ones need no code.
#[derive(Default)]
struct Draft {
    steps: Vec<Planned>,
    /// The images that already have a step.
    images: BTreeSet<String>,
    /// Those that are pulled into the nodes.
    pulls: Vec<String>,
}

impl Draft {
    fn add<N: Into<String>>(
        &mut self,
        id: impl Into<String>,
        title: impl Into<String>,
        minutes: u64,
        needs: impl IntoIterator<Item = N>,
        undo: Undo,
        step: impl Step + 'static,
    ) {
        self.steps.push(Planned::new(id, title, minutes, needs, undo, step));
    }

    /// Adds the step `id`, which pushes an image that is not built from the project to the registry.
    fn image(&mut self, id: &str, title: String, image: &str, urgency: Urgency) {
        self.images.insert(image.to_owned());
        let step = ImageStep { name: image.to_owned(), urgency };
        self.add(id, title, 60, ["registry", "build-tools"], WITH_CACHE, step);
    }

    /// Adds the step that pulls an image into the nodes.
    fn pull(&mut self, image: &str, made_by: &str) {
        self.pulls.push(image.to_owned());
        let (id, title) = (format!("pull-{image}"), format!("Pull image {image} into the cluster"));
        let step = PullStep { name: image.to_owned() };
        self.add(id, title, 10, ["cluster-registry", made_by], WITH_CLUSTER, step);
    }

    /// Adds such a step, and one that pulls the image into the nodes.
    fn pulled_image(&mut self, image: &str) {
        if !self.images.contains(image) {
            let id = format!("image-{image}");
            self.image(&id, format!("Image {image}"), image, Urgency::Pod);
            self.pull(image, &id);
        }
    }
}

/// All steps of `up`.
pub fn plan(session: &Session) -> Result<Plan> {
    let provider = session.profile.provider;
    if provider == ProviderKind::Existing {
        return Err(super::session::unavailable(provider));
    }
    let mut draft = Draft::default();
    draft.add("engine", "Container engine", 15, NOTHING, Undo::Reverted, EngineStep);
    draft.add("registry", "Local registry", 30, ["engine"], Undo::Reverted, RegistryStep);
    for tool in tools(provider) {
        let (id, title) = (format!("tool-{tool}"), format!("Tool {tool}"));
        let step = ToolStep { name: tool, urgency: urgency(tool), unrecorded: OnceLock::new() };
        // As much as an image, because it may have to wait for all of them, and its own transfer.
        draft.add(id, title, 75, NOTHING, WITH_CACHE, step);
    }
    let step = BuildToolsStep { images: images(session)?.into_iter().collect() };
    draft.add("build-tools", "Image build tools", 10, ["registry"], Undo::Reverted, step);
    draft.image(NODE_STEP, "Node image".to_owned(), node_image(provider), Urgency::Cluster);
    let (title, tool) = (session.cluster_title(), format!("tool-{}", provider.name()));
    let needs = ["engine", &tool, NODE_STEP];
    draft.add("cluster", title, 10, needs, Undo::Reverted, ClusterStep);
    let title = "Node, storage and DNS of the cluster";
    draft.add("cluster-ready", title, 5, ["cluster"], WITH_CLUSTER, ClusterReadyStep);
    let title = "Registry in the cluster";
    draft.add("cluster-registry", title, 5, ["cluster", "registry"], WITH_CLUSTER, ClusterRegistryStep);
    let mut verified = vec!["cluster-ready".to_owned(), "tool-kubectl".to_owned()];
    // Before the others, because an ingress controller may be replaced by one that uses the same ports.
    let mut removals = Vec::new();
    for (name, objects) in session.unlisted_addons()? {
        let (id, title) = (format!("remove-addon-{name}"), format!("Removal of addon {name}"));
        removals.push(id.clone());
        draft.add(id, title, 5, ["cluster"], NO_CHANGE, RemovalStep { name, objects });
    }
    verified.extend(removals.iter().cloned());
    for addon in session.addons()? {
        for image in &addon.images {
            draft.pulled_image(image);
        }
        let id = format!("addon-{}", addon.name);
        let pulls = addon.images.iter().map(|image| format!("pull-{image}"));
        let step = AddonStep { addon: addon.clone() };
        verified.push(id.clone());
        let needs = pulls.chain(removals.iter().cloned()).chain(["cluster".to_owned()]);
        draft.add(id, &addon.title, 5, needs, WITH_CLUSTER, step);
    }
    if let Some(application) = &session.application {
        self::application(session, application, &mut draft)?;
        verified.push("release".to_owned());
        if session.receipt().restoring.is_some() {
            let title = "Copy of an interrupted restore";
            draft.add("restore-copy", title, 5, ["release"], NO_CHANGE, CopyStep);
            verified.push("restore-copy".to_owned());
        }
    }
    let step = EarlyPullsStep { images: draft.pulls.clone() };
    draft.add("early-pulls", "Images for a new cluster", 15, needs, WITH_CLUSTER, step);
    let specs = specs(session)?;
    let title = format!("{} checks", specs.len());
    draft.add("checks", title, 4, verified, NO_CHANGE, ChecksStep { specs });
    Plan::new(draft.steps)
}

/// The artifacts that `up` needs as images: of registry, node and addons, and the application's base images.
pub fn images(session: &Session) -> Result<BTreeSet<String>> {
    let mut images = BTreeSet::from([node_image(session.profile.provider), REGISTRY].map(str::to_owned));
    images.extend(session.addons()?.iter().flat_map(|addon| addon.images.clone()));
    if let Some(application) = &session.application {
        let environment = session.environment(application)?;
        let used = environment.images(application);
        images.extend(used.built.iter().filter_map(|spec| spec.base.clone()));
        images.extend(used.ready.into_iter().cloned());
    }
    Ok(images)
}

fn application(session: &Session, application: &Application, draft: &mut Draft) -> Result<()> {
    let app = || application.clone();
    let environment = session.environment(application)?;
    let images = environment.images(application);
    for spec in &images.built {
        let base = spec.base.as_ref().map(|base| (base, format!("base-{base}")));
        if let Some((base, id)) = base.as_ref().filter(|(base, _)| !draft.images.contains(*base)) {
            draft.image(id, format!("Base image {base}"), base, Urgency::Build);
        }
        let needs = base.map(|(_, id)| id).into_iter().chain(["registry".to_owned()]);
        let (id, title) = (format!("build-{}", spec.name), format!("Build image {}", spec.name));
        draft.pull(&spec.name, &id);
        let step = BuildStep { spec: (*spec).clone(), application: app() };
        draft.add(id, title, 20, needs, WITH_CACHE, step);
    }
    for image in &images.ready {
        draft.pulled_image(image);
    }
    // New secrets must not replace those of an existing cluster, so they are read from it first.
    let env = if session.receipt().made.cluster.complete { vec!["cluster"] } else { Vec::new() };
    let file = application.env_file.file_name().unwrap_or_default().to_string_lossy();
    let undo = Undo::Kept("the file is the user's, and may be the only copy of a secret");
    let step = EnvStep { application: app() };
    draft.add("env", format!("Settings {file}"), 5, env, undo, step);
    let step = ValuesStep { release: ReleaseStep { application: app() } };
    let needs = ["engine", "tool-helm", "env"];
    draft.add("values", format!("Values of {}", application.name), 2, needs, NO_CHANGE, step);
    let title = format!("Namespace {}", application.namespace);
    let step = NamespaceStep { application: app() };
    draft.add("namespace", title, 5, ["cluster"], WITH_CLUSTER, step);
    let title = format!("Settings in {}", application.namespace);
    let step = SecretsStep { application: app() };
    draft.add("secrets", title, 5, ["namespace", "env"], WITH_CLUSTER, step);
    let pulls = images.names().map(|name| format!("pull-{name}"));
    let mut needs: Vec<String> =
        pulls.chain(["tool-helm", "namespace", "secrets"].map(str::to_owned)).collect();
    if session.tls()? == Tls::Own {
        let title = format!("Certificate of {}", application.host);
        let step = CertificateStep { application: app() };
        draft.add("certificate", title, 5, ["namespace"], WITH_CLUSTER, step);
        needs.push("certificate".to_owned());
    }
    let step = ReleaseStep { application: app() };
    draft.add("release", format!("Application {}", application.name), 6, needs, WITH_CLUSTER, step);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::session;

    #[test]
    fn only_kubectl_is_downloaded_after_the_images() {
        for provider in [ProviderKind::Kind, ProviderKind::Minikube] {
            let late = tools(provider).into_iter().filter(|tool| urgency(tool) > Urgency::Pod);
            assert_eq!(late.collect::<Vec<_>>(), ["kubectl"]);
            assert!(tools(provider).into_iter().all(|tool| urgency(tool) >= Urgency::Cluster));
        }
    }

    #[test]
    fn early_pulls_begin_after_the_cluster_and_nothing_waits_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(&session(dir.path(), "kind")).unwrap();
        let at = |id: &str| plan.steps().iter().position(|step| step.id == id).unwrap();
        let (cluster, early) = (at("cluster"), at("early-pulls"));
        // Where few steps run at the same time, it must not hold the place of the one that it waits for.
        assert!(cluster < early && plan.steps()[cluster].needs == plan.steps()[early].needs);
        assert!(plan.steps().iter().all(|step| !step.needs.contains(&"early-pulls".to_owned())));
    }
}
