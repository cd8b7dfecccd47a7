//! Copying published images: what is requested, what is refused.

use super::super::testing::{Fault, TestRegistry, What, digest};
use super::fixtures::{Content, content, content_for, gzip, manifest, noise, publish};
use super::*;
use crate::fetch::{Queue, Urgency};

pub const REPOSITORY: &str = "library/app";

/// A registry outside with an image for two platforms, and ours.
pub struct Scene {
    pub bench: Bench,
    pub hub: TestRegistry,
    pub content: Content,
    pub index: String,
    /// The digest of the image for amd64.
    pub image: String,
    pub platform: &'static str,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(content())
    }

    pub fn with(content: Content) -> Self {
        let (bench, hub) = (Bench::new(), TestRegistry::start());
        let arm = content_for("arm64", vec![noise(8, 800)]);
        let (index, images) = publish(&hub, REPOSITORY, "1", &[arm, content.clone()]);
        let image = images[1].clone();
        Self { bench, hub, content, index, image, platform: "linux/amd64" }
    }

    pub fn reference(&self, pinned: &str) -> Reference {
        Reference::parse(&format!("{}/{REPOSITORY}:1@{pinned}", self.hub.authority())).unwrap()
    }

    /// Bytes of the packed blobs, each once.
    pub fn size(&self) -> u64 {
        let mut layers: Vec<_> = self.content.layers.iter().map(|layer| gzip(layer)).collect();
        layers.sort();
        layers.dedup();
        (layers.iter().map(Vec::len).sum::<usize>() + self.content.config.len()) as u64
    }

    pub fn copy(&self) -> Result<String> {
        self.copy_of(&self.index)
    }

    pub fn copy_of(&self, pinned: &str) -> Result<String> {
        let (client, reference) = (outside(), self.reference(pinned));
        self.up(&client, &reference, |upstream| {
            let (queue, task) = (Queue::default(), self.bench.task());
            self.bench.ours().copy(&task, upstream, "mirrored/app", Some("1"), &queue.join(Urgency::Pod))
        })
    }

    pub fn fetch(&self, to: &Path) -> Result<String> {
        let (client, reference) = (outside(), self.reference(&self.index));
        self.up(&client, &reference, |upstream| fetch_archive(&self.bench.task(), upstream, "app:1", to))
    }

    fn up<T>(&self, client: &Client, reference: &Reference, work: impl FnOnce(&Upstream<'_>) -> T) -> T {
        let cache = self.bench.path("cache");
        work(&Upstream { client, reference, platform: self.platform, cache: &cache })
    }

    /// What lies in the cache but the locks of downloads.
    pub fn cached(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.bench.path("cache")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| Path::new(name).extension().is_none_or(|end| end != "lock")).collect()
    }
}

#[test]
fn layers_that_images_share_are_downloaded_once() {
    let scene = Scene::with(content_for("amd64", vec![noise(1, 300_000)]));
    let (client, reference, ours) = (outside(), scene.reference(&scene.index), scene.bench.ours());
    let queue = Queue::default();
    let copy = |repository| {
        let copy = |upstream: &Upstream<'_>| {
            ours.copy(&scene.bench.task(), upstream, repository, Some("1"), &queue.join(Urgency::Pod))
        };
        assert_eq!(scene.up(&client, &reference, copy).unwrap(), scene.image);
    };
    std::thread::scope(|scope| {
        for repository in ["mirrored/one", "mirrored/two"] {
            scope.spawn(|| copy(repository));
        }
    });
    copy("mirrored/three");
    assert_eq!((scene.hub.sent(), scene.bench.registry.received()), (scene.size(), scene.size()));
}

#[test]
fn the_platforms_image_of_an_index_is_copied_as_it_is() {
    let scene = Scene::new();
    let pushed = scene.copy().unwrap();
    assert_eq!(pushed, scene.image);
    assert_eq!((scene.hub.sent(), scene.bench.registry.received()), (scene.size(), scene.size()));
    assert!(scene.cached().is_empty(), "{:?}", scene.cached());
    let (ours, task) = (scene.bench.ours(), scene.bench.task());
    assert_eq!(ours.digest(&task, "mirrored/app", "1").unwrap(), Some(scene.image.clone()));
    assert!(ours.complete(&task, "mirrored/app", &scene.image).unwrap());
    let stored = ours.manifest(&task, "mirrored/app", "1").unwrap().unwrap();
    assert_eq!(stored.bytes, manifest(&scene.content, true).as_bytes());
    // A second time, no blob is moved.
    scene.copy().unwrap();
    assert_eq!((scene.hub.sent(), scene.bench.registry.received()), (scene.size(), scene.size()));
}

#[test]
fn the_progress_is_that_of_all_blobs_and_names_no_digest() {
    let scene = Scene::new();
    scene.copy().unwrap();
    let events = scene.bench.parts.recorder.events();
    let moved: Vec<_> = events.iter().filter(|event| event.current.is_some()).collect();
    assert!(moved.iter().all(|event| event.total == Some(scene.size())), "{moved:?}");
    assert_eq!(moved.last().unwrap().current, Some(scene.size()));
    let name = format!("{}/{REPOSITORY}:1 (2 of 3) from ", scene.hub.authority());
    assert!(moved.iter().any(|event| event.message.starts_with(&name)), "{moved:?}");
}

#[test]
fn a_variant_is_found_and_a_missing_platform_lists_the_others() {
    let mut scene = Scene::new();
    for platform in ["linux/arm64", "linux/arm64/v8"] {
        scene.platform = platform;
        assert_ne!(scene.copy().unwrap(), scene.image);
    }
    scene.platform = "linux/s390x";
    let error = scene.copy().unwrap_err();
    assert_eq!(name(&error), "NoPlatform");
    assert!(error.to_string().contains("only for linux/arm64/v8, linux/amd64"), "{error}");
    // An image that is in no index says in its configuration what it is for.
    scene.platform = "linux/amd64";
    let image = scene.image.clone();
    assert_eq!(scene.copy_of(&image).unwrap(), scene.image);
    scene.platform = "linux/arm64";
    let error = scene.copy_of(&image).unwrap_err();
    assert!(name(&error) == "NoPlatform" && error.to_string().contains("linux/amd64"), "{error}");
}

#[test]
fn a_tag_that_moved_is_a_remark_as_long_as_the_pinned_image_is_there() {
    let scene = Scene::new();
    let kind = "application/vnd.oci.image.index.v1+json";
    let now = scene.hub.manifest(REPOSITORY, Some("1"), kind, br#"{"manifests":[]}"#);
    scene.copy().unwrap();
    let said = scene.bench.said();
    assert!(said.contains(&format!("has moved: it is {now} now")), "{said}");
    let error = scene.copy_of(&digest(b"gone")).unwrap_err();
    assert_eq!(name(&error), "Moved");
    assert!(error.to_string().contains("and gone") && error.to_string().contains(&now), "{error}");
}

#[test]
fn every_refusal_of_a_registry_has_a_name() {
    let answer = |status, headers: Vec<(&'static str, &str)>, body: &str| {
        let headers = headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        What::Answer { status, headers, body: body.to_owned() }
    };
    let html = vec![("Content-Type", "text/html; charset=utf-8")];
    let busy = |headers| answer("429 Too Many Requests", headers, "");
    let hour = || busy(vec![("Retry-After", "3600")]);
    let limit = vec![("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "0;w=21600")];
    for (path, what, wanted, words) in [
        ("/manifests/", answer("401 Unauthorized", vec![], "no"), "Unauthorized", "401"),
        ("/manifests/", answer("403 Forbidden", vec![], ""), "Unauthorized", "403"),
        ("/blobs/", answer("403 Forbidden", vec![], ""), "Unauthorized", "403"),
        ("/manifests/sha256", answer("404 Not Found", vec![], ""), "NotFound", "manifest sha256"),
        ("/blobs/", answer("404 Not Found", vec![], ""), "NotFound", "blob sha256"),
        ("/manifests/", busy(limit), "RateLimited", "100 pulls in 6 h"),
        ("/manifests/", hour(), "RateLimited", "retry in 1 h"),
        ("/manifests/", busy(vec![]), "RateLimited", "is reached"),
        ("/blobs/", hour(), "RateLimited", "1 h"),
        ("/manifests/", answer("200 OK", html.clone(), "<html>"), "LoginPage", "login page"),
        ("/blobs/", answer("200 OK", html, "<html>"), "LoginPage", "login page"),
        ("/manifests/", answer("503 Service Unavailable", vec![], "busy"), "Answered", "503"),
        ("/manifests/", What::Corrupt, "Mismatch", "expected sha256:"),
        ("/blobs/", What::Corrupt, "Mismatch", "expected sha256:"),
        ("/manifests/", What::Stall, "Stalled", "no data"),
        ("/blobs/", What::Stall, "Stalled", "no data"),
    ] {
        let scene = Scene::with(content_for("amd64", vec![noise(3, 900)]));
        scene.hub.fail(Fault::always("GET", path, what.clone()));
        let error = scene.copy().unwrap_err();
        assert_eq!(name(&error), wanted, "{path} {what:?}: {error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(scene.bench.registry.requests("PUT", "/manifests/"), 0, "{error}");
    }
    let scene = Scene::new();
    scene.hub.die();
    let started = Instant::now();
    assert_eq!(kind(scene.copy()), "Unreachable");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_registry_that_asks_to_wait_for_a_moment_gets_it() {
    let scene = Scene::new();
    let headers = vec![("Retry-After", "1".to_owned())];
    let what = What::Answer { status: "429 Too Many Requests", headers, body: String::new() };
    scene.hub.fail(Fault::once("GET", "/manifests/", what));
    let started = Instant::now();
    scene.copy().unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_reference_without_a_digest_is_not_copied() {
    let (scene, client) = (Scene::new(), outside());
    let reference = Reference { digest: None, ..scene.reference(&scene.index) };
    let result = scene.up(&client, &reference, |upstream| {
        let queue = Queue::default();
        scene.bench.ours().copy(&scene.bench.task(), upstream, "app", None, &queue.join(Urgency::Pod))
    });
    assert_eq!(kind(result), "Name");
    assert!(scene.hub.seen().is_empty());
}

#[test]
fn an_archive_is_fetched_in_the_form_of_an_export() {
    let scene = Scene::new();
    let (one, two) = (scene.bench.path("one"), scene.bench.path("two"));
    assert_eq!(scene.fetch(&one).unwrap(), scene.image);
    assert!(scene.cached().is_empty());
    scene.copy().unwrap();
    scene.bench.ours().export(&scene.bench.task(), "mirrored/app", &scene.image, "app:1", &two).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(two).unwrap());
    assert_eq!(archive_digest(&one).unwrap(), scene.image);
}
