//! Follows redirects and checks each one: where it leads, and which of our headers may be sent there.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::super::client::is_loopback;
use super::super::{Client, FetchError, permitted};
use super::retry::Halt;
use super::{Remote, shown, unanswered};

/// A release that needs more redirects is misconfigured.
const LIMIT: usize = 5;
const MIRROR: &str = "todo-bootstrap up --mirror URL   # uses another server";

#[derive(Debug)]
pub(super) struct Route<'a> {
    /// With the user name and password for its own server only.
    pub(super) start: Url,
    hosts: &'a [String],
    any_host: bool,
    plain_http: bool,
    authorization: Option<HeaderValue>,
}

impl<'a> Route<'a> {
    pub(super) fn new(remote: &Remote<'a>) -> Result<Self, FetchError> {
        let start = match Url::parse(remote.url) {
            Ok(url) if remote.plain_http && url.scheme() == "http" => Ok(url),
            _ => permitted(remote.url),
        };
        let start = start.map_err(|why| FetchError::not_permitted(&shown(remote.url), &why))?;
        let Remote { hosts, any_host, plain_http, .. } = *remote;
        // A value that is not valid in a header counts as none; the server will refuse it.
        let secret = remote.authorization.and_then(|text| HeaderValue::from_str(text).ok());
        let authorization = secret.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(Self { start, hosts, any_host, plain_http, authorization })
    }

    fn headers(&self, url: &Url, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        if url.origin() == self.start.origin() {
            headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        }
        headers
    }

    /// The address that `location` of `from` refers to, if it is allowed.
    fn next(&self, from: &Url, status: StatusCode, location: &str) -> Result<Url, FetchError> {
        let url = shown(from.as_str());
        let mut to = from.join(location).map_err(|error| nowhere(from, status, &error.to_string()))?;
        to.set_fragment(None);
        // The user name and password are for the first server only.
        let same = to.origin() == self.start.origin();
        let (name, password) = if same { (self.start.username(), self.start.password()) } else { ("", None) };
        let _ = to.set_username(name);
        let _ = to.set_password(password);
        let host = to.host_str().unwrap_or_default();
        if !self.allows(host) {
            let hosts = self.hosts.iter().map(String::as_str);
            let allowed: Vec<&str> = self.start.host_str().into_iter().chain(hosts).collect();
            let (to, allowed) = (shown(to.as_str()), allowed.join(", "));
            return Err(FetchError::refused(
                format!("{url} redirects to {to}, a host that is not allowed; allowed are {allowed}"),
                "todo-bootstrap up   # after logging in with a browser, if this network has a login page",
            ));
        }
        let plain = to.scheme() == "http"
            && from.scheme() == "http"
            && (is_loopback(from) && is_loopback(&to)
                || self.plain_http && to.host_str() == self.start.host_str());
        if to.scheme() == "https" || plain {
            return Ok(to);
        }
        Err(FetchError::refused(
            format!("{url} redirects to {}, which is not https", shown(to.as_str())),
            "if this network has a login page, log in with a browser; a mirror must serve the file itself or \
             redirect to https",
        ))
    }

    fn allows(&self, host: &str) -> bool {
        self.any_host
            || self.start.host_str() == Some(host)
            || self.hosts.iter().any(|pattern| allows(pattern, host))
    }
}

/// Whether `pattern`, a host or `*.suffix`, matches `host`.
pub fn allows(pattern: &str, host: &str) -> bool {
    let Some(suffix) = pattern.strip_prefix("*.") else { return pattern.eq_ignore_ascii_case(host) };
    let rest = host.len().checked_sub(suffix.len() + 1).and_then(|at| host.split_at_checked(at));
    rest.is_some_and(|(name, end)| {
        !name.is_empty() && end.starts_with('.') && end[1..].eq_ignore_ascii_case(suffix)
    })
}

/// Sends a request to `first` and follows redirects; returns the response and its address.
pub(super) async fn send(
    client: &Client,
    method: &Method,
    route: &Route<'_>,
    first: Url,
    headers: &HeaderMap,
) -> Result<(Response, Url), Halt> {
    let mut seen = vec![first];
    loop {
        let at = &seen[seen.len() - 1];
        let headers = route.headers(at, headers);
        let request = client.http().request(method.clone(), at.clone()).headers(headers).send();
        let response = match tokio::time::timeout(client.timeouts.idle, request).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unanswered::unanswered(at, &error)),
            Err(_) => {
                let (url, idle) = (shown(at.as_str()), client.timeouts.idle);
                return Err(Halt::again(FetchError::Stalled { url, got: 0, idle }));
            }
        };
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            let at = at.clone();
            return Ok((response, at));
        }
        let to = route.next(at, response.status(), &location(&response, at)?)?;
        let (url, target) = (shown(at.as_str()), shown(to.as_str()));
        if seen.contains(&to) {
            let what = format!("{url} redirects back to {target}: a redirect loop");
            return Err(FetchError::refused(what, MIRROR).into());
        }
        if seen.len() > LIMIT {
            let url = shown(seen[0].as_str());
            let what = format!("too many redirects from {url} (limit {LIMIT}), the last one to {target}");
            return Err(FetchError::refused(what, MIRROR).into());
        }
        seen.push(to);
    }
}

fn location(response: &Response, at: &Url) -> Result<String, FetchError> {
    let bad = |why: &str| nowhere(at, response.status(), why);
    let value = response.headers().get(LOCATION).ok_or_else(|| bad("it has no Location"))?;
    value.to_str().map(str::to_owned).map_err(|_| bad("its Location is not text"))
}

fn nowhere(at: &Url, status: StatusCode, why: &str) -> FetchError {
    let url = shown(at.as_str());
    FetchError::refused(format!("{url} returned {status} without a valid address ({why})"), MIRROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes(start: &str, hosts: &[&str], from: &str, to: &str) -> Result<String, FetchError> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let remote = Remote { url: start, hosts: &hosts, plain_http: true, ..Remote::default() };
        let route = Route::new(&remote)?;
        route.next(&Url::parse(from).unwrap(), StatusCode::FOUND, to).map(|url| url.to_string())
    }

    #[test]
    fn names_and_suffixes_are_matched_as_a_whole() {
        let start = "https://github.com/x";
        let hosts = ["cdn.dl.k8s.io", "*.githubusercontent.com"];
        for host in [
            "github.com",
            "GitHub.com",
            "cdn.dl.k8s.io",
            "a.githubusercontent.com",
            "a.b.GithubUserContent.com",
        ] {
            goes(start, &hosts, start, &format!("https://{host}/y")).unwrap();
        }
        for host in [
            "githubusercontent.com",
            "agithubusercontent.com",
            "a.githubusercontent.com.evil",
            "dl.k8s.io",
            "xcdn.dl.k8s.io",
            "api.github.com",
        ] {
            let error = goes(start, &hosts, start, &format!("https://{host}/y")).unwrap_err();
            assert!(error.to_string().contains("a host that is not allowed"), "{host}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_the_mirror_and_for_loopback_alone() {
        let mirror = "http://mirror.corp/x";
        assert_eq!(goes(mirror, &[], mirror, "/y").unwrap(), "http://mirror.corp/y");
        assert_eq!(goes(mirror, &[], mirror, "http://mirror.corp:81/y").unwrap(), "http://mirror.corp:81/y");
        goes(mirror, &["a.example"], mirror, "https://a.example/y").unwrap();
        for (start, to) in [
            (mirror, "http://a.example/y"),
            ("https://github.com/x", "http://github.com/y"),
            ("https://github.com/x", "http://127.0.0.1/y"),
            (mirror, "http://127.0.0.1/y"),
        ] {
            let error = goes(start, &["a.example", "127.0.0.1"], start, to).unwrap_err();
            assert!(error.to_string().contains("which is not https"), "{start} to {to}: {error}");
        }
        let off = Remote { url: mirror, ..Remote::default() };
        assert!(Route::new(&off).unwrap_err().to_string().contains("only https is allowed"));
    }

    #[test]
    fn any_host_is_any_that_speaks_https() {
        let start = "https://registry.example/v2/a/blobs/sha256:1";
        let remote =
            Remote { url: start, any_host: true, authorization: Some("Bearer x"), ..Remote::default() };
        let route = Route::new(&remote).unwrap();
        let next = |to| route.next(&Url::parse(start).unwrap(), StatusCode::FOUND, to);
        let cache = next("https://cache.example/blob?signed=1").unwrap();
        for to in ["http://cache.example/blob", "http://127.0.0.1/blob"] {
            assert!(next(to).unwrap_err().to_string().contains("which is not https"), "{to}");
        }
        let sent = |url: &Url| route.headers(url, &HeaderMap::new()).contains_key(AUTHORIZATION);
        assert!(sent(&route.start) && sent(&next("/v2/b").unwrap()));
        assert!(!sent(&cache) && !sent(&next("https://registry.example:8443/v2").unwrap()));
    }

    #[test]
    fn a_password_stays_with_its_server() {
        let start = "https://me:hush@mirror.corp/x";
        let to = |to| goes(start, &["a.example"], start, to).unwrap();
        assert_eq!(to("/y"), "https://me:hush@mirror.corp/y");
        assert_eq!(to("https://mirror.corp/y#part"), "https://me:hush@mirror.corp/y");
        assert_eq!(to("https://mirror.corp:8443/y"), "https://mirror.corp:8443/y");
        assert_eq!(to("https://you:evil@a.example/y"), "https://a.example/y");
    }
}
