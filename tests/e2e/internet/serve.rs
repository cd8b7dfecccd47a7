//! Serves one connection: a request of HTTP/1.1, or the bytes of a host that is passed through.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

use super::content::{Answer, Body, Content, Source};
use super::faults::Faults;
use super::link::{Link, Wire};
use super::{Log, PASSED, Proxy, packages, tls};

/// What all connections share.
pub(super) struct Servers {
    pub(super) content: Arc<Content>,
    pub(super) tls: Arc<ServerConfig>,
    /// Without a proxy, some hosts are passed through.
    pub(super) proxy: Option<Proxy>,
    pub(super) link: Arc<Link>,
    pub(super) log: Mutex<Log>,
    pub(super) faults: Mutex<Faults>,
}

/// The head of a request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorized: bool,
    proxy_authorization: String,
    /// The first byte that is requested, and the last.
    range: Option<(u64, Option<u64>)>,
}

impl Servers {
    pub(super) fn new(
        content: Arc<Content>,
        tls: Arc<ServerConfig>,
        proxy: Option<Proxy>,
        link: Link,
    ) -> Self {
        let (log, faults) = (Mutex::default(), Mutex::default());
        Self { content, tls, proxy, link: Arc::new(link), log, faults }
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A connection to the port of https.
    pub(super) fn connection(&self, stream: TcpStream) -> io::Result<()> {
        let wire = Wire::new(stream, Arc::clone(&self.link))?;
        let host = tls::server_name(wire.stream())?;
        self.encrypted(wire, &host)
    }

    fn answer(&self, host: &str, request: &Request) -> Answer {
        match &self.proxy {
            Some(proxy) if proxy.packages == host => packages::answer(host, &request.path),
            Some(proxy) if proxy.registries == host => {
                // containerd adds the mirrored registry: `?ns=docker.io`.
                let path = request.path.split('?').next().unwrap_or_default();
                self.content.mirror(path.strip_prefix("/v2/").unwrap_or_default())
            }
            _ => self.content.answer(host, request),
        }
    }

    /// A connection to the port of the proxy, which opens every encrypted connection.
    pub(super) fn proxied(&self, stream: TcpStream, proxy: &Proxy) -> io::Result<()> {
        let mut wire = Wire::new(stream, Arc::clone(&self.link))?;
        let request = Request::read(&mut wire)?;
        let host = request.path.split_once(':').filter(|(_, port)| *port == "443").map(|(host, _)| host);
        if request.proxy_authorization != proxy.authorization() {
            let status = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"";
            return write!(wire, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        let known = host.filter(|host| request.method == "CONNECT" && proxy.allows(&self.content, host));
        let Some(host) = known else {
            let shown = format!("{} {}", request.method, request.path);
            self.note(|log| *log.unknown.entry(shown).or_default() += 1);
            return write!(wire, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        write!(wire, "HTTP/1.1 200 Connection established\r\n\r\n")?;
        self.encrypted(wire, host)
    }

    /// A connection on which `host` is spoken to.
    fn encrypted(&self, wire: Wire, host: &str) -> io::Result<()> {
        if self.proxy.is_none() && PASSED.contains(&host) {
            self.note(|log| *log.passed.entry(host.to_owned()).or_default() += 1);
            return pass_through(wire, host, |count| self.note(|log| log.passed_bytes += count));
        }
        let mut stream = tls::accept(wire, Arc::clone(&self.tls))?;
        let request = Request::read(&mut stream)?;
        let shown = format!("{} https://{host}{}", request.method, request.path);
        self.note(|log| *log.requests.entry(shown).or_default() += 1);
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).answer(host, &request);
        let answer = fault.unwrap_or_else(|| self.answer(host, &request));
        let sent = respond(&mut stream, answer, &request)?;
        self.note(|log| log.bytes += sent);
        stream.conn.send_close_notify();
        stream.flush()
    }
}

/// Copies both directions until both are closed.
fn pass_through(client: Wire, host: &str, count: impl FnOnce(u64)) -> io::Result<()> {
    let server = TcpStream::connect((host, 443))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let up = std::thread::spawn(move || {
        let done = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
        done
    });
    let (mut from, mut to) = (server, client);
    count(io::copy(&mut from, &mut to)?);
    to.shutdown()?;
    up.join().map_err(|_| io::Error::other("a copy failed"))?.map(drop)
}

impl Request {
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut request =
            Self { method, path, authorized: false, proxy_authorization: String::new(), range: None };
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            match name.to_ascii_lowercase().as_str() {
                "authorization" => request.authorized = true,
                "proxy-authorization" => value.trim().clone_into(&mut request.proxy_authorization),
                "range" => request.range = range(value),
                _ => {}
            }
        }
        Ok(request)
    }
}

/// `bytes=5-9` or `bytes=5-`.
fn range(value: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()))
}

/// Returns the number of bytes of the body.
fn respond(to: &mut impl Write, answer: Answer, request: &Request) -> io::Result<u64> {
    let Answer { status, headers, body } = answer;
    let total = body.size();
    let part = request.range.filter(|(first, _)| status == 200 && *first < total);
    let (first, end) = match part {
        Some((first, last)) => (first, last.map_or(total, |last| (last + 1).min(total))),
        None => (0, total),
    };
    let status = if part.is_some() { 206 } else { status };
    write!(to, "HTTP/1.1 {status} status\r\nConnection: close\r\nContent-Length: {}\r\n", end - first)?;
    if status == 200 || status == 206 {
        write!(to, "Accept-Ranges: bytes\r\n")?;
    }
    if part.is_some() {
        write!(to, "Content-Range: bytes {first}-{}/{total}\r\n", end - 1)?;
    }
    for (name, value) in headers {
        write!(to, "{name}: {value}\r\n")?;
    }
    write!(to, "\r\n")?;
    if request.method == "HEAD" {
        return Ok(0);
    }
    io::copy(&mut body.open(first)?.take(end - first), to)
}

impl Body {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::At(source) => source.size(),
        }
    }

    fn open(&self, first: u64) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(first).map_err(io::Error::other)?;
                Box::new(io::Cursor::new(bytes[from..].to_vec()))
            }
            Self::At(Source::File { path, offset, .. }) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset + first))?;
                Box::new(file)
            }
            Self::At(Source::Registry { authority, path, .. }) => {
                let mut stream = TcpStream::connect(authority)?;
                write!(
                    stream,
                    "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nRange: bytes={first}-\r\n\r\n"
                )?;
                let mut body = BufReader::new(stream);
                let mut line = String::new();
                while body.read_line(&mut line)? > 2 {
                    line.clear();
                }
                Box::new(body)
            }
        })
    }
}
