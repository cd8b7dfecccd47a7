//! The parts of HTTP/1.1 that a registry needs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::faults::What;
use super::{State, routes};

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub cut: Option<usize>,
    /// Whether the body is a blob's.
    pub blob: bool,
}

impl Reply {
    pub fn new(status: &str, body: &[u8]) -> Self {
        let (status, body) = (status.to_owned(), body.to_vec());
        Self { status, headers: Vec::new(), body, cut: None, blob: false }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Answers the requests of one connection until either side has enough.
pub(super) fn serve(
    stream: &TcpStream,
    state: &Mutex<State>,
    dead: &AtomicBool,
    address: SocketAddr,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(mut request) = head(&mut reader)? {
        if dead.load(Ordering::SeqCst) {
            return stream.shutdown(Shutdown::Both);
        }
        let fault = {
            let mut state = state.lock().unwrap();
            let fault = state.faults.iter_mut().find(|fault| fault.is_for(&request));
            fault.map(|fault| {
                fault.times -= 1;
                fault.what.clone()
            })
        };
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        let is_blob = request.method == "PUT" && request.path.contains("/blobs/");
        let wanted = if let Some(What::Die(after)) = fault { length.min(after) } else { length };
        let got = reader.by_ref().take(wanted as u64).read_to_end(&mut request.body)?;
        {
            let mut state = state.lock().unwrap();
            state.received += if is_blob { got } else { 0 };
            state.seen.push(Request { body: Vec::new(), ..request.clone() });
        }
        if matches!(fault, Some(What::Die(_))) || got < length {
            return stream.shutdown(Shutdown::Both);
        }
        let right = || routes::answer(&request, &mut state.lock().unwrap(), address);
        let reply = match &fault {
            Some(what) => what.apply(&request, right),
            None => right(),
        };
        if dead.load(Ordering::SeqCst) {
            return stream.shutdown(Shutdown::Both);
        }
        let head_only = request.method == "HEAD";
        let sent = send(stream, &reply, head_only)?;
        state.lock().unwrap().sent += if reply.blob && !head_only { sent } else { 0 };
        if reply.cut.is_some() {
            return stream.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

fn head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
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
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    Ok(Some(Request {
        method: first.next().unwrap_or_default(),
        path: first.next().unwrap_or_default(),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        body: Vec::new(),
    }))
}

/// Sends a reply; returns how many bytes of its body.
fn send(mut stream: &TcpStream, reply: &Reply, head_only: bool) -> std::io::Result<usize> {
    let mut head = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    let count = if head_only { 0 } else { reply.cut.unwrap_or(reply.body.len()).min(reply.body.len()) };
    stream.write_all(&reply.body[..count])?;
    Ok(count)
}
