//! The hosts that the ingress controller answers with TLS, and how they are asked.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Certificate, Client};

use super::{Context, http};
use crate::host::names::origin;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secure {
    pub hosts: Vec<String>,
    /// The port on this machine's loopback address.
    pub port: u16,
    /// The certificate of the authority to trust (PEM); `None`: a certificate of the user's, of any authority.
    pub authority: Option<String>,
}

impl Secure {
    /// A client that finds `host` on this machine.
    pub(super) fn client(&self, host: &str) -> Result<Client, String> {
        let builder = http::builder().resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        let builder = match &self.authority {
            Some(pem) => {
                let roots = Certificate::from_pem_bundle(pem.as_bytes());
                builder.tls_certs_only(roots.map_err(|error| format!("cannot be asked: {error}"))?)
            }
            // Who issued it is not known here, and the request does not leave this machine.
            None => builder.tls_danger_accept_invalid_certs(true),
        };
        builder.build().map_err(|error| format!("cannot be asked: {error}"))
    }
}

impl Context<'_> {
    /// How `host` is asked if it has TLS.
    pub(super) fn secure(&self, host: &str) -> Option<&Secure> {
        self.secure.as_ref().filter(|secure| secure.hosts.iter().any(|one| one == host))
    }

    /// What a browser calls the origin of a page of `host`, as our requests name the host.
    pub(super) fn origin(&self, host: &str) -> String {
        match self.secure(host) {
            Some(secure) => origin(true, host, secure.port),
            // Plain requests name the host without the port.
            None => format!("http://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::super::testing::with_context;
    use super::super::{Context, page, run_once};
    use super::*;
    use crate::issuer::{Issued, issue};

    /// Serves a page with this certificate to `times` clients; returns the port.
    fn serve(issued: &Issued, times: usize) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(times).flatten() {
                let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
                let mut bytes = [0; 4096];
                let Ok(count) = stream.read(&mut bytes) else { continue };
                let asked = String::from_utf8_lossy(&bytes[..count]).to_ascii_lowercase();
                let right = asked.contains(&format!("host: shop.local:{port}\r\n"));
                let status = if right { "200 OK" } else { "400 Bad Request" };
                let page = "<html><body>x</body></html>";
                let (kind, length) = ("content-type: text/html", page.len());
                let head = format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\n");
                let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{page}").as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        port
    }

    fn look(secure: Secure) -> String {
        with_context(|cx| {
            let (namespace, host, built) = (cx.namespace.clone(), cx.host.clone(), Vec::new());
            let (task, kube, ingress, secure) = (cx.task, cx.kube, cx.ingress, Some(secure));
            let cx = Context { task, kube, namespace, host, ingress, secure, built };
            let mut outcomes = run_once(&cx, &[page("shop.local")]);
            outcomes.remove(0).detail
        })
    }

    #[test]
    fn a_host_with_tls_is_asked_with_its_authority_only() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (hosts, now) = (vec!["shop.local".to_owned()], jiff::Timestamp::now());
        let issued = issue(dir.path(), "ours", &hosts, now).unwrap();
        let port = serve(&issued, 3);
        let secure = |authority: Option<&Issued>| {
            let authority = authority.map(|issued| issued.authority.certificate.clone());
            Secure { hosts: hosts.clone(), port, authority }
        };
        let good = look(secure(Some(&issued)));
        assert!(good.starts_with(&format!("GET https://shop.local:{port}/ answered 200")), "{good}");
        let foreign = issue(other.path(), "another one", &hosts, now).unwrap();
        let bad = look(secure(Some(&foreign)));
        assert!(bad.contains("did not answer"), "{bad}");
        let given = look(secure(None));
        assert!(given.contains("answered 200"), "{given}");
    }

    #[test]
    fn only_hosts_with_tls_have_a_secure_origin() {
        with_context(|cx| {
            let (namespace, host, built) = (cx.namespace.clone(), cx.host.clone(), Vec::new());
            let (task, kube, ingress) = (cx.task, cx.kube, cx.ingress);
            let secure = Some(Secure { hosts: vec!["a".to_owned()], port: 8443, authority: None });
            let mut cx = Context { task, kube, namespace, host, ingress, secure, built };
            assert_eq!((cx.origin("a"), cx.origin("b")), ("https://a:8443".into(), "http://b".into()));
            cx.secure = Some(Secure { hosts: vec!["a".to_owned()], port: 443, authority: None });
            assert_eq!(cx.origin("a"), "https://a");
        });
    }
}
