//! Requests without a response: what their errors mean.

use std::io::ErrorKind;

use reqwest::Url;
use rustls::Error::{InvalidCertificate, InvalidMessage, NoCertificatesPresented};

use super::super::{FetchError, causes};
use super::retry::Halt;
use super::shown;
use crate::error::sources;

pub fn unanswered(url: &Url, error: &reqwest::Error) -> Halt {
    let host = url.host_str().unwrap_or_default().to_owned();
    let (cause, url) = (causes(error), shown(url.as_str()));
    let tls = |test: fn(&rustls::Error) -> bool| {
        any(error, |io| io.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(test))
    };
    if tls(|error| matches!(error, InvalidCertificate(_) | NoCertificatesPresented)) {
        return FetchError::refused(
            format!("the certificate of {host} is not trusted ({cause})"),
            "SSL_CERT_FILE=FILE todo-bootstrap up   # if a proxy of your company inspects TLS: the file with its \
             root certificate",
        )
        .into();
    }
    // Something answered, in another language: a plain server, or a network's log-in page.
    if tls(|error| matches!(error, InvalidMessage(_))) {
        let cause = "the server does not speak TLS".to_owned();
        return FetchError::Unreachable { host, cause }.into();
    }
    if error.is_builder() {
        return FetchError::not_permitted(&url, &cause).into();
    }
    if (error.is_connect() || error.is_timeout()) && !was_cut(error) {
        let cause = if error.is_timeout() { "no answer in time".to_owned() } else { cause };
        return Halt::again(FetchError::Unreachable { host, cause });
    }
    Halt::again(FetchError::Broken { url, got: 0, cause })
}

/// A connection that was closed during the TLS handshake, which is temporary.
fn was_cut(error: &reqwest::Error) -> bool {
    let cut = [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
    ];
    any(error, |io| cut.contains(&io.kind()))
}

fn any(error: &reqwest::Error, test: impl Fn(&std::io::Error) -> bool) -> bool {
    sources(error).filter_map(|error| error.downcast_ref::<std::io::Error>()).any(|io| {
        let inner = io.get_ref().and_then(|inner| inner.downcast_ref());
        test(io) || inner.is_some_and(&test)
    })
}
