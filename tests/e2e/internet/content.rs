//! What the hosts of the private internet publish: files at URLs, and images by digest, with the redirects
//! and tokens of the real ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::serve::Request;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where the bytes of a file or blob are.
#[derive(Debug, Clone)]
pub enum Source {
    File {
        path: PathBuf,
        offset: u64,
        size: u64,
    },
    /// Below the address of a registry on this machine.
    Registry {
        authority: String,
        path: String,
        size: u64,
    },
}

impl Source {
    pub fn file(path: &Path) -> Self {
        let size =
            std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).len();
        Self::File { path: path.to_owned(), offset: 0, size }
    }

    pub(super) fn size(&self) -> u64 {
        let (Self::File { size, .. } | Self::Registry { size, .. }) = self;
        *size
    }
}

pub(super) enum Body {
    Bytes(Vec<u8>),
    At(Source),
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

impl Answer {
    pub(super) fn new(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body: Body::Bytes(body) }
    }

    fn redirect(status: u16, to: String) -> Self {
        Self::new(status, vec![("Location", to)], Vec::new())
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, vec![("Content-Type", "text/plain".to_owned())], b"404 page not found\n".to_vec())
    }
}

/// An image for this machine's platform.
pub struct Image {
    pub manifest: Vec<u8>,
    /// By digest.
    pub blobs: BTreeMap<String, Source>,
}

impl Image {
    /// The bytes to transfer.
    pub fn size(&self) -> u64 {
        self.manifest.len() as u64 + self.blobs.values().map(Source::size).sum::<u64>()
    }
}

/// The images of one repository.
#[derive(Default)]
struct Repository {
    /// By digest: media type and text.
    manifests: BTreeMap<String, (&'static str, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    blobs: BTreeMap<String, Source>,
}

impl Repository {
    /// By tag or digest.
    fn manifest(&self, wanted: &str) -> Option<Answer> {
        let digest = self.tags.get(wanted).map_or(wanted, String::as_str);
        let (kind, text) = self.manifests.get(digest)?;
        let headers =
            vec![("Content-Type", (*kind).to_owned()), ("Docker-Content-Digest", digest.to_owned())];
        Some(Answer::new(200, headers, text.clone()))
    }
}

#[derive(Default)]
pub struct Content {
    /// By host and path.
    files: BTreeMap<(String, String), Source>,
    /// By host and name.
    repositories: BTreeMap<(String, String), Repository>,
}

/// Where the real hosts redirect to: release files, and blobs of their registries.
const REDIRECTS: [(&str, &str); 3] = [
    ("dl.k8s.io", "cdn.dl.k8s.io"),
    ("github.com", "release-assets.githubusercontent.com"),
    (HUB, "production.cloudfront.docker.com"),
];
pub(super) const HUB: &str = "registry-1.docker.io";
/// Docker Hub's tokens.
pub(super) const TOKENS: &str = "auth.docker.io";
/// Hosts of pins for which there is no stand-in.
const EMPTY: [&str; 2] = ["storage.googleapis.com", "gcr.io"];

impl Content {
    /// Publishes a file at `https://…`.
    pub fn file(&mut self, url: &str, source: Source) {
        let rest = url.strip_prefix("https://").expect("an https URL");
        let (host, path) = rest.split_once('/').expect("a URL with a path");
        self.files.insert((host.to_owned(), format!("/{path}")), source);
    }

    /// Publishes an image as an index of several platforms, under the name and tag of `reference`; returns
    /// the digest of the index.
    pub fn image(&mut self, reference: &str, image: Image) -> String {
        let (host, rest) = reference.split_once('/').expect("a host");
        let (name, tag) = rest.rsplit_once(':').expect("a tag");
        let host = if host == "docker.io" { HUB } else { host };
        let repository = self.repositories.entry((host.to_owned(), name.to_owned())).or_default();
        let here = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let entry = |digest: &str, size: usize, os: &str, architecture: &str| {
            json!({
                "mediaType": MANIFEST, "digest": digest, "size": size,
                "platform": { "os": os, "architecture": architecture },
            })
        };
        let (own, nowhere) = (digest(&image.manifest), digest(b"of another platform"));
        let mut attestation = entry(&nowhere, 19, "unknown", "unknown");
        attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": own });
        let index = json!({
            "schemaVersion": 2, "mediaType": INDEX,
            "manifests": [
                entry(&nowhere, 19, "linux", "s390x"), entry(&own, image.manifest.len(), "linux", here), attestation,
            ],
        });
        let index = index.to_string().into_bytes();
        let top = digest(&index);
        repository.manifests.insert(own, (MANIFEST, image.manifest));
        repository.manifests.insert(top.clone(), (INDEX, index));
        repository.tags.insert(tag.to_owned(), top.clone());
        repository.blobs.extend(image.blobs);
        top
    }

    /// Every host that has an address.
    pub(super) fn hosts(&self) -> impl Iterator<Item = String> {
        let own = self.files.keys().chain(self.repositories.keys()).map(|(host, _)| host.clone());
        let others = REDIRECTS.iter().map(|(_, to)| *to).chain([TOKENS]).chain(EMPTY);
        own.chain(others.map(str::to_owned)).collect::<std::collections::BTreeSet<String>>().into_iter()
    }

    /// The bytes of everything that is published, each blob and file once.
    pub fn size(&self) -> u64 {
        let mut blobs: BTreeMap<&str, u64> = BTreeMap::new();
        for repository in self.repositories.values() {
            blobs.extend(repository.blobs.iter().map(|(digest, source)| (digest.as_str(), source.size())));
            blobs.extend(
                repository.manifests.iter().map(|(digest, (_, text))| (digest.as_str(), text.len() as u64)),
            );
        }
        self.files.values().map(Source::size).sum::<u64>() + blobs.values().sum::<u64>()
    }

    pub(super) fn answer(&self, host: &str, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        if host == TOKENS {
            let token = json!({ "token": "anonymous", "expires_in": 300 });
            return json_answer(&token);
        }
        // A redirected request names the host that it was redirected from.
        if let Some((from, _)) = REDIRECTS.iter().find(|(_, to)| *to == host) {
            let source = self.at(from, path);
            return source.map_or_else(Answer::not_found, |source| Answer {
                status: 200,
                headers: vec![("Content-Type", "application/octet-stream".to_owned())],
                body: Body::At(source.clone()),
            });
        }
        if let Some(rest) = path.strip_prefix("/v2/") {
            return self.registry(host, rest, request);
        }
        let Some(source) = self.files.get(&(host.to_owned(), path.to_owned())) else {
            return Answer::not_found();
        };
        match REDIRECTS.iter().find(|(from, _)| *from == host) {
            Some((_, to)) => Answer::redirect(302, format!("https://{to}{path}")),
            None => Answer {
                status: 200,
                headers: vec![("Content-Type", "application/octet-stream".to_owned())],
                body: Body::At(source.clone()),
            },
        }
    }

    /// A mirror of every registry: `path` (`hub/library/x/…`) is what follows `/v2/`.
    pub(super) fn mirror(&self, path: &str) -> Answer {
        let Some((prefix, rest)) = path.split_once('/') else { return json_answer(&json!({})) };
        let mut found = self.repositories.iter().filter_map(|((host, name), repository)| {
            // A registry that is published by a mirror has its prefix there.
            let short = name.strip_prefix("k8s/").unwrap_or(name);
            let rest = rest.strip_prefix(short)?.strip_prefix('/')?;
            ((host == HUB) == (prefix == "hub")).then_some((repository, rest))
        });
        let Some((repository, rest)) = found.next() else { return Answer::not_found() };
        match rest.split_once('/') {
            Some(("manifests", wanted)) => repository.manifest(wanted),
            Some(("blobs", digest)) => repository.blobs.get(digest).map(|source| Answer {
                status: 200,
                headers: Vec::new(),
                body: Body::At(source.clone()),
            }),
            _ => None,
        }
        .unwrap_or_else(|| Answer::new(404, vec![], error("MANIFEST_UNKNOWN", "manifest unknown")))
    }

    /// The file or blob at this path of this host.
    fn at(&self, host: &str, path: &str) -> Option<&Source> {
        self.files.get(&(host.to_owned(), path.to_owned())).or_else(|| {
            let (name, digest) = path.strip_prefix("/v2/")?.split_once("/blobs/")?;
            self.repositories.get(&(host.to_owned(), name.to_owned()))?.blobs.get(digest)
        })
    }

    /// The distribution protocol; `path` is what follows `/v2/`.
    fn registry(&self, host: &str, path: &str, request: &Request) -> Answer {
        if host == HUB && !request.authorized {
            let name = path.split("/manifests/").next().and_then(|path| path.split("/blobs/").next());
            let scope = format!("repository:{}:pull", name.unwrap_or_default());
            let challenge = format!(
                "Bearer realm=\"https://{TOKENS}/token\",service=\"registry.docker.io\",scope=\"{scope}\""
            );
            let body = error("UNAUTHORIZED", "authentication required");
            return Answer::new(401, vec![("WWW-Authenticate", challenge)], body);
        }
        if path.is_empty() {
            return json_answer(&json!({}));
        }
        let found = path.split_once("/manifests/").and_then(|(name, wanted)| {
            self.repositories.get(&(host.to_owned(), name.to_owned()))?.manifest(wanted)
        });
        if let Some(answer) = found {
            return answer;
        }
        let Some(source) = self.at(host, &request.path) else {
            return Answer::new(404, vec![], error("MANIFEST_UNKNOWN", "manifest unknown"));
        };
        match REDIRECTS.iter().find(|(from, _)| *from == host) {
            Some((_, to)) => Answer::redirect(307, format!("https://{to}{}", request.path)),
            None => Answer { status: 200, headers: Vec::new(), body: Body::At(source.clone()) },
        }
    }
}

fn json_answer(value: &Value) -> Answer {
    Answer::new(200, vec![("Content-Type", "application/json".to_owned())], value.to_string().into_bytes())
}

pub(super) fn error(code: &str, message: &str) -> Vec<u8> {
    json!({ "errors": [{ "code": code, "message": message }] }).to_string().into_bytes()
}

/// `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
