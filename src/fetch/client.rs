//! The HTTP client: HTTPS only, roots of the system and of `SSL_CERT_FILE`, bounded waits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy, Url};

use crate::error::{Error, Result, sources};
use crate::process_env::ProcessEnv;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// An unreachable release host is to be refused quickly: another origin may have the artifact.
    pub connect: Duration,
    /// The longest silence: before an answer, and within a transfer.
    pub idle: Duration,
    /// A transfer that brings less than 1 KiB/s over so long is given up.
    pub slow: Duration,
    /// About how long the first pause before another try is; each further one is twice as long.
    pub pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(8),
            idle: Duration::from_secs(30),
            slow: Duration::from_secs(60),
            pause: Duration::from_millis(500),
        }
    }
}

impl Timeouts {
    /// `TODO_BOOTSTRAP_IDLE_TIMEOUT` (such as `2s`) sets the idle time and the one for slowness.
    fn of(process_env: &ProcessEnv) -> Result<Self> {
        let defaults = Self::default();
        let Some(text) = process_env.var("TODO_BOOTSTRAP_IDLE_TIMEOUT") else { return Ok(defaults) };
        let parsed = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
        match parsed.filter(|time| !time.is_zero()) {
            Some(time) => Ok(Self { idle: time, slow: time, ..defaults }),
            None => Err(Error::usage(format!(
                "TODO_BOOTSTRAP_IDLE_TIMEOUT is \"{text}\", which is not a duration"
            ))
            .help("TODO_BOOTSTRAP_IDLE_TIMEOUT=30s todo-bootstrap up")),
        }
    }
}

/// Cheap to clone; making one reads the system's roots (tens of milliseconds), so make it late.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// That for connecting is fixed when the client is made.
    pub timeouts: Timeouts,
    /// For a `Retry-After` that names a time of day.
    pub(super) now: fn() -> Timestamp,
}

impl Client {
    /// With the proxies of `process_env` (in either case of letters), except for loopback addresses. Redirects
    /// are not followed: the caller has to check each one.
    pub fn new(process_env: &ProcessEnv) -> Result<Self> {
        Self::with(process_env, |builder| builder)
    }

    /// Accepts every certificate, to find out who issued it: what it receives must not be used otherwise. Its
    /// responses have a [`TlsInfo`](reqwest::tls::TlsInfo).
    pub fn inspecting(process_env: &ProcessEnv) -> Result<Self> {
        Self::with(process_env, |builder| builder.tls_danger_accept_invalid_certs(true).tls_info(true))
    }

    fn with(process_env: &ProcessEnv, change: fn(ClientBuilder) -> ClientBuilder) -> Result<Self> {
        let timeouts = Timeouts::of(process_env)?;
        let mut builder = change(builder(timeouts));
        for proxy in proxies(process_env)? {
            builder = builder.proxy(proxy);
        }
        let extra = extra_roots(process_env)?;
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        let http = builder.build().map_err(|error| {
            Error::failed("cannot set up HTTPS")
                .because(causes(&error))
                .help("install the package `ca-certificates`, or name a file of roots: SSL_CERT_FILE=FILE")
        })?;
        Ok(Self { http, timeouts, now: process_env.now })
    }

    /// For servers on the loopback address: never through a proxy, and without roots, whose reading takes time.
    pub fn local() -> Result<Self> {
        let timeouts = Timeouts::default();
        let http = builder(timeouts).tls_certs_only([]).build();
        let http = http.map_err(|error| Error::failed("cannot set up HTTP").because(causes(&error)))?;
        Ok(Self { http, timeouts, now: Timestamp::now })
    }

    /// Without a timeout for responses: set one for each request.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

fn builder(timeouts: Timeouts) -> ClientBuilder {
    // An error means that it is already installed; there is only this provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("todo-bootstrap/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .redirect(Policy::none())
        // Several requests at once are to be several connections.
        .http1_only()
        // The digest is of the bytes that were sent.
        .no_gzip()
        .no_proxy()
}

/// Whether `url` may be fetched: HTTPS, or plain HTTP on the loopback address.
pub fn permitted(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| format!("it is not a URL: {error}"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        scheme => Err(format!("only https is allowed, not {scheme}")),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

type Make = fn(String) -> reqwest::Result<Proxy>;

fn proxies(process_env: &ProcessEnv) -> Result<Vec<Proxy>> {
    let var = |key: &str| process_env.var(key).or_else(|| process_env.var(&key.to_lowercase()));
    let except = format!("localhost,127.0.0.0/8,::1,{}", var("NO_PROXY").unwrap_or_default());
    let bad = |key: &str, error: &reqwest::Error| {
        Error::usage(format!("{key} is not a usable proxy")).because(causes(error))
    };
    let mut proxies = Vec::new();
    let kinds: [(&str, Make); 3] =
        [("HTTPS_PROXY", Proxy::https), ("HTTP_PROXY", Proxy::http), ("ALL_PROXY", Proxy::all)];
    for (key, make) in kinds {
        if let Some(value) = var(key) {
            let proxy = make(value.to_owned()).map_err(|error| bad(key, &error))?;
            proxies.push(proxy.no_proxy(NoProxy::from_string(&except)));
        }
    }
    Ok(proxies)
}

fn extra_roots(process_env: &ProcessEnv) -> Result<Vec<Certificate>> {
    let Some(file) = process_env.var("SSL_CERT_FILE") else { return Ok(Vec::new()) };
    let path = process_env.cwd.join(file);
    let pem =
        std::fs::read(&path).map_err(|e| Error::io("read the certificates (SSL_CERT_FILE) in", &path, &e))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| {
        Error::usage(format!("SSL_CERT_FILE refers to {}, which contains no certificates", path.display()))
            .because(causes(&error))
    })
}

/// The causes of an error in one line, innermost last; reqwest's own text contains none.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = sources(error).map(ToString::to_string).collect();
    parts.dedup();
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests;
