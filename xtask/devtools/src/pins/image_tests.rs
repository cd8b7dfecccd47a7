//! Tests against a loopback registry that requires a token, like public ones.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use todo_bootstrap::files::sha256;

use super::*;

/// What is served, and the requests: `HEAD /v2/… <token>`.
#[derive(Clone, Default)]
struct Registry {
    shelf: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    address: String,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let registry = Self { address, ..Self::default() };
        let own = registry.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map_while(std::result::Result::ok)
                    .take_while(|line| !line.is_empty())
                    .map(|line| line.to_ascii_lowercase())
                    .collect();
                let answer = own.answer(&head);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        registry
    }

    fn answer(&self, head: &[String]) -> String {
        let mut words = head.first().map(String::as_str).unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let bearer = head.iter().find_map(|line| line.strip_prefix("authorization: bearer "));
        self.asked.lock().unwrap().push(format!("{method} {path} {}", bearer.unwrap_or("-")));
        let whole = |status: &str, more: &str, body: &str| {
            let sent = if method == "head" { "" } else { body };
            let length = body.len();
            format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{sent}")
        };
        if path.starts_with("/token?service=here&scope=repository%3alibrary%2fthing%3apull") {
            return whole("200 OK", "", "{\"token\": \"t0k3n\"}");
        }
        if path.starts_with("/v2/") && bearer != Some("t0k3n") {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"here\",\
                 scope=\"repository:library/thing:pull\"\r\n",
                self.address
            );
            return whole("401 Unauthorized", &challenge, "");
        }
        match self.shelf.lock().unwrap().get(path) {
            None => whole("404 Not Found", "", ""),
            Some(to) if to.starts_with("http:") => {
                whole("307 Temporary Redirect", &format!("Location: {to}{path}\r\n"), "")
            }
            Some(body) => {
                let digest = format!("Docker-Content-Digest: sha256:{}\r\n", sha256(body.as_bytes()));
                whole("200 OK", &digest, body)
            }
        }
    }

    fn put(&self, reference: &str, body: &str) {
        let path = format!("/v2/library/thing/manifests/{reference}");
        self.shelf.lock().unwrap().insert(path, body.to_owned());
    }

    /// Stores an index under its tag and its digest, and returns the digest.
    fn publish(&self, tag: &str, body: &str) -> String {
        let digest = format!("sha256:{}", sha256(body.as_bytes()));
        self.put(tag, body);
        self.put(&digest, body);
        digest
    }
}

fn index(architectures: &[&str]) -> String {
    let platform = |architecture: &&str| {
        format!(r#"{{"platform": {{"os": "linux", "architecture": "{architecture}"}}}}"#)
    };
    let manifests: Vec<String> = architectures.iter().map(platform).collect();
    let attestation = r#"{"platform": {"os": "unknown", "architecture": "unknown"}}"#;
    format!(r#"{{"schemaVersion": 2, "manifests": [{}, {attestation}]}}"#, manifests.join(", "))
}

struct Bench {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Bench {
    /// Pins one image, version 1.35.8, to the digest under its tag in the registry.
    fn new() -> Self {
        let (dir, registry) = (tempfile::tempdir().unwrap(), Registry::start());
        let digest = registry.publish("v1.35.8-slim", &index(&["amd64", "arm64"]));
        let text = format!(
            "# Why this image.\n[thing]\nimage = \"{}/library/thing:v1.35.8-slim\"\ndigest = \"{digest}\"\n\
             version = \"1.35.8\"\nproduct = \"kubernetes\"\nsources = [\"one\", \"two\"]\n",
            registry.address
        );
        std::fs::write(dir.path().join("images.toml"), text).unwrap();
        Self { dir, registry }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("images.toml")).unwrap()
    }

    fn change(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "{from} is not in\n{text}");
        std::fs::write(self.dir.path().join("images.toml"), text.replace(from, to)).unwrap();
    }

    fn whence(&self) -> Whence {
        Whence { mirror: None, pins: Some(self.dir.path().to_owned()) }
    }

    fn verify(&self, files: bool) -> Tally {
        let names = vec!["thing".to_owned()];
        compare(&Verify { names, files, whence: self.whence() }).unwrap()
    }
}

#[test]
fn a_digest_is_proved_by_its_tag_and_by_the_index_itself() {
    let bench = Bench::new();
    let tally = bench.verify(false);
    assert_eq!((tally.proved, tally.open, tally.wrong.len()), (1, 0, 0), "{tally:?}");
    let asked = bench.registry.asked.lock().unwrap().clone();
    // A rejected request, a token request, a repeated request; no manifest is fetched, which registries count.
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[2], "head /v2/library/thing/manifests/v1.35.8-slim t0k3n");
    let tally = bench.verify(true);
    assert_eq!((tally.proved, tally.open, tally.wrong.len()), (2, 0, 0), "{tally:?}");
}

#[test]
fn a_tag_may_move_on_as_long_as_what_is_pinned_is_served() {
    let bench = Bench::new();
    bench.registry.put("v1.35.8-slim", &index(&["amd64", "arm64", "riscv64"]));
    let tally = bench.verify(true);
    assert_eq!((tally.proved, tally.wrong.len()), (2, 0), "{tally:?}");
    let old = "0".repeat(64);
    let digest = format!("sha256:{}", sha256(index(&["amd64", "arm64"]).as_bytes()));
    bench.change(&digest, &format!("sha256:{old}"));
    let tally = bench.verify(false);
    assert_eq!((tally.proved, tally.wrong.len()), (0, 1), "{tally:?}");
    assert!(tally.wrong[0].contains(&format!("sha256:{old} is no longer available")), "{tally:?}");
    assert!(tally.wrong[0].contains("v1.35.8-slim now refers to sha256:"), "{tally:?}");
}

#[test]
fn an_index_that_is_another_one_or_lacks_a_platform_is_wrong() {
    let bench = Bench::new();
    let digest = format!("sha256:{}", sha256(index(&["amd64", "arm64"]).as_bytes()));
    bench.registry.put(&digest, &index(&["amd64"]));
    let tally = bench.verify(true);
    assert!(tally.wrong[0].contains(&format!("the content of {digest} has the digest sha256:")), "{tally:?}");
    let bench = Bench::new();
    let lacking = bench.registry.publish("v1.35.8-slim", &index(&["amd64"]));
    bench.change(&digest, &lacking);
    let tally = bench.verify(true);
    assert!(tally.wrong[0].contains("it has no image for linux/arm64, only for linux/amd64"), "{tally:?}");
}

#[test]
fn where_no_registry_is_reached_nothing_is_proved() {
    let bench = Bench::new();
    bench.change(&bench.registry.address, "127.0.0.1:1");
    let tally = bench.verify(true);
    assert_eq!((tally.proved, tally.open, tally.wrong.len()), (0, 2, 0), "{tally:?}");
    // A registry that does not have the image is a different case.
    let bench = Bench::new();
    bench.change("library/thing", "library/other");
    let tally = bench.verify(false);
    assert_eq!((tally.proved, tally.open, tally.wrong.len()), (0, 0, 1), "{tally:?}");
}

#[test]
fn a_registry_may_send_on_to_where_the_pin_allows_and_no_token_goes_along() {
    let bench = Bench::new();
    let there = Registry::start();
    there.publish("v1.35.8-slim", &index(&["amd64", "arm64"]));
    let to_there = format!("http://localhost:{}", there.address.rsplit(':').next().unwrap());
    bench.registry.put("v1.35.8-slim", &to_there);
    let tally = bench.verify(false);
    assert_eq!((tally.open, tally.proved), (1, 0), "{tally:?}");
    assert!(there.asked.lock().unwrap().is_empty());
    bench.change("product =", "hosts = [\"localhost\"]\nproduct =");
    let tally = bench.verify(false);
    assert_eq!((tally.open, tally.proved), (0, 1), "{tally:?}");
    assert!(there.asked.lock().unwrap()[0].ends_with(" -"), "{:?}", there.asked);
}

#[test]
fn a_folder_is_a_mirror_of_tags() {
    let bench = Bench::new();
    bench.change(&bench.registry.address, "docker.io");
    let site = bench.dir.path().join("registry-1.docker.io/v2/library/thing/manifests");
    std::fs::create_dir_all(&site).unwrap();
    let mirror = Some(bench.dir.path().display().to_string());
    let whence = Whence { mirror, ..bench.whence() };
    let verify = |names: &str| Verify { names: vec![names.to_owned()], files: false, whence: whence.clone() };
    assert_eq!(compare(&verify("thing")).unwrap().open, 1);
    std::fs::write(site.join("v1.35.8-slim"), index(&["amd64", "arm64"])).unwrap();
    assert_eq!(compare(&verify("thing")).unwrap().proved, 1);
    assert!(compare(&verify("other")).unwrap_err().contains("other"));
}

#[test]
fn a_new_version_is_pinned_by_what_its_tag_names() {
    let bench = Bench::new();
    let digest = bench.registry.publish("v1.36.4-slim", &index(&["amd64", "arm64", "s390x"]));
    let update = |version: &str| images::update("thing", version, &bench.whence());
    update("1.36.4").unwrap();
    let text = bench.text();
    for part in ["# Why this image.", "/library/thing:v1.36.4-slim\"", "version = \"1.36.4\"", &digest] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.contains("the tag v1.36.4-slim on 127.0.0.1:") && !text.contains("\"one\""), "{text}");
    assert_eq!(bench.verify(true).proved, 2);

    // Nothing is written if an image is missing, lacks a platform, or has unknown support.
    bench.registry.publish("v1.37.2-slim", &index(&["amd64"]));
    for (version, why) in [
        ("1.36.5", "1.36.5-slim does not exist"),
        ("1.37.2", "it has no image for linux/arm64"),
        ("1.99.0", "does not list until when"),
    ] {
        let error = update(version).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    assert!(images::update("none", "1", &bench.whence()).unwrap_err().contains("has no image `none`"));
    assert_eq!(bench.text(), text);
}
