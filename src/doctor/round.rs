//! One round of requests, to all hosts that missing artifacts come from at once.

use std::time::Duration;

use futures::future::join_all;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap};
use reqwest::tls::TlsInfo;
use reqwest::{Response, StatusCode};

use super::certificate::issuer;
use crate::fetch::{Client, Url, causes};
use crate::origins::Host;
use crate::registry::{RegistryError, anonymous_token};

/// For all that a host is asked.
const LIMIT: Duration = Duration::from_secs(12);
/// What a registry is asked for: an index, or a manifest.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What came of asking a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HostAnswer {
    pub host: String,
    pub trouble: Option<Trouble>,
    /// How far this machine's clock is ahead of the host's.
    pub ahead: Option<SignedDuration>,
    pub quota: Option<Quota>,
}

/// How many images a registry still lets this address pull, of how many in how many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Quota {
    pub left: u64,
    pub limit: u64,
    pub hours: u64,
}

/// Why nothing can be fetched from a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum Trouble {
    /// Its name is not resolved.
    Name,
    Refused,
    TimedOut,
    /// Its certificate is not trusted; who issued it, where that can be read.
    Untrusted(Option<String>),
    /// Its certificate is not valid at the time that this machine's clock shows.
    Outdated,
    /// The proxy wants a user name and password.
    ProxyLogin,
    /// The proxy does not let the connection through, or cannot be reached.
    Proxy(String),
    /// The registry gives no token to somebody without an account.
    Token(String),
    Other(String),
}

impl Trouble {
    /// Reads the causes of a failed request, as reqwest, hyper and rustls tell them.
    fn of(causes: &str, timed_out: bool) -> Self {
        let has = |part: &str| causes.contains(part);
        if has("proxy authorization required") {
            Self::ProxyLogin
        } else if has("tunnel error") {
            Self::Proxy(causes.to_owned())
        } else if has("certificate expired") || has("certificate not valid yet") {
            Self::Outdated
        } else if has("invalid peer certificate") {
            Self::Untrusted(None)
        } else if has("dns error") {
            Self::Name
        } else if has("onnection refused") || has("actively refused") {
            Self::Refused
        } else if timed_out {
            Self::TimedOut
        } else {
            Self::Other(causes.to_owned())
        }
    }
}

/// Asks all hosts. `inspecting` is made only if a certificate is not accepted.
pub async fn ask_all(
    client: &Client,
    inspecting: impl Fn() -> Option<Client>,
    hosts: &[&Host],
    now: fn() -> Timestamp,
) -> Vec<HostAnswer> {
    let round = Round { client, inspecting, now };
    join_all(hosts.iter().map(|host| round.ask(host))).await
}

struct Round<'a, F> {
    client: &'a Client,
    inspecting: F,
    now: fn() -> Timestamp,
}

impl<F: Fn() -> Option<Client>> Round<'_, F> {
    async fn ask(&self, host: &Host) -> HostAnswer {
        let new = || HostAnswer { host: host.name.clone(), ..HostAnswer::default() };
        match tokio::time::timeout(LIMIT, self.ask_at_length(host, new())).await {
            Ok(answer) => answer,
            Err(_) => HostAnswer { trouble: Some(Trouble::TimedOut), ..new() },
        }
    }

    async fn ask_at_length(&self, host: &Host, mut answer: HostAnswer) -> HostAnswer {
        let mut response = match head(self.client, &host.url, None).await {
            Ok(response) => response,
            Err(trouble) => {
                return self.inspected(host, HostAnswer { trouble: Some(trouble), ..answer }).await;
            }
        };
        answer.ahead = self.ahead(response.headers());
        if let Some(repository) = repository(&host.url).filter(|_| response.status() == 401) {
            match anonymous_token(self.client, response, &host.name, &repository).await {
                Ok(None) => return answer,
                Ok(Some(token)) => match head(self.client, &host.url, Some(&token)).await {
                    Ok(again) => response = again,
                    Err(trouble) => return HostAnswer { trouble: Some(trouble), ..answer },
                },
                Err(error) => return HostAnswer { trouble: Some(of_token(&error)), ..answer },
            }
        }
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            answer.trouble = Some(Trouble::ProxyLogin);
        }
        answer.quota = quota(response.status(), response.headers());
        answer
    }

    /// With what only somebody can read who does not care for certificates.
    async fn inspected(&self, host: &Host, mut answer: HostAnswer) -> HostAnswer {
        let Some(Trouble::Untrusted(_) | Trouble::Outdated) = &answer.trouble else { return answer };
        let Some(client) = (self.inspecting)() else { return answer };
        let Ok(response) = head(&client, &host.url, None).await else { return answer };
        answer.ahead = self.ahead(response.headers());
        if let Some(Trouble::Untrusted(name)) = &mut answer.trouble {
            let info = response.extensions().get::<TlsInfo>();
            *name = info.and_then(TlsInfo::peer_certificate).and_then(issuer);
        }
        answer
    }

    fn ahead(&self, headers: &HeaderMap) -> Option<SignedDuration> {
        let date = headers.get(DATE)?.to_str().ok()?;
        let date = DateTimeParser::new().parse_timestamp(date).ok()?;
        Some((self.now)().duration_since(date))
    }
}

/// A HEAD request: no registry counts it as a pull.
async fn head(client: &Client, url: &str, token: Option<&str>) -> Result<Response, Trouble> {
    let mut request = client.http().head(url).header(ACCEPT, MANIFESTS).timeout(LIMIT);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.send().await.map_err(|error| Trouble::of(&causes(&error), error.is_timeout()))
}

fn of_token(error: &RegistryError) -> Trouble {
    let text = error.to_string();
    match Trouble::of(&text, false) {
        Trouble::Other(_) | Trouble::Name | Trouble::Refused => Trouble::Token(text),
        trouble => trouble,
    }
}

/// `library/alpine`, of the address of a manifest.
fn repository(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(url.path().strip_prefix("/v2/")?.split_once("/manifests/")?.0.to_owned())
}

/// What Docker Hub tells of its limit: `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 95;w=21600`
/// (docs.docker.com/docker-hub/usage/pulls/).
fn quota(status: StatusCode, headers: &HeaderMap) -> Option<Quota> {
    let read = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        let (count, rest) = text.split_once(';').unwrap_or((text, ""));
        let seconds: u64 = rest.trim().strip_prefix("w=").and_then(|text| text.parse().ok()).unwrap_or(0);
        Some((count.trim().parse::<u64>().ok()?, seconds / 3600))
    };
    let (limit, hours) = read("ratelimit-limit").unwrap_or_default();
    let left = read("ratelimit-remaining").map(|(left, _)| left);
    let left = if status == StatusCode::TOO_MANY_REQUESTS { Some(0) } else { left };
    Some(Quota { left: left?, limit, hours })
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
