//! Queries to our registry.

use futures::future::try_join_all;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::manifest::{ACCEPTED, LONGEST, Manifest};
use super::push::Push;
use super::reference::{is_digest, is_repository, is_tag};
use super::retry::{Fault, again};
use super::{Registry, RegistryError, Result, wait};
use crate::fetch::{Answered, FetchError, Question, Remote, ask, read, unanswered};
use crate::files::sha256;
use crate::task::Task;

/// The header with a manifest's digest.
const DIGEST: &str = "docker-content-digest";
/// The limit of a response to a blob or a manifest (bytes).
const SHORT: u64 = 64 << 10;
/// The header that registries of the distribution protocol send.
const VERSION: &str = "docker-distribution-api-version";

impl Registry {
    /// Whether a registry answers there, asked once: an error says what is there instead.
    pub fn ready(&self, task: &Task<'_>) -> Result<()> {
        let asked = wait(task, "the registry's first answer", async {
            Ok(self.ask(Method::GET, "", "a first question").await)
        })?;
        let stranger = |what| RegistryError::Stranger { authority: self.authority.clone(), what };
        let answer = match asked {
            Ok(answer) => answer,
            // What was said is no HTTP.
            Err(fault) => match fault.error() {
                RegistryError::Transfer(FetchError::Broken { cause, .. })
                    if cause.contains("invalid HTTP") =>
                {
                    return Err(stranger(cause));
                }
                error => return Err(error),
            },
        };
        let body = String::from_utf8_lossy(&answer.body);
        let known = answer.header(VERSION).is_some() || body.trim() == "{}";
        if answer.status == StatusCode::OK && known {
            return Ok(());
        }
        let server = answer.header("server").map(|server| format!(" from {server}")).unwrap_or_default();
        Err(stranger(format!("{}{server}", answer.status)))
    }

    /// The digest that a tag or digest has there; `None` if there is none.
    pub fn digest(&self, task: &Task<'_>, repository: &str, reference: &str) -> Result<Option<String>> {
        let what = self.named(repository, reference)?;
        self.asking(task, &what, async || self.digest_once(repository, reference, &what).await)
    }

    pub(super) async fn digest_once(
        &self,
        repository: &str,
        reference: &str,
        what: &str,
    ) -> Result<Option<String>, Fault> {
        let answer = self.ask(Method::HEAD, &manifests(repository, reference), what).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer, what));
        }
        let Some(digest) = answer.header(DIGEST).filter(|digest| is_digest(digest)) else {
            // A registry may leave it out; the bytes tell it as well.
            let manifest = self.manifest_once(repository, reference, what).await?;
            return Ok(manifest.map(|manifest| manifest.digest()));
        };
        same(what, reference, digest)?;
        Ok(Some(digest.to_owned()))
    }

    /// The manifest of a tag or digest, hashed; `None` if there is none.
    pub fn manifest(&self, task: &Task<'_>, repository: &str, reference: &str) -> Result<Option<Manifest>> {
        let what = self.named(repository, reference)?;
        self.asking(task, &what, async || self.manifest_once(repository, reference, &what).await)
    }

    pub(super) async fn manifest_once(
        &self,
        repository: &str,
        reference: &str,
        what: &str,
    ) -> Result<Option<Manifest>, Fault> {
        let answer = self.ask(Method::GET, &manifests(repository, reference), what).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer, what));
        }
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let said = answer.header(DIGEST).filter(|digest| is_digest(digest)).map(str::to_owned);
        let (host, told) = (self.authority.clone(), what.to_owned());
        let manifest = Manifest::read(answer.body, &kind).map_err(|why| RegistryError::Malformed {
            host,
            what: told,
            why,
        })?;
        let got = manifest.digest();
        same(what, reference, &got)?;
        same(what, said.as_deref().unwrap_or_default(), &got)?;
        Ok(Some(manifest))
    }

    /// The configuration of an image; `None` if the registry does not have it.
    pub fn config(&self, task: &Task<'_>, repository: &str, manifest: &Manifest) -> Result<Option<Vec<u8>>> {
        let Some(digest) = manifest.config_digest() else { return Ok(None) };
        let what = format!("the configuration {digest} of {repository}");
        self.asking(task, &what, async || {
            let answer = self.ask(Method::GET, &format!("{repository}/blobs/{digest}"), &what).await?;
            match answer.status {
                StatusCode::OK => {
                    same(&what, &digest, &format!("sha256:{}", sha256(&answer.body)))?;
                    Ok(Some(answer.body))
                }
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(self.refusal(&answer, &what)),
            }
        })
    }

    /// Gives the image that has `digest` one more tag.
    pub fn tag(&self, task: &Task<'_>, repository: &str, digest: &str, tag: &str) -> Result<()> {
        let Some(manifest) = self.manifest(task, repository, digest)? else {
            let what = self.named(repository, digest)?;
            return Err(RegistryError::NotFound { host: self.authority.clone(), what });
        };
        let push = Push::new(self, task, repository);
        wait(task, &format!("tagging {repository}:{tag}"), push.manifest(&manifest, Some(tag))).map(drop)
    }

    /// Whether the registry has the manifest and everything that it refers to.
    pub fn complete(&self, task: &Task<'_>, repository: &str, digest: &str) -> Result<bool> {
        let what = self.named(repository, digest)?;
        self.asking(task, &what, async || self.whole(repository, digest.to_owned(), &what).await)
    }

    async fn whole(&self, repository: &str, digest: String, what: &str) -> Result<bool, Fault> {
        let Some(manifest) = self.manifest_once(repository, &digest, what).await? else { return Ok(false) };
        let malformed = |why| {
            let (host, what) = (self.authority.clone(), what.to_owned());
            RegistryError::Malformed { host, what, why }
        };
        if manifest.is_index() {
            for child in manifest.listed().map_err(malformed)? {
                // An index in an index is rare, so one after the other will do.
                if !Box::pin(self.whole(repository, child.descriptor.digest, what)).await? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let blobs = manifest.blobs().map_err(malformed)?;
        let there = try_join_all(blobs.iter().map(|blob| self.has(repository, &blob.digest))).await?;
        Ok(there.into_iter().all(|there| there))
    }

    /// Whether the repository has a blob.
    pub(super) async fn has(&self, repository: &str, digest: &str) -> Result<bool, Fault> {
        let what = format!("whether it has {digest}");
        let answer = self.ask(Method::HEAD, &format!("{repository}/blobs/{digest}"), &what).await?;
        match answer.status {
            StatusCode::OK => {
                self.remember(repository, digest);
                Ok(true)
            }
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refusal(&answer, &what)),
        }
    }

    /// Repeats a request about `what` until it succeeds, or until repeating cannot help.
    fn asking<T>(
        &self,
        task: &Task<'_>,
        what: &str,
        attempt: impl AsyncFnMut() -> Result<T, Fault>,
    ) -> Result<T> {
        wait(task, &format!("asking for {what}"), again(task, self.timeouts(), attempt))
    }

    /// Sends a request and waits for its response, as long as the server may be silent.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        url: &Url,
        what: &str,
    ) -> Result<Response, Fault> {
        match tokio::time::timeout(self.timeouts().idle, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Fault::of(unanswered(url, &error), &self.authority, what)),
            Err(_) => Err(self.stalled(what)),
        }
    }

    /// Reads the short response to a request.
    pub(super) async fn read(&self, response: Response, url: &Url, what: &str) -> Result<Answered, Fault> {
        let answer = read(&self.client, response, url, SHORT).await;
        answer.map_err(|halt| Fault::of(halt, &self.authority, what))
    }

    pub(super) fn stalled(&self, what: &str) -> Fault {
        let (host, idle) = (self.authority.clone(), self.timeouts().idle);
        Fault::passing(RegistryError::Stalled { host, what: what.to_owned(), idle })
    }

    /// Sends one request for a path below `/v2/`.
    async fn ask(&self, method: Method, path: &str, what: &str) -> Result<Answered, Fault> {
        let url = self.url(path);
        let remote = Remote { url: &url, ..Remote::default() };
        let question = Question { method, remote, accept: ACCEPTED, limit: LONGEST };
        let asked = ask(&self.client, &question).await;
        asked.map_err(|halt| Fault::of(halt, &self.authority, what))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.authority)
    }

    /// What a status means that is not the one that was hoped for.
    pub(super) fn refusal(&self, answer: &Answered, what: &str) -> Fault {
        let said = said(&answer.body);
        if answer.status == StatusCode::INSUFFICIENT_STORAGE || is_full(&answer.body) {
            let authority = self.authority.clone();
            return Fault::Final(RegistryError::Full {
                authority,
                said: format!("{}: {said}", answer.status),
            });
        }
        let (passing, after) = (answer.is_passing(), answer.after);
        let error = RegistryError::answered(self.authority.clone(), what.to_owned(), answer.status, said);
        if passing { Fault::Passing { error, after } } else { Fault::Final(error) }
    }

    /// `127.0.0.1:5000/app/web:1`, if both can be asked for.
    pub(super) fn named(&self, repository: &str, reference: &str) -> Result<String> {
        let sign = if is_digest(reference) { '@' } else { ':' };
        let name = format!("{}/{repository}{sign}{reference}", self.authority);
        if is_repository(repository) && (is_digest(reference) || is_tag(reference)) {
            return Ok(name);
        }
        Err(RegistryError::Name(format!("\"{name}\" is not an image name")))
    }
}

/// Compares a digest with a reference, if that is a digest as well.
fn same(what: &str, expected: &str, got: &str) -> Result<()> {
    if !is_digest(expected) || expected == got {
        return Ok(());
    }
    let (what, expected, got) = (what.to_owned(), expected.to_owned(), got.to_owned());
    Err(RegistryError::Mismatch { what, expected, got })
}

pub(super) fn manifests(repository: &str, reference: &str) -> String {
    format!("{repository}/manifests/{reference}")
}

/// The error of a registry in one line: `CODE: message (detail)`.
pub(super) fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        errors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        code: String,
        #[serde(default)]
        message: String,
        #[serde(default)]
        detail: serde_json::Value,
    }
    let one = |one: One| {
        let detail = match one.detail {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => format!(" ({text})"),
            other => format!(" ({other})"),
        };
        format!("{}: {}{detail}", one.code, one.message)
    };
    if let Ok(said) = serde_json::from_slice::<Said>(body) {
        return said.errors.into_iter().map(one).collect::<Vec<_>>().join(", ");
    }
    let text = String::from_utf8_lossy(body);
    text.lines().next().unwrap_or_default().trim().chars().take(200).collect()
}

/// Whether the distribution project's registry reports a full disk, which it does with the message of the system.
fn is_full(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    ["no space left on device", "enospc", "disk quota exceeded", "\"err\":28"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::{is_full, said};

    #[test]
    fn errors_are_told_in_one_line() {
        let full = br#"{"errors":[{"code":"UNKNOWN","message":"unknown error",
            "detail":{"driver":"filesystem","detail":"write /x: no space left on device"}}]}"#;
        assert!(is_full(full) && said(full).starts_with("UNKNOWN: unknown error ({"));
        let denied = br#"{"errors":[{"code":"DENIED","message":"no","detail":null}]}"#;
        assert!(!is_full(denied) && said(denied) == "DENIED: no");
        assert_eq!((said(b"oops\nmore"), said(b"")), ("oops".to_owned(), String::new()));
    }
}
