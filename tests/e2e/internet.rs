//! A private internet for a laptop: in its network namespace, the names of the release hosts and registries
//! resolve to servers of the test, and nothing else is reachable. Every request is counted.
//!
//! The registries of Python and npm packages are passed through as they are: image builds need them, and what
//! they send is not pinned by this program.

mod content;
mod dns;
mod serve;
mod tls;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use content::{Content, Image, Source};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
pub use tls::Authority;

/// The address of every host (TEST-NET-1), on the laptop's loopback interface.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Hosts of packages: connections are passed through, whatever they carry.
const PASSED: [&str; 3] = ["pypi.org", "files.pythonhosted.org", "registry.npmjs.org"];

/// What was requested.
#[derive(Debug, Default)]
pub struct Log {
    /// `METHOD https://host/path` → how often.
    pub requests: BTreeMap<String, usize>,
    /// Bytes of bodies that were sent, without those that were passed through.
    pub bytes: u64,
    /// Connections that were passed through, by host.
    pub passed: BTreeMap<String, usize>,
    /// Names that do not exist here.
    pub unknown: BTreeMap<String, usize>,
}

pub struct Internet {
    log: Arc<Mutex<Log>>,
}

impl Internet {
    /// Starts the servers in the network namespace of process `init`, which has the address already. They
    /// end with this process.
    pub fn start(init: u32, content: Content, authority: &Authority) -> Self {
        let (tcp, udp) = std::thread::spawn(move || bind(init)).join().expect("the servers are bound");
        let log: Arc<Mutex<Log>> = Arc::default();
        let content = Arc::new(content);
        let names: Vec<String> = content.hosts().chain(PASSED.map(str::to_owned)).collect();
        let tls = authority.server(content.hosts().collect());
        let answering = Arc::clone(&log);
        std::thread::spawn(move || dns::serve(&udp, &names, &answering));
        let serving = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (content, tls, log) = (Arc::clone(&content), Arc::clone(&tls), Arc::clone(&serving));
                // A client that disconnects is not an error of the server.
                std::thread::spawn(move || serve::connection(stream, &content, tls, &PASSED, &log).ok());
            }
        });
        Self { log }
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sockets stay in the namespace in which they were created; this thread ends in it.
fn bind(init: u32) -> (TcpListener, UdpSocket) {
    let namespace = File::open(format!("/proc/{init}/ns/net")).expect("the laptop's network namespace");
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
    let tcp = TcpListener::bind((ADDRESS, 443)).expect("port 443 of the private internet");
    (tcp, UdpSocket::bind((ADDRESS, 53)).expect("port 53 of the private internet"))
}
