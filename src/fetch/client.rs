//! The HTTP client: HTTPS only, roots of the system and of `SSL_CERT_FILE`, bounded waits.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, NoProxy, Proxy, Url};

use crate::error::{Error, Result};
use crate::world::World;

/// An unreachable release host is to be refused quickly: another origin may have the artifact.
const CONNECT: Duration = Duration::from_secs(8);
/// The longest silence within a transfer.
const IDLE: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 5;

/// Cheap to clone; making one reads the system's roots (tens of milliseconds), so make it late.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

impl Client {
    /// Proxies are those of `world` (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in
    /// either case of letters); loopback addresses are always reached directly.
    pub fn new(world: &World) -> Result<Self> {
        // An error means that another part installed one before; there is only this provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("todo-bootstrap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(IDLE)
            .redirect(Policy::custom(follow))
            // The digest is of the bytes that were sent.
            .no_gzip()
            .no_proxy();
        for proxy in proxies(world)? {
            builder = builder.proxy(proxy);
        }
        let extra = extra_roots(world)?;
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        let http = builder.build().map_err(|error| {
            Error::failed("cannot set up HTTPS")
                .because(causes(&error))
                .help("install the package `ca-certificates`, or name a file of roots: SSL_CERT_FILE=FILE")
        })?;
        Ok(Self { http })
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// Whether `url` may be fetched: HTTPS, or plain HTTP on the loopback address.
pub fn permitted(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        scheme => Err(format!("only https is allowed, not {scheme}")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(format!("more than {REDIRECTS} redirects"));
    }
    let from_loopback = attempt.previous().first().is_some_and(is_loopback);
    let good = match attempt.url().scheme() {
        "https" => true,
        "http" => from_loopback && is_loopback(attempt.url()),
        _ => false,
    };
    if good { attempt.follow() } else { attempt.error("redirected to an address without https") }
}

/// Makes a proxy of an address.
type Make = fn(String) -> reqwest::Result<Proxy>;

fn proxies(world: &World) -> Result<Vec<Proxy>> {
    let var = |key: &str| world.var(key).or_else(|| world.var(&key.to_lowercase()));
    let except = format!("localhost,127.0.0.0/8,::1,{}", var("NO_PROXY").unwrap_or_default());
    let bad = |key: &str, error: &reqwest::Error| {
        Error::usage(format!("{key} names no proxy that can be used")).because(causes(error))
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

fn extra_roots(world: &World) -> Result<Vec<Certificate>> {
    let Some(file) = world.var("SSL_CERT_FILE") else { return Ok(Vec::new()) };
    let path = world.cwd.join(file);
    let pem =
        std::fs::read(&path).map_err(|e| Error::io("read the certificates (SSL_CERT_FILE) in", &path, &e))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| {
        Error::usage(format!("SSL_CERT_FILE names {}, which holds no certificates", path.display()))
            .because(causes(&error))
    })
}

/// The causes of an error in one line, innermost last; reqwest's own text names none.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut parts = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
        next = cause.source();
    }
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_are_permitted() {
        assert!(permitted("https://dl.k8s.io/x").is_ok());
        assert!(permitted("http://127.0.0.1:80/x").is_ok());
        assert!(permitted("http://dl.k8s.io/x").unwrap_err().contains("https"));
        assert!(permitted("http://127.0.0.1.example.org/x").is_err());
        assert!(permitted("file:///etc/passwd").is_err());
    }
}
