//! Valid and invalid certificates for one test.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Certificate;

/// A separate root certificate.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Not the default name of certificates, whose issuer must be unknown.
        params.distinguished_name.push(rcgen::DnType::CommonName, "the tests' own root");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a root").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The root that a client must trust (`SSL_CERT_FILE`).
    pub fn pem(&self) -> &str {
        &self.pem
    }

    fn config(&self, certificate: Certificate) -> ServerConfig {
        let names = match certificate {
            Certificate::OtherName => vec!["other.test".to_owned()],
            _ => ["127.0.0.1", "localhost", "release.test"].map(str::to_owned).to_vec(),
        };
        let mut params = CertificateParams::new(names).expect("names");
        if certificate == Certificate::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let signed = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![signed.expect("a certificate").der().clone()], private)
            .expect("a certificate and its key")
    }
}

pub(super) fn accept<'a>(
    authority: &Authority,
    certificate: Certificate,
    mut tcp: &'a TcpStream,
) -> io::Result<StreamOwned<ServerConnection, &'a TcpStream>> {
    let config = Arc::new(authority.config(certificate));
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}
