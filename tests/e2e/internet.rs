//! A private internet for a laptop: in its network namespace, the names of the release hosts and registries
//! resolve to servers of the test, and nothing else is reachable. Every request is counted.
//!
//! The registries of Python and npm packages are passed through as they are: image builds need them, and what
//! they send is not pinned by this program.

mod content;
mod dns;
mod faults;
mod link;
mod packages;
mod serve;
mod tls;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, MutexGuard, PoisonError};

pub use content::{Content, Image, Source};
pub use faults::{Faults, RateLimit};
pub use link::{Link, Route};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serve::Servers;
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
    /// What they sent to the laptop.
    pub passed_bytes: u64,
    /// Names that do not exist here.
    pub unknown: BTreeMap<String, usize>,
}

/// The port of proxies.
const PROXY: u16 = 3128;

/// A proxy that opens every connection, with hosts behind it that mirror the registries.
#[derive(Debug, Clone, Copy)]
pub struct Proxy {
    pub name: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    /// Mirrors Docker Hub at `/hub`, and the other registry at another prefix.
    pub registries: &'static str,
    /// Mirrors `PyPI` at `/pypi/simple`, and the npm registry at `/npm`.
    pub packages: &'static str,
}

impl Proxy {
    /// What a client must send as Proxy-Authorization (RFC 7617).
    fn authorization(&self) -> String {
        use base64::Engine as _;
        let plain = format!("{}:{}", self.user, self.password);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain))
    }

    fn allows(&self, content: &Content, host: &str) -> bool {
        host == self.packages || host == self.registries || content.hosts().any(|known| known == host)
    }
}

pub struct Internet {
    servers: Arc<Servers>,
}

impl Internet {
    /// Starts the servers in the network namespace of process `init`, which has the address already. They
    /// end with this process.
    pub fn start(init: u32, content: Arc<Content>, authority: &Authority, link: Link) -> Self {
        let names: Vec<String> = content.hosts().chain(PASSED.map(str::to_owned)).collect();
        let tls = authority.server(content.hosts().collect());
        let servers = Servers::new(content, tls, None, link);
        Self::serve(init, (ADDRESS, 443), names, servers)
    }

    /// The same at `address`, where a proxy is the only thing that has a name.
    pub fn behind(
        init: u32,
        content: Arc<Content>,
        authority: &Authority,
        address: Ipv4Addr,
        proxy: Proxy,
    ) -> Self {
        let own = [proxy.packages, proxy.registries].map(str::to_owned);
        let tls = authority.server(content.hosts().chain(own).collect());
        let names = vec![proxy.name.to_owned()];
        Self::serve(init, (address, PROXY), names, Servers::new(content, tls, Some(proxy), Link::default()))
    }

    fn serve(init: u32, at: (Ipv4Addr, u16), names: Vec<String>, servers: Servers) -> Self {
        let (tcp, udp) = std::thread::spawn(move || bind(init, at)).join().expect("the servers are bound");
        let servers = Arc::new(servers);
        let answering = Arc::clone(&servers);
        std::thread::spawn(move || dns::serve(&udp, at.0, &names, &answering));
        let serving = Arc::clone(&servers);
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let serving = Arc::clone(&serving);
                // A client that disconnects is not an error of the server.
                std::thread::spawn(move || match &serving.proxy {
                    Some(proxy) => serving.proxied(stream, proxy).ok(),
                    None => serving.connection(stream).ok(),
                });
            }
        });
        Self { servers }
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.servers.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, hosts have these faults.
    pub fn set_faults(&self, faults: Faults) {
        *self.servers.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }
}

/// Sockets stay in the namespace in which they were created; this thread ends in it.
fn bind(init: u32, (address, port): (Ipv4Addr, u16)) -> (TcpListener, UdpSocket) {
    let namespace = File::open(format!("/proc/{init}/ns/net")).expect("the laptop's network namespace");
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
    let tcp = TcpListener::bind((address, port)).expect("the port of the private internet");
    (tcp, UdpSocket::bind((address, 53)).expect("port 53 of the private internet"))
}
