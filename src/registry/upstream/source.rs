//! The registry that publishes an image.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use super::super::manifest::{ACCEPTED, Descriptor, LONGEST, Manifest};
use super::super::ours::said;
use super::super::retry::{Fault, again, unanswered};
use super::super::{Reference, RegistryError, Result, host_to_ask, wait};
use super::auth;
use crate::fetch::{Answered, Client, FetchError, Halt, Remote, ask, download, permitted};
use crate::files::sha256;
use crate::quantity::show_time;
use crate::task::Task;

pub(super) struct Source<'a> {
    task: &'a Task<'a>,
    client: &'a Client,
    host: String,
    /// `https://host/v2/repository`.
    base: String,
    repository: &'a str,
    plain_http: bool,
    /// `Bearer …`, if the registry requires one.
    authorization: RefCell<Option<String>>,
}

impl<'a> Source<'a> {
    /// Encrypted, except on the loopback address.
    pub(super) fn of(task: &'a Task<'a>, client: &'a Client, reference: &'a Reference) -> Self {
        let (host, repository) = (host_to_ask(&reference.host).to_owned(), reference.repository.as_str());
        let plain_http = permitted(&format!("http://{host}/")).is_ok();
        let scheme = if plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{repository}");
        Self { task, client, host, base, repository, plain_http, authorization: RefCell::default() }
    }

    /// A manifest or index whose bytes have that digest.
    pub(super) fn manifest(&self, digest: &str) -> Result<Manifest> {
        let what = format!("manifest {digest}");
        let answer = self.get(&format!("manifests/{digest}"), &what, digest)?;
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        Manifest::read(answer.body, &kind).map_err(|why| RegistryError::malformed(&self.host, &what, why))
    }

    /// A small blob, such as a configuration.
    pub(super) fn text(&self, digest: &str) -> Result<Vec<u8>> {
        Ok(self.get(&format!("blobs/{digest}"), &format!("blob {digest}"), digest)?.body)
    }

    fn get(&self, path: &str, what: &str, digest: &str) -> Result<Answered> {
        let answer = self.ask(&Method::GET, path, what)?;
        if answer.status != StatusCode::OK {
            return Err(RegistryError::answered(&self.host, what, answer.status, said(&answer.body)));
        }
        let got = format!("sha256:{}", sha256(&answer.body));
        if got != digest {
            let what = format!("{what} from {}", self.host);
            return Err(RegistryError::Mismatch { what, expected: digest.to_owned(), got });
        }
        Ok(answer)
    }

    /// The current digest of a tag, if the registry returns it.
    pub(super) fn tag(&self, tag: &str) -> Result<Option<String>> {
        let (path, what) = (format!("manifests/{tag}"), format!("tag {tag}"));
        // Asked once: it is only for a remark.
        let answer = wait(self.task, &format!("asking {} for {what}", self.host), async {
            self.attempt(&Method::HEAD, &path, &what).await.map_err(Fault::into_error)
        })?;
        let digest = answer.header("docker-content-digest").map(str::to_owned);
        Ok(digest.filter(|_| answer.status == StatusCode::OK))
    }

    fn ask(&self, method: &Method, path: &str, what: &str) -> Result<Answered> {
        let timeouts = self.client.timeouts;
        let asking = again(self.task, timeouts, async || self.attempt(method, path, what).await);
        wait(self.task, &format!("asking {} for {what}", self.host), asking)
    }

    /// Asks, with a token if one is wanted.
    async fn attempt(&self, method: &Method, path: &str, what: &str) -> Result<Answered, Fault> {
        let mut answer = self.once(method, path, what).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let token = auth::token(self.client, &answer, &self.host, self.repository).await?;
            let got = token.is_some();
            self.authorization.replace(token.map(|token| format!("Bearer {token}")));
            if got {
                answer = self.once(method, path, what).await?;
            }
        }
        judge(answer, &self.host, what)
    }

    async fn once(&self, method: &Method, path: &str, what: &str) -> Result<Answered, Fault> {
        let (url, authorization) = (format!("{}/{path}", self.base), self.authorization.borrow().clone());
        let remote = self.remote(&url, authorization.as_deref());
        let asked = ask(self.client, method, &remote, ACCEPTED, LONGEST).await;
        match asked.map_err(|halt| unanswered(halt, &self.host, what)) {
            // Who cannot be reached now is not waited for.
            Err(Halt::Again { error: error @ RegistryError::Unreachable { .. }, .. }) => Err(error.into()),
            result => result,
        }
    }

    fn remote<'r>(&self, url: &'r str, authorization: Option<&'r str>) -> Remote<'r> {
        // Registries lead to networks of caches, by hosts that nobody can list. Any will do as long as
        // it is encrypted: what arrives is compared with a digest, and our token is for us alone.
        Remote { url, any_host: true, plain_http: self.plain_http, authorization, ..Remote::default() }
    }

    /// Downloads a blob to `to`, resuming an earlier transfer.
    pub(super) fn download(&self, task: &Task<'_>, blob: &Descriptor, to: &Path) -> Result<()> {
        let path = format!("blobs/{}", blob.digest);
        let (url, what) = (format!("{}/{path}", self.base), format!("blob {}", blob.digest));
        let fetch = || {
            let authorization = self.authorization.borrow().clone();
            let sha256 = blob.digest.trim_start_matches("sha256:");
            let remote = self.remote(&url, authorization.as_deref());
            download(task, self.client, &Remote { sha256, size: Some(blob.size), ..remote }, to)
        };
        let result = match fetch() {
            // There is no token yet, or it has expired: a HEAD request gets one.
            Err(FetchError::Answered { status: StatusCode::UNAUTHORIZED, .. }) => {
                self.ask(&Method::HEAD, &path, &what)?;
                fetch()
            }
            result => result,
        };
        result.map(drop).map_err(|error| RegistryError::of(error, &self.host, &what))
    }
}

/// Tells answers that are to be looked at from those that say to wait, or that somebody else gave.
pub(super) fn judge(answer: Answered, host: &str, what: &str) -> Result<Answered, Fault> {
    let (passing, after) = (answer.is_passing(), answer.after);
    let error = if answer.status == StatusCode::TOO_MANY_REQUESTS {
        let error = RegistryError::rate_limited(host, quota(&answer), after);
        if answer.header("ratelimit-remaining").is_some_and(|left| left.split(';').next() == Some("0")) {
            return Err(error.into());
        }
        error
    } else if answer.status == StatusCode::OK && answer.is_page() {
        return Err(RegistryError::Transfer(FetchError::login_page(&answer.url)).into());
    } else if passing {
        RegistryError::answered(host, what, answer.status, said(&answer.body))
    } else {
        return Ok(answer);
    };
    Err(if passing { Halt::Again { error, after } } else { error.into() })
}

/// `100 pulls in 6 h`, of `ratelimit-limit: 100;w=21600`.
fn quota(answer: &Answered) -> Option<String> {
    let limit = answer.header("ratelimit-limit")?;
    let Some((count, seconds)) = limit.split_once(";w=") else { return Some(format!("limit {limit}")) };
    match seconds.parse::<u64>() {
        Ok(seconds) => Some(format!("{count} pulls in {}", show_time(Duration::from_secs(seconds)))),
        Err(_) => Some(format!("limit {limit}")),
    }
}
