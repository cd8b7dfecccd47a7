//! Requests to the ingress controller, like `curl -H 'Host: …'`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// `name=value` of each cookie that is set.
    pub cookies: Vec<String>,
    /// The target of a redirect.
    pub location: Option<String>,
    pub body: String,
}

/// The address that `up` printed.
#[derive(Debug, Clone)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl Address {
    /// The last `http://` address for any of `hosts` in the output of a run: `up` ends with it, and a check
    /// that failed at first may have printed another one before.
    pub fn find(text: &str, hosts: &[String]) -> Option<Self> {
        let found = hosts.iter().filter_map(|host| Self::find_one(text, host));
        found.max_by_key(|(at, _)| *at).map(|(_, address)| address)
    }

    /// As a browser resolves it.
    pub fn url(&self) -> String {
        format!("http://{}:{}/", self.host, self.port)
    }

    /// The last address for `host`, and where it ends.
    fn find_one(text: &str, host: &str) -> Option<(usize, Self)> {
        let start = format!("http://{host}");
        // A name may be a prefix of a longer one.
        let ends = text.match_indices(&start).map(|(at, found)| at + found.len());
        let end = ends.filter(|end| text[*end..].starts_with([':', '/'])).last()?;
        let rest = &text[end..];
        let port = match rest.strip_prefix(':') {
            Some(rest) => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                rest[..end].parse().ok()?
            }
            None => 80,
        };
        Some((end, Self { host: host.to_owned(), port }))
    }

    pub fn get(&self, path: &str) -> Result<Reply, String> {
        self.call("GET", path, "")
    }

    pub fn put(&self, path: &str, body: &str) -> Result<Reply, String> {
        self.call("PUT", path, body)
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<Reply, String> {
        self.send(method, path, &[], body)
    }

    /// With additional headers: name and value.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply, String> {
        let told =
            |error: std::io::Error| format!("{method} http://{}:{}{path}: {error}", self.host, self.port);
        // Names resolve to this machine; an IP address may be a node's.
        let ip: std::net::IpAddr = self.host.parse().unwrap_or([127, 0, 0, 1].into());
        let address = (ip, self.port).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(told)?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(told)?;
        let (host, port) = (&self.host, self.port);
        let length = body.len();
        let mut more = String::new();
        for (name, value) in headers {
            more = more + name + ": " + value + "\r\n";
        }
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).map_err(told)?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).map_err(told)?;
        parse(&String::from_utf8_lossy(&reply)).ok_or_else(|| format!("{method} {path}: no HTTP reply"))
    }

    /// Repeats the request until `wanted` holds; fails with the last response after `limit`.
    #[track_caller]
    pub fn get_until(&self, path: &str, limit: Duration, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let end = Instant::now() + limit;
        loop {
            let reply = self.get(path);
            match reply {
                Ok(reply) if wanted(&reply) => return reply,
                other if Instant::now() > end => panic!("GET {path} did not become right: {other:?}"),
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

/// A response that ends with its connection (HTTP/1.0, so it is never chunked).
fn parse(text: &str) -> Option<Reply> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let all = |wanted: &'static str| {
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        headers.filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let cookies = all("set-cookie").filter_map(|cookie| cookie.split(';').next()).map(str::to_owned);
    let location = all("location").next().map(str::to_owned);
    Some(Reply { status, cookies: cookies.collect(), location, body: body.to_owned() })
}

#[test]
fn an_address_is_found_in_narration() {
    let found = |text: &str| Address::find(text, &["a.localhost".to_owned()]).map(|address| address.port);
    assert_eq!(found("open http://a.localhost:8081/ now"), Some(8081));
    assert_eq!(found("open http://a.localhost/"), Some(80));
    assert_eq!(found("open http://b.localhost/"), None);
    assert_eq!(found("open http://a.localhosts:8081/"), None);
    let hosts = ["a.local".to_owned(), "a.localhost".to_owned()];
    let text = "POST http://a.local/api/chat failed; try again\nopen http://a.localhost:8081/";
    assert_eq!(
        Address::find(text, &hosts).map(|address| address.url()).as_deref(),
        Some("http://a.localhost:8081/")
    );
}

#[test]
fn a_reply_is_taken_apart() {
    let reply =
        parse("HTTP/1.0 404 Not Found\r\nX: y\r\nlocation: /a\r\nSet-Cookie: a=b; Path=/\r\n\r\nnone\n")
            .unwrap();
    assert_eq!((reply.cookies, reply.location.as_deref()), (vec!["a=b".to_owned()], Some("/a")));
    assert_eq!((reply.status, reply.body.as_str()), (404, "none\n"));
}
