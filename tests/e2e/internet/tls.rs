//! Certificates of the private internet, and the name that a client asks for.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::Acceptor;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::link::Wire;

/// A root certificate that the laptop trusts.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the root of the private internet");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a root").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server with one certificate for all `names`.
    pub(super) fn server(&self, names: Vec<String>) -> Arc<ServerConfig> {
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("a certificate and its key");
        Arc::new(config)
    }
}

/// The name in the first message of a TLS client, which is left unread.
pub(super) fn server_name(stream: &TcpStream) -> io::Result<String> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = stream.peek(&mut buffer)?;
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &buffer[..length])?;
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_owned);
                return name.ok_or_else(|| io::Error::other("the client names no server"));
            }
            // The message is not complete yet.
            Ok(None) if length > 0 && length < buffer.len() => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err((error, _)) => return Err(io::Error::other(error)),
        }
    }
}

pub(super) fn accept(
    wire: Wire,
    config: Arc<ServerConfig>,
) -> io::Result<StreamOwned<ServerConnection, Wire>> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, wire))
}
