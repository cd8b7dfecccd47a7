//! A small HTTP/1.1 server; the test determines every response.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone)]
pub struct Request {
    /// 0 for the first one that the server saw.
    pub number: usize,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// First byte and one past the last, of a file with `len` bytes.
    pub fn range(&self, len: usize) -> Option<(usize, usize)> {
        let (from, last) = self.header("range").strip_prefix("bytes=")?.split_once('-')?;
        let to = last.parse::<usize>().map_or(len, |last| last + 1);
        Some((from.parse().unwrap(), to.min(len)))
    }
}

/// What follows the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Next,
    Close,
}

#[derive(Debug, Clone)]
pub struct Reply {
    head: String,
    body: Vec<u8>,
    then: Then,
}

impl Reply {
    /// A status line's rest, without a body.
    pub fn new(status: &str) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\n"), body: Vec::new(), then: Then::Next }
    }

    pub fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// With its length; see [`Reply::raw`].
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.header("Content-Length", body.len()).raw(body)
    }

    /// Bytes whose length the head does not tell.
    pub fn raw(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// Only the first bytes of the body are sent, then the connection is closed.
    pub fn cut(mut self, after: usize) -> Self {
        self.body.truncate(after);
        self.then(Then::Close)
    }

    /// What an honest server says to `request` for a file.
    pub fn file(request: &Request, data: &[u8], etag: Option<&str>) -> Self {
        let tagged = |reply: Self| match etag {
            Some(etag) => reply.header("ETag", etag),
            None => reply,
        };
        let other = etag.is_some_and(|etag| !["", etag].contains(&request.header("if-range")));
        match request.range(data.len()).filter(|_| !other) {
            None => tagged(Self::new("200 OK")).body(data),
            Some((from, _)) if from >= data.len() => {
                let range = format!("bytes */{}", data.len());
                Self::new("416 Range Not Satisfiable").header("Content-Range", range).body("")
            }
            Some((from, to)) => {
                let range = format!("bytes {from}-{}/{}", to - 1, data.len());
                tagged(Self::new("206 Partial Content")).header("Content-Range", range).body(&data[from..to])
            }
        }
    }
}

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    /// Bytes of bodies that it was told to send.
    sent: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(AtomicUsize::new(0));
        let (log, count) = (Arc::clone(&seen), Arc::clone(&sent));
        let answer = Arc::new(move |request: &Request| {
            let reply = answer(request);
            count.fetch_add(reply.body.len(), Ordering::SeqCst);
            reply
        });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A client that goes away is no fault.
                std::thread::spawn(move || stream.map(|stream| serve(&stream, &*answer, &log)));
            }
        });
        Self { address, seen, sent }
    }

    pub fn url(&self) -> String {
        format!("http://{}/tool", self.address)
    }

    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    stream: &TcpStream,
    answer: &dyn Fn(&Request) -> Reply,
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let request = {
            let mut log = log.lock().unwrap();
            let number = log.len();
            log.push(Request { number, path, headers });
            log[log.len() - 1].clone()
        };
        let reply = answer(&request);
        send(stream, &reply)?;
        match reply.then {
            Then::Next => {}
            Then::Close => return stream.shutdown(std::net::Shutdown::Both),
        }
    }
}

fn send(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let end = if reply.then == Then::Close { "Connection: close\r\n\r\n" } else { "\r\n" };
    stream.write_all(format!("{}{end}", reply.head).as_bytes())?;
    stream.write_all(&reply.body)
}
