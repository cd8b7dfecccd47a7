//! Origins, with scripted programs, caches in temporary folders and servers on loopback.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

mod entries;
mod trust;

use super::*;
use crate::bundle::Entry;
use crate::engine::testing::{engine, with_task};
use crate::exec::Script;
use crate::fetch::Urgency;
use crate::files::sha256;
use crate::host::recorded::debian;
use crate::images::{INPUTS_LABEL, TAG_LABEL};
use crate::progress::{Recorder, State};
use crate::registry::Registry;
use crate::registry::testing::TestRegistry;
use crate::source::Recipes;
use crate::tools::Unpack;

struct Bench {
    dir: tempfile::TempDir,
    process_env: ProcessEnv,
    data: Data,
    bundle: Option<Bundle>,
    /// Where the pin of kind points to.
    url: String,
    body: &'static str,
    trust: Trust,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("cache")).unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let env = BTreeMap::from([("PATH".to_owned(), OsString::from(&bin))]);
        let process_env = ProcessEnv { env, cwd: dir.path().to_owned(), ..ProcessEnv::real() };
        // A port that nothing listens on: what is not set up cannot be reached.
        let url = "http://127.0.0.1:1/kind".to_owned();
        let (data, trust) = (Data::default(), Trust::default());
        Self { dir, process_env, data, bundle: None, url, body: "the program", trust }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.dir.path().join("cache")
    }

    fn origins(&mut self) -> Origins {
        let (data, trust) = (&self.data, self.trust.clone());
        let versions = Versions::load(data).unwrap();
        let paths = Paths { cache: self.cache(), state: self.dir.path().join("state") };
        let bundle = self.bundle.take();
        let mut origins =
            Origins::new(&self.process_env, &paths, data, &versions, &debian(), bundle, trust).unwrap();
        for asset in origins.pins.assets_mut() {
            asset.url.clone_from(&self.url);
            asset.sha256 = sha256(self.body.as_bytes());
            asset.unpack = Unpack::Plain;
        }
        origins
    }

    fn program(&self, name: &str) {
        let file = self.dir.path().join("bin").join(name);
        crate::files::write_atomic(&file, b"#!/bin/sh\n", 0o755).unwrap();
    }

    fn kind(&mut self, script: &Script) -> (Result<Found>, Recorder) {
        let origins = self.origins();
        with_task(script, |task| origins.tool(task, "kind", Urgency::Cluster))
    }
}

fn serve(at: &str, body: &str) -> (tokio::runtime::Runtime, MockServer) {
    let answer = ResponseTemplate::new(200).set_body_string(body);
    crate::kubernetes::testing::serve([Mock::given(path(at)).respond_with(answer)])
}

/// A registry in this process, and its client.
fn registry() -> (TestRegistry, Registry) {
    let served = TestRegistry::start();
    let ours = Registry::new(&served.authority()).unwrap();
    (served, ours)
}

fn order(refusals: &[Refusal]) -> Vec<Origin> {
    refusals.iter().map(|refusal| refusal.origin).collect()
}

fn bundle(dir: &Path, body: &[u8], sha256: String) -> Bundle {
    let folder = dir.join("bundle");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("kind"), body).unwrap();
    let (version, inputs) = ("0.33.0".to_owned(), "1".repeat(64));
    let entry = Entry { version, sha256, inputs, ..crate::bundle::entry("kind", "tool", body) };
    let manifest = crate::bundle::Manifest { schema: 1, entries: vec![entry] };
    Bundle { dir: folder, manifest, sha256: String::new() }
}

#[test]
fn the_chain_ends_with_every_reason_in_order() {
    let mut bench = Bench::new();
    bench.program("kind");
    let script = Script::default().on("kind version", 0, "kind v0.31.0 go1.24.1 linux/amd64");
    let error = bench.kind(&script).0.unwrap_err();
    // A machine that has Go goes on to build, which the script does not know.
    let text = error.to_string();
    for part in
        ["system:", "0.31.0", "cache:", "bundle: no bundle", "download:", "127.0.0.1", "source", "help:"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(error.causes().len() >= 5, "{text}");
}

#[test]
fn a_download_is_installed_and_is_in_the_cache_then() {
    let mut bench = Bench::new();
    let (runtime, server) = serve("/kind", bench.body);
    bench.url = format!("{}/kind", server.uri());
    let found = bench.kind(&Script::default()).0.unwrap();
    assert_eq!(found.origin, Origin::Download);
    assert_eq!(order(&found.refusals), [Origin::System, Origin::Cache, Origin::Bundle, Origin::Mirror]);
    assert_eq!(std::fs::read_to_string(&found.path).unwrap(), bench.body);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&found.path), mode(found.path.parent().unwrap())), (0o755, 0o700));
    }
    let again = bench.kind(&Script::default()).0.unwrap();
    assert_eq!((again.origin, &again.path), (Origin::Cache, &found.path));
    assert_eq!(runtime.block_on(server.received_requests()).unwrap().len(), 1);
}

#[test]
fn a_tool_that_another_pin_confirmed_is_not_used() {
    let mut bench = Bench::new();
    let (_runtime, server) = serve("/kind", bench.body);
    bench.url = format!("{}/kind", server.uri());
    bench.kind(&Script::default()).0.unwrap();
    bench.body = "a newer program";
    let origins = bench.origins();
    let (found, refusals) =
        with_task(&Script::default(), |task| origins.present_tool(task, "kind")).0.unwrap();
    assert_eq!(found, None);
    assert!(refusals[1].reason.contains("another checksum was pinned"), "{refusals:?}");
}

#[test]
fn a_bundle_comes_before_the_download_and_a_changed_one_ends_the_search() {
    let mut bench = Bench::new();
    bench.bundle = Some(bundle(bench.dir.path(), b"bundled", sha256(b"bundled")));
    let found = bench.kind(&Script::default()).0.unwrap();
    assert_eq!(found.origin, Origin::Bundle);
    assert_eq!(found.sha256, sha256(b"bundled"));

    let mut bench = Bench::new();
    bench.bundle = Some(bundle(bench.dir.path(), b"bundlee", sha256(b"bundled")));
    let error = bench.kind(&Script::default()).0.unwrap_err();
    assert_eq!(error.exit(), crate::error::Exit::Refused, "{error}");
    assert!(!bench.cache().join("tools/kind-0.33.0/kind").exists());
}

#[test]
fn a_host_that_was_out_of_reach_is_not_tried_again() {
    let mut bench = Bench::new();
    let origins = bench.origins();
    let (errors, _) = with_task(&Script::default(), |task| {
        ["kind", "helm"].map(|name| origins.tool(task, name, Urgency::Cluster).unwrap_err().to_string())
    });
    assert!(!errors[0].contains("could not be reached"), "{}", errors[0]);
    assert!(errors[1].contains("could not be reached"), "{}", errors[1]);
}

#[test]
fn a_plan_names_where_things_would_come_from_and_touches_nothing() {
    let mut bench = Bench::new();
    bench.url = "https://release.example/kind".to_owned();
    let origins = bench.origins();
    assert!(
        origins
            .tool_forecast("kind")
            .effect("x")
            .starts_with("downloads kind 0.33.0 from release.example into x")
    );
    assert!(origins.image_forecast("node").effect("x").contains("from docker.io/kindest/node:"));
    assert_eq!(std::fs::read_dir(bench.cache()).unwrap().count(), 0);
    bench.bundle = Some(bundle(bench.dir.path(), b"bundled", sha256(b"bundled")));
    assert!(bench.origins().tool_forecast("kind").effect("x").ends_with("from the bundle into x"));
}

/// The hosts that would be asked are those that `up` would ask.
#[test]
fn a_forecast_names_the_mirror_in_place_of_the_host_that_it_stands_for() {
    let hosts = |forecast: Forecast| match forecast.way {
        Way::Fetched { hosts, .. } => hosts.into_iter().map(|host| (host.name, host.url)).collect::<Vec<_>>(),
        way => panic!("{way:?}"),
    };
    let mut bench = Bench::new();
    bench.url = "https://release.example/kind".to_owned();
    let origins = bench.origins();
    let release = ("release.example".to_owned(), "https://release.example/".to_owned());
    assert_eq!(hosts(origins.tool_forecast("kind")), std::slice::from_ref(&release));
    let traefik = hosts(origins.image_forecast("traefik")).remove(0);
    let digest = Images::load(&bench.data, &Versions::load(&bench.data).unwrap()).unwrap();
    let digest = digest.get("traefik").unwrap().digest.clone();
    let path = format!("library/traefik/manifests/{digest}");
    assert_eq!(traefik.0, "registry-1.docker.io");
    assert_eq!(traefik.1, format!("https://registry-1.docker.io/v2/{path}"));
    bench.trust.registry_mirrors =
        RegistryMirrors::parse(["docker.io=harbor.example/hub"].into_iter()).unwrap();
    bench.trust.mirror =
        Some(Mirror::parse("http://me:hush@mirror.example:8080/pub", bench.dir.path()).unwrap());
    let origins = bench.origins();
    let mirror = ("mirror.example:8080".to_owned(), "http://mirror.example:8080/pub".to_owned());
    assert_eq!(hosts(origins.tool_forecast("kind")), [mirror, release]);
    let traefik = hosts(origins.image_forecast("traefik")).remove(0);
    assert_eq!(traefik, ("harbor.example".to_owned(), format!("https://harbor.example/v2/hub/{path}")));
}

#[test]
fn what_was_installed_is_forecast_to_be_there() {
    let mut bench = Bench::new();
    let (_runtime, server) = serve("/kind", bench.body);
    bench.url = format!("{}/kind", server.uri());
    let script = Script::default();
    let way =
        |origins: &Origins| with_task(&script, |task| origins.forecast_of_tool(task, "kind")).0.unwrap().way;
    let origins = bench.origins();
    assert!(matches!(way(&origins), Way::Fetched { .. }));
    with_task(&script, |task| origins.tool(task, "kind", Urgency::Cluster)).0.unwrap();
    assert_eq!(way(&origins), Way::Present { origin: Origin::Cache });
    // An image counts as there by its record, unless its registry runs and has none.
    bench.bundle = Some(image_bundle(&bench, "image-python", "localhost/base/python:1", &"1".repeat(64)));
    let origins = bench.origins();
    let (served, ours) = registry();
    let of = |registry: Option<&Registry>| {
        with_task(&script, |task| origins.forecast_of_image(task, registry, "python")).0.unwrap().way
    };
    assert!(matches!(of(None), Way::Bundle { .. }));
    with_task(&script, |task| origins.image(task, &engine(), &ours, "python", Urgency::Pod)).0.unwrap();
    assert_eq!([of(None), of(Some(&ours))], [(); 2].map(|()| Way::Present { origin: Origin::Cache }));
    served.state().repositories.clear();
    assert!(matches!(of(Some(&ours)), Way::Bundle { .. }));
}

/// An archive of one image, as engines of any age write it.
fn archive(reference: &str, labels: &Value) -> Vec<u8> {
    let layer = vec![0; 1024];
    let config = json!({
        "architecture": debian().arch.name(), "os": "linux", "config": { "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
    });
    let list = json!([{ "Config": "c.json", "RepoTags": [reference], "Layers": ["l.tar"] }]);
    let mut tar = tar::Builder::new(Vec::new());
    let (config, list) = (config.to_string(), list.to_string());
    for (name, bytes) in
        [("c.json", config.as_bytes()), ("l.tar", &layer), ("manifest.json", list.as_bytes())]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A bundle with an image of that name, made from `inputs`.
fn image_bundle(bench: &Bench, name: &str, reference: &str, inputs: &str) -> Bundle {
    let labels = json!({ INPUTS_LABEL: inputs, TAG_LABEL: reference.rsplit(':').next() });
    let archive = archive(reference, &labels);
    let mut bundle = bundle(bench.dir.path(), &archive, sha256(&archive));
    let entry = &mut bundle.manifest.entries[0];
    entry.name = name.to_owned();
    entry.reference = Some(reference.to_owned());
    entry.inputs = inputs.to_owned();
    bundle
}

#[test]
fn an_image_is_pushed_once_and_known_afterwards() {
    let mut bench = Bench::new();
    bench.bundle = Some(image_bundle(&bench, "image-python", "localhost/base/python:1", &"1".repeat(64)));
    let origins = bench.origins();
    let ((served, ours), script) = (registry(), Script::default());
    let (found, _) = with_task(&script, |task| {
        [(); 2].map(|()| origins.image(task, &engine(), &ours, "python", Urgency::Pod).unwrap())
    });
    assert_eq!((found[0].origin, found[1].origin), (Origin::Bundle, Origin::Cache));
    assert_eq!(found[0].stored, found[1].stored);
    assert_eq!((found[0].stored.repository.as_str(), found[0].stored.tag.as_str()), ("base/python", "1"));
    assert!(script.ran().is_empty(), "the engine has no part in it: {:?}", script.ran());
    // A registry that lost it gets it again.
    served.state().repositories.clear();
    let (again, _) = with_task(&script, |task| origins.image(task, &engine(), &ours, "python", Urgency::Pod));
    assert_eq!(again.unwrap().origin, Origin::Bundle);
}

#[test]
fn an_image_that_is_published_nowhere_and_cannot_be_made_says_so() {
    let mut bench = Bench::new();
    let origins = bench.origins();
    let (_served, ours) = registry();
    let (found, _) =
        with_task(&Script::default(), |task| origins.image(task, &engine(), &ours, "nobody", Urgency::Pod));
    let text = found.unwrap_err().to_string();
    assert!(text.contains("not published in any known registry") && text.contains("source:"), "{text}");
}

/// `plan` says which images are built even if registries can be reached.
#[test]
fn an_image_that_is_always_built_is_forecast_with_its_version_and_why() {
    let mut bench = Bench::new();
    let (origins, versions) = (bench.origins(), Versions::load(&bench.data).unwrap());
    let published = Images::load(&bench.data, &versions).unwrap();
    let recipes = Recipes::load(&bench.data, &versions).unwrap();
    let images =
        recipes.iter().filter_map(|recipe| Some((recipe.name.strip_prefix("image-")?, &recipe.version)));
    let mut seen = 0;
    for (image, version) in images.filter(|(image, _)| published.get(image).is_none()) {
        let forecast = origins.image_forecast(image);
        assert_eq!(forecast.version, *version);
        let why = "always, because no published image of it is pinned";
        assert_eq!(forecast.build.differs.as_deref(), Some(why), "{image}");
        seen += 1;
    }
    assert!(seen > 0);
}

/// A project's own pins of images, with one source.
#[test]
fn an_image_that_only_one_source_confirms_is_pulled_where_that_is_enough() {
    let mut bench = Bench::new();
    let manifests = bench.dir.path().join("own/manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    let digest = format!("sha256:{}", "1".repeat(64));
    let text = format!(
        "[thing]\nimage = \"127.0.0.1:1/thing:1.35.8\"\ndigest = \"{digest}\"\nversion = \"1.35.8\"\n\
         product = \"kubernetes\"\nsources = [\"one\"]\n"
    );
    std::fs::write(manifests.join("images.toml"), text).unwrap();
    bench.data = Data::new(Some(bench.dir.path().join("own")));
    let effect = bench.origins().image_forecast("thing").effect("x");
    let why = "only one source confirms its digest (one); use --allow-unpinned to accept it";
    assert!(effect.contains(why), "{effect}");
    bench.trust.allow_unpinned = true;
    let effect = bench.origins().image_forecast("thing").effect("x");
    assert!(effect.contains("from 127.0.0.1:1/thing:1.35.8 into x"), "{effect}");
    // The built-in ones are not among a project's own.
    let (_served, ours) = registry();
    let origins = bench.origins();
    let found =
        with_task(&Script::default(), |task| origins.image(task, &engine(), &ours, "traefik", Urgency::Pod))
            .0;
    let error = found.unwrap_err().to_string();
    assert!(error.contains("it is not published in any known registry"), "{error}");
}
