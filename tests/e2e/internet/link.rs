//! The link between a laptop and the servers of its internet: a rate that all connections share, and a round
//! trip time. The loopback interface has neither, and the kernel may lack what simulates them, so both are
//! simulated above the sockets: opening a connection costs a round trip, and so does each change of direction
//! from the client to the server. Only what the laptop receives counts. Windows and loss are not simulated.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one connection sends before another one gets its turn.
const PIECE: usize = 16 << 10;

#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Bytes per second.
    pub rate: u64,
    pub round_trip: Duration,
}

/// Without a route, nothing is limited.
#[derive(Debug, Default)]
pub struct Link {
    route: Option<Route>,
    /// When its queue becomes empty.
    free: Mutex<Option<Instant>>,
}

impl Link {
    pub fn new(route: Option<Route>) -> Self {
        Self { route, free: Mutex::default() }
    }

    pub(super) fn round_trip(&self) {
        self.route.into_iter().for_each(|route| std::thread::sleep(route.round_trip));
    }

    /// Waits until the last of `count` bytes leaves the link within a round trip. What is sent ahead, as a window
    /// of TCP allows, keeps the link busy while senders wait for a processor.
    fn pass(&self, count: usize) {
        let Some(Route { rate, round_trip }) = self.route else { return };
        let leaves = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let takes = Duration::from_nanos(count as u64 * 1_000_000_000 / rate);
            let leaves = free.map_or(now, |free| free.max(now)) + takes;
            *free = Some(leaves);
            leaves
        };
        std::thread::sleep(leaves.saturating_duration_since(Instant::now() + round_trip));
    }
}

/// The server's end of a connection through a link.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    link: Arc<Link>,
    /// Whether the last bytes came from the client.
    asked: Arc<AtomicBool>,
}

impl Wire {
    /// Of a connection that the client just opened.
    pub(super) fn new(stream: TcpStream, link: Arc<Link>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        link.round_trip();
        Ok(Self { stream, link, asked: Arc::default() })
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let (link, asked) = (Arc::clone(&self.link), Arc::clone(&self.asked));
        Ok(Self { stream: self.stream.try_clone()?, link, asked })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.asked.store(true, Ordering::Relaxed);
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.asked.swap(false, Ordering::Relaxed) {
            self.link.round_trip();
        }
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.link.pass(piece.len());
        self.stream.write_all(piece)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn connections_share_the_rate_and_each_answer_costs_a_round_trip() {
    let route = Route { rate: 1 << 20, round_trip: Duration::from_millis(20) };
    let link = Arc::new(Link::new(Some(route)));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    let clients = [(); 2].map(|()| {
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"?").unwrap();
            io::copy(&mut stream, &mut io::sink()).unwrap()
        })
    });
    let servers = [(); 2].map(|()| {
        let (stream, _) = listener.accept().unwrap();
        let link = Arc::clone(&link);
        std::thread::spawn(move || {
            let mut wire = Wire::new(stream, link).unwrap();
            wire.read_exact(&mut [0]).unwrap();
            wire.write_all(&vec![0; 128 << 10]).unwrap();
        })
    });
    for server in servers {
        server.join().unwrap();
    }
    assert_eq!(clients.map(|client| client.join().unwrap()), [128 << 10; 2]);
    // The handshake, the answer, and a quarter of a second for both, less a round trip.
    assert!(began.elapsed() >= Duration::from_millis(270), "{:?}", began.elapsed());
}
