//! Queries to our registry.

use futures::future::try_join_all;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::manifest::{ACCEPTED, LONGEST, Manifest};
use super::push::Push;
use super::reference::{is_digest, is_repository, is_tag};
use super::retry::{Fault, again, unanswered};
use super::{Registry, RegistryError, Result, wait};
use crate::error::Kind;
use crate::fetch::{self, Answered, FetchError, Halt, Remote, ask, read};
use crate::files::sha256;
use crate::task::Task;

/// The limit of a response to a blob or a manifest (bytes).
const SHORT: u64 = 64 << 10;
/// The header that registries of the distribution protocol send.
const VERSION: &str = "docker-distribution-api-version";

impl Registry {
    /// Whether a registry answers there, asked once: an error says what is there instead.
    pub fn ready(&self, task: &Task<'_>) -> Result<()> {
        let asked = wait(task, "the registry's first answer", async {
            Ok(self.ask(&Method::GET, "", "a first question").await)
        })?;
        let stranger = |what| {
            let port = self.authority.rsplit(':').next().unwrap_or_default();
            let help =
                format!("ss -ltnp 'sport = :{port}'   # shows the program; stop it, then run `up` again");
            let what = format!("the server at {} is not an image registry ({what})", self.authority);
            RegistryError::Other { kind: Kind::HostNotReady, what, help }
        };
        let answer = match asked {
            Ok(answer) => answer,
            // What was said is no HTTP.
            Err(fault) => match fault.into_error() {
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
        Ok(self.manifest(task, repository, reference)?.map(|manifest| manifest.digest()))
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
        let found = self.look(&Method::GET, &manifests(repository, reference), what).await?;
        let Some(answer) = found else { return Ok(None) };
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let read = Manifest::read(answer.body, &kind);
        let manifest = read.map_err(|why| RegistryError::malformed(&self.authority, what, why))?;
        same(what, reference, &manifest.digest())?;
        Ok(Some(manifest))
    }

    /// The configuration of an image; `None` if the registry does not have it.
    pub fn config(&self, task: &Task<'_>, repository: &str, manifest: &Manifest) -> Result<Option<Vec<u8>>> {
        let Some(digest) = manifest.config_digest() else { return Ok(None) };
        let what = format!("the configuration {digest} of {repository}");
        self.asking(task, &what, async || {
            let found = self.look(&Method::GET, &format!("{repository}/blobs/{digest}"), &what).await?;
            let Some(answer) = found else { return Ok(None) };
            same(&what, &digest, &format!("sha256:{}", sha256(&answer.body)))?;
            Ok(Some(answer.body))
        })
    }

    /// The manifest of an image that has to be there.
    pub(super) fn existing(&self, task: &Task<'_>, repository: &str, digest: &str) -> Result<Manifest> {
        let (host, what) = (self.authority.clone(), self.named(repository, digest)?);
        let manifest = self.manifest(task, repository, digest)?;
        manifest.ok_or(RegistryError::NotFound { host, what })
    }

    /// Gives the image that has `digest` one more tag.
    pub fn tag(&self, task: &Task<'_>, repository: &str, digest: &str, tag: &str) -> Result<()> {
        let manifest = self.existing(task, repository, digest)?;
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
        let malformed = |why| RegistryError::malformed(&self.authority, what, why);
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
        let found = self.look(&Method::HEAD, &format!("{repository}/blobs/{digest}"), &what).await?;
        if found.is_some() {
            self.remember(repository, digest);
        }
        Ok(found.is_some())
    }

    /// Repeats a request about `what` until it succeeds, or until repeating cannot help.
    fn asking<T>(
        &self,
        task: &Task<'_>,
        what: &str,
        attempt: impl AsyncFnMut() -> Result<T, Fault>,
    ) -> Result<T> {
        wait(task, &format!("asking for {what}"), again(task, self.client.timeouts, attempt))
    }

    /// Sends a request and reads its short response, as long as the server may be silent.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        url: &Url,
        what: &str,
    ) -> Result<Answered, Fault> {
        let sent = tokio::time::timeout(self.client.timeouts.idle, request.send()).await;
        let response = sent.map_err(|_| self.stalled(what))?;
        let response = response.map_err(|error| self.unanswered(fetch::unanswered(url, &error), what))?;
        self.read(response, url, what).await
    }

    /// Reads the short response to a request.
    pub(super) async fn read(&self, response: Response, url: &Url, what: &str) -> Result<Answered, Fault> {
        read(&self.client, response, url, SHORT).await.map_err(|halt| self.unanswered(halt, what))
    }

    pub(super) fn unanswered(&self, halt: Halt, what: &str) -> Fault {
        unanswered(halt, &self.authority, what)
    }

    pub(super) fn stalled(&self, what: &str) -> Fault {
        Halt::again(RegistryError::stalled(&self.authority, what, self.client.timeouts.idle))
    }

    /// Asks for what may not be there.
    async fn look(&self, method: &Method, path: &str, what: &str) -> Result<Option<Answered>, Fault> {
        let answer = self.ask(method, path, what).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refusal(&answer, what)),
        }
    }

    /// Sends one request for a path below `/v2/`.
    async fn ask(&self, method: &Method, path: &str, what: &str) -> Result<Answered, Fault> {
        let url = self.url(path);
        let remote = Remote { url: &url, ..Remote::default() };
        ask(&self.client, method, &remote, ACCEPTED, LONGEST)
            .await
            .map_err(|halt| self.unanswered(halt, what))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.authority)
    }

    /// What a status means that is not the one that was hoped for.
    pub(super) fn refusal(&self, answer: &Answered, what: &str) -> Fault {
        let said = said(&answer.body);
        if answer.status == StatusCode::INSUFFICIENT_STORAGE || is_full(&answer.body) {
            let what = format!("the disk of the registry at {} is full", self.authority);
            let help = "docker system df   # shows the disk usage; free some space, then run `up` again";
            let (what, help) = (format!("{what} ({}: {said})", answer.status), help.to_owned());
            return RegistryError::Other { kind: Kind::HostNotReady, what, help }.into();
        }
        let error = RegistryError::answered(&self.authority, what, answer.status, said);
        if answer.is_passing() { Halt::Again { error, after: answer.after } } else { error.into() }
    }

    /// `127.0.0.1:5000/app/web:1`, if both can be asked for.
    pub(super) fn named(&self, repository: &str, reference: &str) -> Result<String> {
        let sign = if is_digest(reference) { '@' } else { ':' };
        let name = format!("{}/{repository}{sign}{reference}", self.authority);
        if is_repository(repository) && (is_digest(reference) || is_tag(reference)) {
            return Ok(name);
        }
        Err(RegistryError::name(format!("\"{name}\" is not an image name")))
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
