//! A registry in this process, with configurable faults.
//!
//! It does not depend on the crate: integration tests include it by its path.
#![allow(dead_code, unused_imports, clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod routes;
#[path = "../../fetch/testing.rs"]
#[allow(clippy::duplicate_mod)]
mod wire;

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use faults::{Fault, What};
pub use wire::Request;

#[derive(Default)]
pub struct Repository {
    pub blobs: BTreeMap<String, Arc<Vec<u8>>>,
    /// Digest → media type and text.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Default)]
pub struct State {
    pub repositories: BTreeMap<String, Repository>,
    pub uploads: Vec<String>,
    pub faults: Vec<Fault>,
    pub seen: Vec<Request>,
    /// Bytes of blobs that went out and came in, those of transfers that were cut as well.
    pub sent: usize,
    pub received: usize,
    /// Whether a token is wanted, and which one is good now.
    pub wants_token: bool,
    pub tokens: usize,
}

pub struct TestRegistry {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    dead: Arc<AtomicBool>,
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.dead.store(true, Ordering::SeqCst);
    }
}

/// `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

impl TestRegistry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let registry = Self { address, state: Arc::default(), dead: Arc::default() };
        registry.listen(listener);
        registry
    }

    fn listen(&self, listener: TcpListener) {
        let (state, dead, address) = (Arc::clone(&self.state), Arc::clone(&self.dead), self.address);
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            // The port is closed with the last turn.
            while !dead.load(Ordering::SeqCst) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let (state, dead) = (Arc::clone(&state), Arc::clone(&dead));
                std::thread::spawn(move || {
                    stream.set_nonblocking(false)?;
                    // A client that goes away is no fault.
                    serve(&stream, &state, &dead, address)
                });
            }
        });
    }

    /// Ends it: connections break, new ones are refused.
    pub fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
    }

    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Stores a blob; returns its digest.
    pub fn blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let mut state = self.state();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.insert(digest.clone(), Arc::new(bytes.to_vec()));
        digest
    }

    /// Stores a manifest or index, with a tag if one is given; returns its digest.
    pub fn manifest(&self, repository: &str, tag: Option<&str>, kind: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let mut state = self.state();
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.manifests.insert(digest.clone(), (kind.to_owned(), bytes.to_vec()));
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        digest
    }

    /// `METHOD path` of all requests that were seen.
    pub fn seen(&self) -> Vec<String> {
        self.state().seen.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    pub fn requests(&self, method: &str, path: &str) -> usize {
        let state = self.state();
        state.seen.iter().filter(|request| request.method == method && request.path.contains(path)).count()
    }

    pub fn sent(&self) -> u64 {
        self.state().sent as u64
    }

    pub fn received(&self) -> u64 {
        self.state().received as u64
    }
}

/// Answers the requests of one connection until either side has enough.
fn serve(
    stream: &TcpStream,
    state: &Mutex<State>,
    dead: &AtomicBool,
    address: SocketAddr,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(mut request) = Request::read(&mut reader)? {
        if dead.load(Ordering::SeqCst) {
            break;
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
        let is_blob = |method| request.method == method && request.path.contains("/blobs/");
        let (comes, goes) = (is_blob("PUT"), is_blob("GET"));
        let wanted = if let Some(What::Die(after)) = fault { length.min(after) } else { length };
        let got = reader.by_ref().take(wanted as u64).read_to_end(&mut request.body)?;
        {
            let mut state = state.lock().unwrap();
            state.received += if comes { got } else { 0 };
            state.seen.push(Request { body: Vec::new(), ..request.clone() });
        }
        if matches!(fault, Some(What::Die(_))) || got < length {
            break;
        }
        let right = || routes::answer(&request, &mut state.lock().unwrap(), address);
        let reply = match &fault {
            Some(what) => what.apply(&request, right),
            None => right(),
        };
        if dead.load(Ordering::SeqCst) {
            break;
        }
        let sent = reply.send(stream, request.method == "HEAD")?;
        let is_good = reply.head.starts_with("HTTP/1.1 20");
        state.lock().unwrap().sent += if goes && is_good { sent } else { 0 };
        if reply.cut.is_some() {
            return Ok(());
        }
    }
    stream.shutdown(Shutdown::Both)
}
