//! Kind `image-digest`: what runs is what was built, by the digest and not by the tag.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::runtime::watcher;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::deploy::reach::said;
use crate::images::Built;

#[derive(Debug)]
struct ImageDigest {
    namespace: Option<String>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of all kinds
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    Some(Box::new(ImageDigest { namespace: fields.opt_string("namespace") }))
}

impl ImageDigest {
    fn api(&self, cx: &Context<'_>) -> Api<Pod> {
        Api::namespaced(cx.client(), self.namespace.as_deref().unwrap_or(&cx.namespace))
    }
}

impl Check for ImageDigest {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.api(cx).list(&ListParams::default()).await {
                Ok(pods) => judge(&pods.items, &cx.built),
                Err(error) => Verdict::NotYet(said(&error)),
            }
        }
        .boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        Some(pulse::of(self.api(cx), watcher::Config::default()))
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   loads the image that was built and rolls it out"
    }
}

/// A container that runs an image of one of our repositories.
struct Running {
    place: String,
    reference: String,
    digest: String,
}

fn judge(pods: &[Pod], built: &[Built]) -> Verdict {
    if built.is_empty() {
        return Verdict::Pass("the application builds no images".to_owned());
    }
    let mut containers = 0;
    for image in built {
        let running: Vec<Running> = pods.iter().flat_map(|pod| of_repository(pod, image)).collect();
        if running.is_empty() {
            return Verdict::NotYet(format!("no container runs {}", image.reference));
        }
        for container in &running {
            if container.digest.is_empty() {
                return Verdict::NotYet(format!("{} has not started", container.place));
            }
            if container.digest != image.id {
                let Running { place, reference, digest } = container;
                let (has, wants) = (short(digest), short(&image.id));
                return Verdict::NotYet(format!("{place} runs {reference} ({has}), built was {wants}"));
            }
        }
        containers += running.len();
    }
    let noun = if containers == 1 { "container runs" } else { "containers run" };
    Verdict::Pass(format!("{containers} {noun} what was built ({} of {})", built.len(), built.len()))
}

fn of_repository(pod: &Pod, image: &Built) -> Vec<Running> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    if pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ours = containers.filter_map(|container| {
        let reference = container.image.as_deref()?;
        let status = statuses.unwrap_or_default().iter().find(|status| status.name == container.name);
        (repository(reference) == repository(&image.reference)).then(|| Running {
            place: format!("pod {pod_name}, container {}", container.name),
            reference: reference.to_owned(),
            digest: status.map(|status| digest(&status.image_id).to_owned()).unwrap_or_default(),
        })
    });
    ours.collect()
}

/// `registry:5000/name` of `registry:5000/name:tag@sha256:…`, without Docker's implied registry.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

/// The digest within what a runtime reports: `sha256:…`, `name@sha256:…`, `docker://sha256:…`.
fn digest(image_id: &str) -> &str {
    image_id.find("sha256:").map_or(image_id, |start| &image_id[start..])
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::super::Spec;
    use super::super::testing::object;
    use super::*;

    const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    fn built() -> Vec<Built> {
        let (name, reference) = ("web".to_owned(), "web:1.0.0-abc".to_owned());
        vec![Built { built: true, name, reference, id: NEW.to_owned() }]
    }

    fn pod(image: &str, id: &str) -> Pod {
        object(&format!(
            "metadata: {{name: web-1}}\nspec: {{containers: [{{name: web, image: '{image}'}}]}}\nstatus: {{containerStatuses: [{{name: web, image: x, imageID: '{id}', ready: true, restartCount: 0}}]}}\n"
        ))
    }

    #[test]
    fn the_same_digest_passes_in_each_runtimes_spelling() {
        for id in [NEW.to_owned(), format!("docker.io/library/web@{NEW}"), format!("docker://{NEW}")] {
            let pods = [pod("docker.io/library/web:1.0.0-abc", &id), pod("other:1", OLD)];
            assert!(matches!(judge(&pods, &built()), Verdict::Pass(_)), "{id}");
        }
    }

    #[test]
    fn the_same_tag_with_another_digest_does_not() {
        let Verdict::NotYet(detail) = judge(&[pod("web:1.0.0-abc", OLD)], &built()) else { panic!() };
        assert!(detail.contains("sha256:111111111111") && detail.contains("built was sha256:2"), "{detail}");
    }

    #[test]
    fn an_older_tag_beside_the_new_one_does_not() {
        let pods = [pod("web:1.0.0-abc", NEW), pod("web:0.9.0", OLD)];
        assert!(matches!(judge(&pods, &built()), Verdict::NotYet(_)));
    }

    #[test]
    fn what_does_not_run_is_named() {
        let none = judge(&[pod("other:1", NEW)], &built());
        assert_eq!(none, Verdict::NotYet("no container runs web:1.0.0-abc".to_owned()));
        assert!(matches!(judge(&[pod("web:1.0.0-abc", "")], &built()), Verdict::NotYet(_)));
        assert!(matches!(judge(&[], &[]), Verdict::Pass(_)));
    }

    #[test]
    fn repositories_without_their_tags() {
        assert_eq!(repository("docker.io/library/web:1"), "web");
        assert_eq!(repository("localhost:5000/a/web"), "localhost:5000/a/web");
        assert_eq!(repository(&format!("a/web@{NEW}")), "a/web");
    }

    #[test]
    fn a_file_takes_nothing_but_a_namespace() {
        let parse =
            |text: &str| Spec::parse("x", "f", &format!("title = \"t\"\nkind = \"image-digest\"\n{text}"));
        parse("namespace = \"a\"\n").unwrap();
        assert!(parse("image = \"a\"\n").unwrap_err().to_string().contains("unknown key `image`"));
    }
}
