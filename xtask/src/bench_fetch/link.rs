//! A local HTTP server behind a simulated link: a rate that all connections share, a round trip time, and
//! for each connection the window that a TCP sender with that round trip time has.
//!
//! The loopback interface has neither delay nor windows, so both are simulated above the socket: a connection
//! costs a round trip before its first request is read (the handshake), and each request costs one before its
//! first byte is sent. Bytes leave through one queue at the link's rate. Sent bytes are in flight for one
//! round trip; no more than the window may be in flight. The window starts at ten segments
//! of 1460 bytes (RFC 6928), grows by what is acknowledged (slow start) and ends at a limit, which
//! represents a receiver or a middlebox that does not scale windows further. Loss is not simulated.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::shell::Result;

const SEGMENT: usize = 1460;
const FIRST_WINDOW: usize = 10 * SEGMENT;
/// The size of one write, if the window allows it.
const PIECE: usize = 16 << 10;

/// The parameters of the simulation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// Bytes per second of all connections together.
    pub(crate) rate: u64,
    pub(crate) round_trip: Duration,
    /// The maximum window of one connection, in bytes.
    pub(crate) window: usize,
}

#[derive(Default)]
struct Shared {
    /// When the queue of the link becomes empty.
    free: Option<Instant>,
    last_byte: Option<Instant>,
    bytes: u64,
    connections: u32,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Mutex<Shared>>,
}

type Files = BTreeMap<String, PathBuf>;

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves `files` by their paths until the process ends.
    pub(crate) fn start(route: Route, files: Files) -> Result<Self> {
        let fail = |error: std::io::Error| format!("cannot listen on the loopback address: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(fail)?;
        let port = listener.local_addr().map_err(fail)?.port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (state, files) = (Arc::clone(&shared), Arc::new(files));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let (state, files) = (Arc::clone(&state), Arc::clone(&files));
                // A client that disconnects ends its connection, as on any server.
                std::thread::spawn(move || _ = converse(route, &state, &files, &stream));
            }
        });
        Ok(Self { port, shared })
    }

    /// Body bytes since the last call, the number of connections, and when the last byte was sent.
    pub(crate) fn take(&self) -> (u64, u32, Option<Instant>) {
        let taken = std::mem::take(&mut *locked(&self.shared));
        (taken.bytes, taken.connections, taken.last_byte)
    }
}

fn converse(route: Route, shared: &Mutex<Shared>, files: &Files, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    locked(shared).connections += 1;
    std::thread::sleep(route.round_trip);
    let mut sender =
        Sender { route, shared, stream, window: FIRST_WINDOW, in_flight: VecDeque::new(), flying: 0 };
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        std::thread::sleep(route.round_trip);
        answer(&mut sender, files, &head)?;
    }
}

fn answer(sender: &mut Sender<'_>, files: &Files, head: &str) -> std::io::Result<()> {
    let asked = head.split(' ').nth(1).unwrap_or("/");
    let Some(file) = files.get(asked) else {
        return sender.stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let len = std::fs::metadata(file)?.len();
    let range = head.lines().filter_map(|line| line.split_once(':'));
    let range =
        range.filter(|(key, _)| key.eq_ignore_ascii_case("range")).find_map(|(_, value)| bounds(value));
    let (from, to) = match range {
        Some((from, to)) => (from, to.unwrap_or(len - 1).min(len - 1)),
        None => (0, len - 1),
    };
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let named = match range {
        Some(_) => format!("Content-Range: bytes {from}-{to}/{len}\r\n"),
        None => "Accept-Ranges: bytes\r\n".to_owned(),
    };
    let length = to + 1 - from;
    write!(sender.stream, "HTTP/1.1 {status}\r\nETag: \"1\"\r\n{named}Content-Length: {length}\r\n\r\n")?;
    sender.send_file(file, from, length)
}

/// `bytes=A-B`, with or without B.
fn bounds(value: &str) -> Option<(u64, Option<u64>)> {
    let (from, to) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()))
}

/// The sender's side of a connection.
struct Sender<'a> {
    route: Route,
    shared: &'a Mutex<Shared>,
    stream: &'a TcpStream,
    window: usize,
    /// When each piece is acknowledged, and its size.
    in_flight: VecDeque<(Instant, usize)>,
    flying: usize,
}

impl Sender<'_> {
    fn send_file(&mut self, file: &Path, from: u64, length: u64) -> std::io::Result<()> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(from))?;
        let mut file = file.take(length);
        let mut buffer = vec![0; PIECE];
        loop {
            let room = self.room();
            let count = file.read(&mut buffer[..room])?;
            if count == 0 {
                return Ok(());
            }
            let leaves = self.leave(count);
            std::thread::sleep(leaves.saturating_duration_since(Instant::now()));
            self.stream.write_all(&buffer[..count])?;
            let mut shared = locked(self.shared);
            shared.bytes += count as u64;
            shared.last_byte = Some(Instant::now());
            drop(shared);
            self.in_flight.push_back((leaves + self.route.round_trip, count));
            self.flying += count;
        }
    }

    /// Waits until at least one segment fits into the window; returns how much may be sent.
    fn room(&mut self) -> usize {
        loop {
            let now = Instant::now();
            while let Some((_, count)) = self.in_flight.front().filter(|(at, _)| *at <= now).copied() {
                self.in_flight.pop_front();
                self.flying -= count;
                self.window = (self.window + count).min(self.route.window);
            }
            let room = self.window.saturating_sub(self.flying);
            match self.in_flight.front() {
                Some((at, _)) if room < SEGMENT => std::thread::sleep(at.saturating_duration_since(now)),
                _ => return room.clamp(1, PIECE),
            }
        }
    }

    /// When the last of `count` bytes has left the link.
    fn leave(&self, count: usize) -> Instant {
        let takes = Duration::from_nanos(count as u64 * 1_000_000_000 / self.route.rate);
        let mut shared = locked(self.shared);
        let now = Instant::now();
        let free = shared.free.map_or(now, |free| free.max(now)) + takes;
        shared.free = Some(free);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges() {
        assert_eq!(bounds(" bytes=5-"), Some((5, None)));
        assert_eq!(bounds("bytes=5-9"), Some((5, Some(9))));
        assert_eq!(bounds("lines=5-9"), None);
    }
}
