//! The cookies of a journey, handled as browsers do.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use secrecy::{ExposeSecret as _, SecretString};

#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    /// The host that set it. It is sent to no other host (`Domain` is ignored).
    host: String,
    path: String,
    name: String,
    value: SecretString,
    until: Option<Instant>,
}

/// A parsed `Set-Cookie` header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    pub name: &'a str,
    pub value: &'a str,
    path: Option<&'a str>,
    /// `Some(0)`: the cookie is deleted.
    seconds: Option<u64>,
}

impl<'a> Given<'a> {
    pub fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut given = Self { name: name.trim(), value: value.trim(), path: None, seconds: None };
        let mut past = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" => given.path = Some(value).filter(|path| path.starts_with('/')),
                // Negative values mean 0.
                "max-age" => given.seconds = value.parse::<i64>().ok().map(|age| age.max(0).unsigned_abs()),
                "expires" => past = is_past(value),
                _ => {}
            }
        }
        // Max-Age takes precedence over Expires.
        given.seconds = given.seconds.or(past.then_some(0));
        (!given.name.is_empty()).then_some(given)
    }
}

/// `None` for an invalid date.
fn is_past(date: &str) -> bool {
    rfc2822::parse(date).is_ok_and(|date| date.timestamp() <= Timestamp::now())
}

impl Jar {
    /// Stores a cookie from the response of `host` to a request for `path`.
    pub fn take(&mut self, host: &str, path: &str, given: &Given<'_>) {
        let path = given.path.unwrap_or_else(|| folder(path)).to_owned();
        self.0.retain(|old| !(old.host == host && old.path == path && old.name == given.name));
        if given.seconds == Some(0) {
            return;
        }
        let until = given.seconds.and_then(|age| Instant::now().checked_add(Duration::from_secs(age)));
        let (host, name) = (host.to_owned(), given.name.to_owned());
        self.0.push(Cookie { host, path, name, value: given.value.into(), until });
    }

    /// The `Cookie` header for a request, longer paths first.
    pub fn header(&self, host: &str, path: &str) -> Option<String> {
        let now = Instant::now();
        let alive = |cookie: &&Cookie| cookie.until.is_none_or(|until| until > now);
        let asked = path.split(['?', '#']).next().unwrap_or_default();
        let here = |cookie: &&Cookie| cookie.host == host && covers(&cookie.path, asked);
        let mut found: Vec<&Cookie> = self.0.iter().filter(alive).filter(here).collect();
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            found.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value.expose_secret())).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// The path of a cookie that specifies none (RFC 6265, 5.1.4).
fn folder(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

fn covers(cookie: &str, path: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(headers: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for header in headers {
            jar.take("a", "/auth/log-in?x=/y", &Given::parse(header).unwrap());
        }
        jar
    }

    #[test]
    fn cookies_go_where_they_came_from() {
        let jar = jar(&["s=1; Path=/; HttpOnly", "t=a=b", "u=3; path=/auth/x"]);
        assert_eq!(jar.header("a", "/").as_deref(), Some("s=1"));
        assert_eq!(jar.header("a", "/auth/token?q=1").as_deref(), Some("t=a=b; s=1"));
        assert_eq!(jar.header("a", "/auth/x/y").as_deref(), Some("u=3; t=a=b; s=1"));
        assert_eq!(jar.header("a", "/authority").as_deref(), Some("s=1"));
        assert_eq!(jar.header("b", "/"), None);
    }

    #[test]
    fn cookies_are_replaced_and_forgotten() {
        let newer = jar(&["s=1; Path=/", "s=2; Path=/; Max-Age=600"]);
        assert_eq!(newer.header("a", "/").as_deref(), Some("s=2"));
        for gone in ["Max-Age=0", "max-age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(
                jar(&["s=1; Path=/", &format!("s=; Path=/; {gone}")]).header("a", "/"),
                None,
                "{gone}"
            );
        }
        let kept = jar(&["s=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT"]);
        assert!(kept.header("a", "/").is_some());
        let first = jar(&["s=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert!(first.header("a", "/").is_some(), "Max-Age goes before Expires");
    }

    #[test]
    fn what_is_no_cookie_is_none() {
        assert_eq!(Given::parse("no cookie"), None);
        assert_eq!(Given::parse("=x"), None);
        assert!(!format!("{:?}", jar(&["s=canary"])).contains("canary"));
    }
}
