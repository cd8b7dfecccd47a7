//! Kind `image-digest`: containers specify images by digest and run exactly those, including the images that
//! were built.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{Api, ListParams};
use kube::runtime::watcher;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::images::Built;
use crate::kubernetes::error_line;

#[derive(Debug)]
struct ImageDigest {
    namespace: Option<String>,
    all: bool,
    /// Last parts of the repositories of images in the node image, which are referenced by tag.
    from_node: Vec<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let namespace = fields.opt_string("namespace");
    let all = fields.opt_bool("all-namespaces").unwrap_or(false);
    let from_node = fields.strings("from-node");
    if all && namespace.is_some() {
        fields.problem("namespace", "cannot be given together with `all-namespaces`");
        return None;
    }
    Some(Box::new(ImageDigest { namespace, all, from_node }))
}

impl ImageDigest {
    fn api(&self, cx: &Context<'_>) -> Api<Pod> {
        if self.all {
            return Api::all(cx.client());
        }
        Api::namespaced(cx.client(), self.namespace.as_deref().unwrap_or(&cx.namespace))
    }
}

impl Check for ImageDigest {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.api(cx).list(&ListParams::default()).await {
                // The application's images run in its own namespace.
                Ok(pods) => judge(&pods.items, if self.all { &[] } else { &cx.built }, &self.from_node),
                Err(error) => Verdict::NotYet(error_line(&error)),
            }
        }
        .boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        Some(pulse::of(self.api(cx), watcher::Config::default()))
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up"
    }
}

/// A container, the image that its pod specifies, and the one that the node reports.
struct Running<'a> {
    place: String,
    reference: &'a str,
    /// Empty until the node reports one.
    runs: &'a str,
}

fn judge(pods: &[Pod], built: &[Built], from_node: &[String]) -> Verdict {
    let containers: Vec<Running<'_>> = pods.iter().flat_map(containers).collect();
    let mut checked = 0;
    for container in containers.iter().filter(|container| !is_from_node(container.reference, from_node)) {
        let Running { place, reference, runs } = container;
        let Some((_, wanted)) = reference.split_once('@') else {
            return Verdict::NotYet(format!("{place} specifies {reference}, which has no digest"));
        };
        if runs.is_empty() {
            return Verdict::NotYet(format!("{place} has not started"));
        }
        if *runs != wanted {
            let (runs, wanted) = (short(runs), short(wanted));
            return Verdict::NotYet(format!("{place} runs {runs}, but specifies {wanted}"));
        }
        checked += 1;
    }
    for image in built {
        let mut running = containers
            .iter()
            .filter(|found| repository(found.reference) == image.stored.repository)
            .peekable();
        if running.peek().is_none() {
            return Verdict::NotYet(format!("no container runs {}", image.stored.repository));
        }
        if let Some(Running { place, reference, .. }) =
            running.find(|found| !found.reference.ends_with(&image.stored.digest))
        {
            let wants = short(&image.stored.digest);
            return Verdict::NotYet(format!("{place} specifies {reference}, but {wants} was built"));
        }
    }
    Verdict::Pass(match (checked, built.len()) {
        (1, 0) => "1 container runs the image of its digest".to_owned(),
        (_, 0) => format!("{checked} containers run the images of their digests"),
        (_, images) => format!("{checked} containers run what was built ({images} of {images} images)"),
    })
}

/// The containers of a pod that is not being deleted, without ephemeral (debug) containers.
fn containers(pod: &Pod) -> Vec<Running<'_>> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let (Some(spec), status) = (&pod.spec, pod.status.as_ref()) else { return Vec::new() };
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let statuses: Vec<&ContainerStatus> = status
        .into_iter()
        .flat_map(|status| [&status.container_statuses, &status.init_container_statuses])
        .flatten()
        .flatten()
        .collect();
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.filter_map(|container| {
        let status = statuses.iter().find(|status| status.name == container.name);
        Some(Running {
            place: format!("pod {pod_name}, container {}", container.name),
            reference: container.image.as_deref()?,
            runs: status.map(|status| digest(&status.image_id)).unwrap_or_default(),
        })
    })
    .collect()
}

fn is_from_node(reference: &str, from_node: &[String]) -> bool {
    let name = reference.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    let last = last.split(':').next().unwrap_or_default();
    !reference.contains('@') && from_node.iter().any(|name| name == last)
}

/// `app/web` of `registry.example/app/web:tag@sha256:…`.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    name.split_once('/').map_or(name, |(_, repository)| repository)
}

/// The digest in what a runtime reports: `sha256:…`, `name@sha256:…`, `docker://sha256:…`.
fn digest(image_id: &str) -> &str {
    image_id.find("sha256:").map_or(image_id, |start| &image_id[start..])
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::*;
    use crate::kubernetes::testing::object;
    use crate::local_registry::{HOST, Stored};

    const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    fn built() -> Vec<Built> {
        let stored =
            Stored { repository: "app/web".to_owned(), tag: "v1".to_owned(), digest: NEW.to_owned() };
        vec![Built { built: true, name: "web".to_owned(), stored }]
    }

    fn pod(image: &str, id: &str) -> Pod {
        object(&format!(
            "metadata: {{name: web-1}}\nspec: {{containers: [{{name: web, image: '{image}'}}]}}\nstatus: {{containerStatuses: [{{name: web, image: x, imageID: '{id}', ready: true, restartCount: 0}}]}}\n"
        ))
    }

    fn ours(digest: &str) -> String {
        format!("{HOST}/app/web:v1@{digest}")
    }

    fn not_yet(pods: &[Pod], from_node: &[&str]) -> String {
        let from_node: Vec<String> = from_node.iter().map(|name| (*name).to_owned()).collect();
        match judge(pods, &built(), &from_node) {
            Verdict::NotYet(detail) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_digest_passes_in_each_runtimes_spelling() {
        for id in [NEW.to_owned(), format!("{HOST}/app/web@{NEW}"), format!("docker://{NEW}")] {
            assert!(matches!(judge(&[pod(&ours(NEW), &id)], &built(), &[]), Verdict::Pass(_)), "{id}");
        }
    }

    #[test]
    fn a_reference_without_digest_fails_whatever_it_runs() {
        let detail = not_yet(&[pod(&ours(NEW), NEW), pod("app/other:1", NEW)], &["coredns"]);
        assert!(detail.contains("app/other:1, which has no digest"), "{detail}");
    }

    #[test]
    fn only_the_nodes_own_images_may_have_tags() {
        let pods = [pod(&ours(NEW), NEW), pod("registry.k8s.io/coredns/coredns:v1", OLD)];
        assert!(matches!(judge(&pods, &built(), &["coredns".to_owned()]), Verdict::Pass(_)));
        // One that has a digest is held to it.
        let pods = [pod(&ours(NEW), NEW), pod(&format!("registry.k8s.io/coredns@{OLD}"), NEW)];
        assert!(not_yet(&pods, &["coredns"]).contains("but specifies"));
    }

    #[test]
    fn what_runs_must_be_what_was_given() {
        assert!(not_yet(&[pod(&ours(NEW), OLD)], &[]).contains("runs sha256:111111111111, but specifies"));
        assert!(not_yet(&[pod(&ours(NEW), "")], &[]).contains("has not started"));
    }

    #[test]
    fn what_was_given_must_be_what_was_built() {
        assert!(not_yet(&[pod(&ours(OLD), OLD)], &[]).contains("but sha256:2222"));
        assert_eq!(not_yet(&[], &[]), "no container runs app/web");
        assert!(matches!(judge(&[], &[], &[]), Verdict::Pass(_)));
    }

    #[test]
    fn init_containers_count() {
        let pod: Pod = object(&format!(
            "metadata: {{name: web-1}}\nspec: {{initContainers: [{{name: first, image: 'app/first:1'}}], containers: [{{name: web, image: '{}'}}]}}\nstatus: {{containerStatuses: [{{name: web, image: x, imageID: '{NEW}', ready: true, restartCount: 0}}]}}\n",
            ours(NEW)
        ));
        assert!(not_yet(&[pod], &[]).contains("container first specifies app/first:1"));
    }

    #[test]
    fn a_file_names_one_namespace_or_all() {
        let parse =
            |text: &str| Spec::parse("x", "f", &format!("title = \"t\"\nkind = \"image-digest\"\n{text}"));
        parse("namespace = \"a\"\n").unwrap();
        parse("all-namespaces = true\nfrom-node = [\"etcd\"]\n").unwrap();
        assert!(parse("namespace = \"a\"\nall-namespaces = true\n").is_err());
        assert!(parse("image = \"a\"\n").unwrap_err().to_string().contains("unknown key `image`"));
    }
}
