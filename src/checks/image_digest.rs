//! Kind `image-digest`: containers specify images by digest and run exactly those, also those built here.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::runtime::watcher;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::diagnose::statuses;
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
        let of_image = |found: &&Running<'_>| repository(found.reference) == image.stored.repository;
        if !containers.iter().any(|found| of_image(&found)) {
            return Verdict::NotYet(format!("no container runs {}", image.stored.repository));
        }
        let other = |found: &&Running<'_>| !found.reference.ends_with(&image.stored.digest);
        if let Some(Running { place, reference, .. }) = containers.iter().filter(of_image).find(other) {
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
    let Some(spec) = &pod.spec else { return Vec::new() };
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.filter_map(|container| {
        let status = statuses(pod).find(|(status, _)| status.name == container.name);
        Some(Running {
            place: format!("pod {pod_name}, container {}", container.name),
            reference: container.image.as_deref()?,
            runs: status.map(|(status, _)| digest(&status.image_id)).unwrap_or_default(),
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

    #[test]
    fn the_same_digest_passes_in_each_runtimes_spelling() {
        for id in [NEW.to_owned(), format!("{HOST}/app/web@{NEW}"), format!("docker://{NEW}")] {
            assert!(matches!(judge(&[pod(&ours(NEW), &id)], &built(), &[]), Verdict::Pass(_)), "{id}");
        }
    }

    #[test]
    fn what_runs_must_be_what_was_given_and_built() {
        let tagged = pod("registry.k8s.io/coredns/coredns:v1", OLD);
        let init: Pod = object(&format!(
            "metadata: {{name: web-1}}\nspec: {{initContainers: [{{name: first, image: 'app/first:1'}}], containers: [{{name: web, image: '{}'}}]}}\nstatus: {{containerStatuses: [{{name: web, image: x, imageID: '{NEW}', ready: true, restartCount: 0}}]}}\n",
            ours(NEW)
        ));
        for (pods, part) in [
            (vec![pod(&ours(NEW), NEW), pod("app/other:1", NEW)], "app/other:1, which has no digest"),
            // Only the node's own images may have tags. One that has a digest is held to it.
            (
                vec![pod(&ours(NEW), NEW), pod(&format!("registry.k8s.io/coredns@{OLD}"), NEW)],
                "but specifies",
            ),
            (vec![pod(&ours(NEW), OLD)], "runs sha256:111111111111, but specifies"),
            (vec![pod(&ours(NEW), "")], "has not started"),
            (vec![pod(&ours(OLD), OLD)], "but sha256:2222"),
            (vec![], "no container runs app/web"),
            (vec![init], "container first specifies app/first:1"),
        ] {
            let Verdict::NotYet(detail) = judge(&pods, &built(), &["coredns".to_owned()]) else {
                panic!("{part}")
            };
            assert!(detail.contains(part), "{detail}");
        }
        let pods = [pod(&ours(NEW), NEW), tagged];
        assert!(matches!(judge(&pods, &built(), &["coredns".to_owned()]), Verdict::Pass(_)));
        assert!(matches!(judge(&[], &[], &[]), Verdict::Pass(_)));
    }
}
