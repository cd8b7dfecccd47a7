//! The parts of HTTP/1.1 that a server needs, and archives.
//!
//! It does not depend on the crate: the registry of integration tests includes it by its path.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::{Shutdown, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;

#[derive(Debug, Clone, Default)]
pub struct Request {
    /// 0 for the first one that the server saw, if it counts them.
    pub number: usize,
    pub method: String,
    /// With the query.
    pub path: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The head of the next request; `None` if the client is gone.
    pub fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut first = lines[0].split(' ').map(str::to_owned);
        let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Ok(Some(Self { method, path, headers, ..Self::default() }))
    }

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

#[derive(Debug, Clone)]
pub struct Reply {
    pub head: String,
    pub body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Reply {
    /// A status line's rest, without a body.
    pub fn new(status: &str) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\n"), body: Vec::new(), cut: None }
    }

    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let reply = self.header("Content-Length", body.len());
        Self { body, ..reply }
    }

    pub fn cut(self, after: usize) -> Self {
        Self { cut: Some(after), ..self }
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

    /// Returns how many bytes of the body were sent.
    pub fn send(&self, mut stream: &TcpStream, head_only: bool) -> Result<usize> {
        let end = if self.cut.is_some() { "Connection: close\r\n\r\n" } else { "\r\n" };
        stream.write_all(format!("{}{end}", self.head).as_bytes())?;
        let all = if head_only { 0 } else { self.body.len() };
        let count = self.cut.map_or(all, |cut| cut.min(all));
        stream.write_all(&self.body[..count])?;
        if self.cut.is_some() {
            stream.shutdown(Shutdown::Both)?;
        }
        Ok(count)
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A tar of one's own making; names go in as they are.
pub fn tar_of(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, body) in members {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *body).unwrap();
    }
    tar.into_inner().unwrap()
}
