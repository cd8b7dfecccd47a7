//! A faulty file server: each kind of fault has a name, and sent bytes are counted.
//!
//! Threads and blocking sockets, so that each fault directly controls the bytes on the wire.

mod cut;
mod exchange;
mod ranges;
mod redirects;
mod refusals;
mod seeded;
mod streams;
mod tls;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use cut::{Cut, Gate};
pub use exchange::Exchange;
pub use seeded::{Random, noise, sha256};
pub use tls::Authority;

/// The protocol before any request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Plain,
    Tls(Certificate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    Good,
    SelfSigned,
    OtherName,
    Expired,
    /// No TLS at all.
    Missing,
}

/// One kind of response.
#[derive(Clone, Copy)]
pub struct Behaviour {
    pub name: &'static str,
    pub wire: Wire,
    pub act: fn(&mut Exchange<'_>) -> std::io::Result<()>,
}

/// The bytes of a file and the tag of its version.
#[derive(Clone)]
pub struct Content {
    pub bytes: Arc<Vec<u8>>,
    pub tag: String,
}

/// One response with a body, as far as it was sent.
struct Sent {
    path: String,
    status: u16,
    /// The offset in the file at which the body starts.
    from: u64,
    bytes: u64,
}

/// The state that all connections share.
pub struct State {
    pub address: SocketAddr,
    pub gate: Gate,
    pub authority: Authority,
    behaviour: Mutex<Behaviour>,
    files: Mutex<BTreeMap<String, Content>>,
    requests: Mutex<Vec<String>>,
    sent: Mutex<Vec<Sent>>,
    over: AtomicBool,
}

/// The running server; it stops when this value is dropped.
pub struct Liar {
    pub state: Arc<State>,
}

/// A thread that failed has already failed its test; the counts are still useful.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Liar {
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let state = Arc::new(State {
            address: listener.local_addr().expect("an address"),
            gate: Gate::default(),
            authority: Authority::new(),
            behaviour: Mutex::new(behaviour),
            files: Mutex::default(),
            requests: Mutex::default(),
            sent: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.is_over() {
                    break;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || exchange::converse(&state, &stream));
            }
        });
        Self { state }
    }

    pub fn honest() -> Self {
        Self::start(HONEST)
    }

    /// From the next connection on.
    pub fn behave(&self, behaviour: Behaviour) {
        *locked(&self.state.behaviour) = behaviour;
        locked(&self.state.requests).clear();
    }

    /// Stores a file at a path, replacing the previous one.
    pub fn serve(&self, path: &str, bytes: Vec<u8>) {
        let tag = format!("\"{}\"", &sha256(&bytes)[..16]);
        let content = Content { bytes: Arc::new(bytes), tag };
        locked(&self.state.files).insert(path.to_owned(), content);
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    pub fn origin(&self, wire: Wire) -> String {
        let scheme = if wire == Wire::Plain { "http" } else { "https" };
        format!("{scheme}://{}", self.state.address)
    }

    /// The number of body bytes sent for files whose paths start with this.
    pub fn bytes_of(&self, path: &str) -> u64 {
        locked(&self.state.sent)
            .iter()
            .filter(|sent| sent.path.starts_with(path))
            .map(|sent| sent.bytes)
            .sum()
    }

    /// All responses with a body, in readable form: `206 /kubectl 4194304+65536`.
    pub fn story(&self) -> String {
        let sent = locked(&self.state.sent);
        let line = |Sent { path, status, from, bytes }: &Sent| format!("{status} {path} {from}+{bytes}\n");
        sent.iter().map(line).collect()
    }

    /// The requested paths since the behavior was chosen, and the hosts of tunnels.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.state.requests).clone()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.state.gate.open();
        // Wakes the thread that accepts connections; if this fails, it has ended.
        let _ = TcpStream::connect_timeout(&self.state.address, Duration::from_secs(1));
    }
}

impl State {
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn behaviour(&self) -> Behaviour {
        *locked(&self.behaviour)
    }

    pub fn content(&self, path: &str) -> Option<Content> {
        locked(&self.files).get(path).cloned()
    }

    /// Records a request, and returns the number of earlier ones for this path.
    fn note(&self, path: &str) -> usize {
        let mut requests = locked(&self.requests);
        let before = requests.iter().filter(|earlier| *earlier == path).count();
        requests.push(path.to_owned());
        before
    }

    fn begin(&self, sent: Sent) -> usize {
        let mut all = locked(&self.sent);
        all.push(sent);
        all.len() - 1
    }

    fn add(&self, index: usize, bytes: u64) {
        if let Some(sent) = locked(&self.sent).get_mut(index) {
            sent.bytes += bytes;
        }
    }
}

const fn plain(name: &'static str, act: fn(&mut Exchange<'_>) -> std::io::Result<()>) -> Behaviour {
    Behaviour { name, wire: Wire::Plain, act }
}

const fn secure(name: &'static str, act: fn(&mut Exchange<'_>) -> std::io::Result<()>) -> Behaviour {
    Behaviour { name, wire: Wire::Tls(Certificate::Good), act }
}

const fn certified(name: &'static str, certificate: Certificate) -> Behaviour {
    Behaviour { name, wire: Wire::Tls(certificate), act: streams::honest }
}

pub const HONEST: Behaviour = plain("honest", streams::honest);
pub const HONEST_TLS: Behaviour = secure("honest over TLS", streams::honest);

/// All behaviors, the correct ones first.
pub const BEHAVIOURS: &[Behaviour] = &[
    HONEST,
    HONEST_TLS,
    plain("other bytes", streams::other_bytes),
    plain("short, closed early", streams::short),
    plain("longer than announced", streams::longer_than_announced),
    plain("longer than pinned", streams::longer_than_pinned),
    plain("shorter than pinned", streams::shorter_than_pinned),
    plain("endless", streams::endless),
    plain("announces a terabyte", streams::terabyte),
    plain("empty", streams::empty),
    plain("four bytes per second", streams::drip),
    plain("stall in the middle", streams::stall),
    plain("stall before the head", streams::stall_before_head),
    plain("reset in the middle", streams::reset),
    plain("reset at once", streams::reset_at_once),
    plain("closed at once", streams::closed_at_once),
    plain("chunked, cut", streams::chunked_cut),
    plain("gzip bomb", streams::gzip_bomb),
    plain("garbage for a head", streams::garbage),
    plain("endless head", streams::endless_head),
    plain("changed between attempts", streams::changed_between_attempts),
    plain("500, then fine", refusals::fails_once),
    plain("503 always", refusals::unavailable),
    plain("404", refusals::missing),
    plain("403", refusals::forbidden),
    plain("429 for a second, then fine", refusals::busy_seconds),
    plain("429 until a date, then fine", refusals::busy_date),
    plain("429 for a day", refusals::busy_for_a_day),
    plain("captive portal", refusals::captive_portal),
    plain("204", refusals::no_content),
    plain("range ignored", ranges::ignored),
    plain("206 with a wrong offset", ranges::wrong_offset),
    plain("206 with a wrong total", ranges::wrong_total),
    plain("206 of another file", ranges::other_file),
    plain("206 without Content-Range", ranges::unnamed),
    plain("416 to every range", ranges::unsatisfiable),
    plain("another ETag each time", ranges::restless_tag),
    secure("redirect to a host that the pin allows", redirects::to_allowed),
    secure("redirect to another host", redirects::to_other_host),
    secure("redirect to http", redirects::to_http),
    secure("redirect to a file", redirects::to_file),
    secure("redirect in a circle", redirects::in_a_circle),
    secure("six redirects", redirects::six),
    secure("redirect to nowhere", redirects::to_nowhere),
    certified("self-signed certificate", Certificate::SelfSigned),
    certified("certificate of another name", Certificate::OtherName),
    certified("expired certificate", Certificate::Expired),
    certified("no TLS where TLS is due", Certificate::Missing),
];

pub fn behaviour(name: &str) -> Behaviour {
    let found = BEHAVIOURS.iter().find(|behaviour| behaviour.name == name);
    *found.unwrap_or_else(|| panic!("no behaviour is named {name}"))
}
