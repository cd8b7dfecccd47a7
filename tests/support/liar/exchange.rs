//! One request and the response to it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cut::Pass;
use super::{Certificate, Content, Sent, State, Wire, tls};

/// Body bytes between two checks of the gate.
const PIECE: usize = 16 << 10;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A request, its file, and the connection for the response.
pub struct Exchange<'a> {
    pub state: &'a Arc<State>,
    stream: &'a mut dyn Stream,
    tcp: &'a TcpStream,
    pub path: String,
    /// First and last byte of the requested range; the last one may be missing.
    pub range: Option<(u64, Option<u64>)>,
    pub if_range: Option<String>,
    pub content: Content,
    /// The number of earlier requests for this path.
    pub attempt: usize,
    /// Whether the connection can take another request.
    keep: bool,
}

/// Answers requests until one of them ends the connection.
pub(super) fn converse(state: &Arc<State>, tcp: &TcpStream) {
    let behaviour = state.behaviour();
    let _ = tcp.set_nodelay(true);
    let mut plain = tcp;
    if begins_with(tcp, b'C') && tunnel(state, &mut plain).is_err() {
        return;
    }
    // One port for both, to detect a client that follows a redirect from one to the other.
    let certificate = match behaviour.wire {
        // The first byte of a handshake.
        Wire::Tls(certificate) if begins_with(tcp, 0x16) => Some(certificate),
        _ => None,
    };
    let mut secure = match certificate {
        None => None,
        Some(Certificate::Missing) => {
            // How a plain HTTP server responds to a handshake.
            let _ = plain.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        Some(certificate) => match tls::accept(&state.authority, certificate, tcp) {
            Ok(stream) => Some(stream),
            // The client rejected the certificate.
            Err(_) => return,
        },
    };
    let stream: &mut dyn Stream = match &mut secure {
        Some(stream) => stream,
        None => &mut plain,
    };
    while let Ok(true) = answer(state, behaviour.act, stream, tcp) {}
    if let Some(mut stream) = secure {
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

fn begins_with(tcp: &TcpStream, byte: u8) -> bool {
    let mut first = [0];
    matches!(tcp.peek(&mut first), Ok(1)) && first[0] == byte
}

/// Acts as a proxy: this server answers for every host.
fn tunnel(state: &State, stream: &mut dyn Stream) -> io::Result<()> {
    let head = read_head(stream)?;
    state.note(head.lines().next().unwrap_or_default());
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
}

fn answer(
    state: &Arc<State>,
    act: fn(&mut Exchange<'_>) -> io::Result<()>,
    stream: &mut dyn Stream,
    tcp: &TcpStream,
) -> io::Result<bool> {
    let head = read_head(stream)?;
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("/").to_owned();
    let header = |name: &str| {
        let found = head.lines().filter_map(|line| line.split_once(':'));
        found
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    };
    let empty = Content { bytes: Arc::default(), tag: String::new() };
    let content = state.content(path.split(['?', '#']).next().unwrap_or_default());
    let known = content.is_some();
    let mut exchange = Exchange {
        state,
        stream,
        tcp,
        range: header("range").as_deref().and_then(parse_range),
        if_range: header("if-range"),
        attempt: state.note(&path),
        content: content.unwrap_or(empty),
        path,
        keep: true,
    };
    if known {
        act(&mut exchange)?;
    } else {
        exchange.status("404 Not Found", &[], b"no such file")?;
    }
    Ok(exchange.keep)
}

fn read_head(stream: &mut dyn Stream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn parse_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (from, to) = value.strip_prefix("bytes=")?.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()))
}

impl Exchange<'_> {
    /// The response of a correct server: ranges, `If-Range`, an `ETag`, a length.
    pub fn honest(&mut self) -> io::Result<()> {
        let content = self.content.clone();
        self.whole_or_part(&content)
    }

    pub fn whole_or_part(&mut self, content: &Content) -> io::Result<()> {
        self.send(content, 1)
    }

    /// Announces everything that was requested, but sends half of it.
    pub fn half_of(&mut self, content: &Content) -> io::Result<()> {
        self.send(content, 2)
    }

    /// Sends the first of `parts` of what was requested.
    fn send(&mut self, content: &Content, parts: u64) -> io::Result<()> {
        let len = content.bytes.len() as u64;
        let same = self.if_range.as_ref().is_none_or(|tag| *tag == content.tag);
        let tag = format!("ETag: {}", content.tag);
        match self.range.filter(|_| same) {
            Some((from, _)) if from >= len => {
                self.status("416 Range Not Satisfiable", &[&format!("Content-Range: bytes */{len}")], b"")
            }
            Some((from, to)) => {
                let to = to.unwrap_or(len - 1).min(len - 1);
                let named = format!("Content-Range: bytes {from}-{to}/{len}");
                let length = to + 1 - from;
                self.head("206 Partial Content", &[&tag, &named, &format!("Content-Length: {length}")])?;
                self.body(206, from, &content.bytes[index(from)..index(from + length.div_ceil(parts))])
            }
            None => {
                self.head("200 OK", &[&tag, "Accept-Ranges: bytes", &format!("Content-Length: {len}")])?;
                self.body(200, 0, &content.bytes[..index(len.div_ceil(parts))])
            }
        }
    }

    /// A status with a small body.
    pub fn status(&mut self, status: &str, headers: &[&str], body: &[u8]) -> io::Result<()> {
        let length = format!("Content-Length: {}", body.len());
        self.head(status, &[headers, &[&length]].concat())?;
        self.raw(body)
    }

    pub fn head(&mut self, status: &str, headers: &[&str]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        self.raw(head.as_bytes())
    }

    /// Sends bytes without counting them.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends bytes of the file from the offset `from` on, counted, through the gate.
    pub fn body(&mut self, status: u16, from: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.clone();
        let index = self.state.begin(Sent { path, status, from, bytes: 0 });
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = match self.state.gate.pass(rest.len().min(PIECE)) {
                Pass::Send(count) => count,
                Pass::Close => return Err(io::ErrorKind::ConnectionAborted.into()),
            };
            let (now, later) = rest.split_at(count);
            self.stream.write_all(now)?;
            self.state.add(index, now.len() as u64);
            rest = later;
        }
        self.stream.flush()
    }

    /// The first half of the file, at least one byte.
    pub fn half(&self) -> usize {
        (self.content.bytes.len() / 2).max(1)
    }

    /// No further request on this connection; a response without a length ends here.
    pub fn close(&mut self) {
        self.keep = false;
    }

    /// The client sees a reset instead of an end.
    pub fn reset(&mut self) {
        self.keep = false;
        let _ = socket2::SockRef::from(self.tcp).set_linger(Some(Duration::ZERO));
    }

    /// Sends nothing until the client disconnects, for two minutes at most.
    pub fn hang(&mut self) -> io::Result<()> {
        self.keep = false;
        self.tcp.set_read_timeout(Some(Duration::from_millis(100)))?;
        let begun = Instant::now();
        while !self.state.is_over() && begun.elapsed() < Duration::from_secs(2 * 60) {
            match self.stream.read(&mut [0; 64]) {
                Ok(0) => break,
                Err(error)
                    if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    break;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
