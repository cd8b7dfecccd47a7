//! The registry that publishes an image.

use std::cell::RefCell;
use std::path::Path;

use reqwest::{Method, StatusCode};

use super::super::manifest::{ACCEPTED, Descriptor, LONGEST, Manifest};
use super::super::ours::said;
use super::super::retry::{Fault, again};
use super::super::{Reference, RegistryError, Result, wait};
use super::auth;
use crate::fetch::{Answered, Client, FetchError, Question, Remote, ask, download, permitted};
use crate::files::sha256;
use crate::task::Task;

#[derive(Debug)]
pub(super) struct Source {
    /// Who is asked.
    pub(super) host: String,
    /// `https://host/v2/repository`.
    base: String,
    repository: String,
    plain_http: bool,
    /// `Bearer …`, if the registry requires one.
    authorization: RefCell<Option<String>>,
}

impl Source {
    /// Encrypted, except on the loopback address.
    pub(super) fn of(reference: &Reference) -> Self {
        let (host, repository) = (reference.host_to_ask().to_owned(), reference.repository.clone());
        let plain_http = permitted(&format!("http://{host}/")).is_ok();
        let scheme = if plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{repository}");
        Self { host, base, repository, plain_http, authorization: RefCell::default() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A manifest or index whose bytes have that digest.
    pub(super) fn manifest(&self, task: &Task<'_>, client: &Client, digest: &str) -> Result<Manifest> {
        let what = format!("manifest {digest}");
        let answer = self.get(task, client, &format!("manifests/{digest}"), &what, digest)?;
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let (host, read) = (self.host.clone(), Manifest::read(answer.body, &kind));
        read.map_err(|why| RegistryError::Malformed { host, what, why })
    }

    /// A small blob, such as a configuration.
    pub(super) fn text(&self, task: &Task<'_>, client: &Client, digest: &str) -> Result<Vec<u8>> {
        let path = format!("blobs/{digest}");
        Ok(self.get(task, client, &path, &format!("blob {digest}"), digest)?.body)
    }

    fn get(
        &self,
        task: &Task<'_>,
        client: &Client,
        path: &str,
        what: &str,
        digest: &str,
    ) -> Result<Answered> {
        let answer = self.ask(task, client, &Method::GET, path, what)?;
        if answer.status != StatusCode::OK {
            let (host, what) = (self.host.clone(), what.to_owned());
            return Err(RegistryError::answered(host, what, answer.status, said(&answer.body)));
        }
        let got = format!("sha256:{}", sha256(&answer.body));
        if got != digest {
            let what = format!("{what} from {}", self.host);
            return Err(RegistryError::Mismatch { what, expected: digest.to_owned(), got });
        }
        Ok(answer)
    }

    /// The current digest of a tag, if the registry returns it.
    pub(super) fn tag(&self, task: &Task<'_>, client: &Client, tag: &str) -> Result<Option<String>> {
        let (path, what) = (format!("manifests/{tag}"), format!("tag {tag}"));
        // Asked once: it is only for a remark.
        let answer = wait(task, &format!("asking {} for {what}", self.host), async {
            self.attempt(client, &Method::HEAD, &path, &what).await.map_err(Fault::error)
        })?;
        let digest = answer.header("docker-content-digest").map(str::to_owned);
        Ok(digest.filter(|_| answer.status == StatusCode::OK))
    }

    fn ask(
        &self,
        task: &Task<'_>,
        client: &Client,
        method: &Method,
        path: &str,
        what: &str,
    ) -> Result<Answered> {
        let asking = again(task, client.timeouts(), async || self.attempt(client, method, path, what).await);
        wait(task, &format!("asking {} for {what}", self.host), asking)
    }

    /// Asks, with a token if one is wanted.
    async fn attempt(
        &self,
        client: &Client,
        method: &Method,
        path: &str,
        what: &str,
    ) -> Result<Answered, Fault> {
        let mut answer = self.once(client, method, path, what).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.authorize(client, &answer).await? {
            answer = self.once(client, method, path, what).await?;
        }
        judge(answer, &self.host, what)
    }

    async fn once(
        &self,
        client: &Client,
        method: &Method,
        path: &str,
        what: &str,
    ) -> Result<Answered, Fault> {
        let (url, authorization) = (self.url(path), self.authorization.borrow().clone());
        let remote = self.remote(&url, authorization.as_deref());
        let question = Question { method: method.clone(), remote, accept: ACCEPTED, limit: LONGEST };
        match ask(client, &question).await.map_err(|halt| Fault::of(halt, &self.host, what)) {
            // Who cannot be reached now is not waited for.
            Err(Fault::Passing { error: error @ RegistryError::Unreachable { .. }, .. }) => Err(error.into()),
            result => result,
        }
    }

    fn remote<'a>(&self, url: &'a str, authorization: Option<&'a str>) -> Remote<'a> {
        // Registries lead to networks of caches, by hosts that nobody can list. Any will do as long as
        // it is encrypted: what arrives is compared with a digest, and our token is for us alone.
        Remote { url, any_host: true, plain_http: self.plain_http, authorization, ..Remote::default() }
    }

    /// Gets the token that `answer` asks for; false if it asks for something else.
    async fn authorize(&self, client: &Client, answer: &Answered) -> Result<bool, Fault> {
        let token = auth::token(client, answer, &self.host, &self.repository).await?;
        let got = token.is_some();
        self.authorization.replace(token.map(|token| format!("Bearer {token}")));
        Ok(got)
    }

    /// Downloads a blob to `to`, resuming an earlier transfer.
    pub(super) fn download(
        &self,
        task: &Task<'_>,
        client: &Client,
        blob: &Descriptor,
        to: &Path,
    ) -> Result<()> {
        let path = format!("blobs/{}", blob.digest);
        let (url, what) = (self.url(&path), format!("blob {}", blob.digest));
        let fetch = || {
            let authorization = self.authorization.borrow().clone();
            let sha256 = blob.digest.trim_start_matches("sha256:");
            let remote = self.remote(&url, authorization.as_deref());
            download(task, client, &Remote { sha256, size: Some(blob.size), ..remote }, to)
        };
        let result = match fetch() {
            // There is no token yet, or it has expired: a HEAD request gets one.
            Err(FetchError::Answered { status: StatusCode::UNAUTHORIZED, .. }) => {
                self.ask(task, client, &Method::HEAD, &path, &what)?;
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
        let error = RegistryError::RateLimited { host: host.to_owned(), quota: quota(&answer), after };
        if answer.header("ratelimit-remaining").is_some_and(|left| left.split(';').next() == Some("0")) {
            return Err(error.into());
        }
        error
    } else if answer.status == StatusCode::OK && answer.is_page() {
        return Err(RegistryError::LoginPage { url: answer.url }.into());
    } else if passing {
        RegistryError::answered(host.to_owned(), what.to_owned(), answer.status, said(&answer.body))
    } else {
        return Ok(answer);
    };
    Err(if passing { Fault::Passing { error, after } } else { error.into() })
}

/// `100 pulls in 6 h`, of `ratelimit-limit: 100;w=21600`.
fn quota(answer: &Answered) -> Option<String> {
    let limit = answer.header("ratelimit-limit")?;
    let Some((count, seconds)) = limit.split_once(";w=") else { return Some(format!("limit {limit}")) };
    match seconds.parse::<u64>() {
        Ok(seconds) if seconds >= 3600 => Some(format!("{count} pulls in {} h", seconds / 3600)),
        _ => Some(format!("{count} pulls in {seconds} s")),
    }
}
