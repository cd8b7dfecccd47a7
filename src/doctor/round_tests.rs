//! Real requests to servers on the loopback address that answer as broken networks do.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::fetch::testing::{Reply, Request};
use crate::process_env::ProcessEnv;

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

/// What an HTTP server without TLS says to each request, on an address of its own.
fn serve(reply: impl Fn(&Request, &str) -> Reply + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let own = address.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while let Ok(Some(request)) = Request::read(&mut reader) {
                if reply(&request, &own).send(&stream, request.method == "HEAD").is_err() {
                    break;
                }
            }
        }
    });
    address
}

/// A server whose certificate nobody trusts, and which ends on the day `end`.
fn serve_tls(end: (i32, u8, u8)) -> String {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Example Inspection CA");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(end.0, end.1, end.2));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            // Who does not accept the certificate goes away.
            if tls.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                let _ = tls.write_all(
                    b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
                );
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    address
}

fn ask_with(env: &[(&str, &str)], url: &str) -> HostAnswer {
    let env: BTreeMap<_, _> = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let process_env = ProcessEnv { env, ..ProcessEnv::real() };
    let client = Client::new(&process_env).unwrap();
    let host = Host { name: "the host".to_owned(), url: url.to_owned() };
    let inspecting = || Client::inspecting(&process_env).ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ask_all(&client, inspecting, &[&host], now)).remove(0)
}

fn ask(url: &str) -> HostAnswer {
    ask_with(&[], url)
}

#[test]
fn a_host_that_is_out_of_reach_says_how() {
    assert_eq!(ask("https://no-such-host.invalid/").trouble, Some(Trouble::Name));
    // Nobody listens on a port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(ask(&format!("https://{free}/")).trouble, Some(Trouble::Refused));
    let text = serve(|_, _| Reply::new("200 OK").body("text"));
    let Some(Trouble::Other(why)) = ask(&format!("https://{text}/")).trouble else {
        panic!("a server without TLS");
    };
    assert!(!why.is_empty());
    assert_eq!(Trouble::of("error sending request: operation timed out", true), Trouble::TimedOut);
}

#[test]
fn the_issuer_of_an_untrusted_certificate_is_named_and_the_clock_is_read() {
    let answer = ask(&format!("https://{}/", serve_tls((2040, 1, 1))));
    assert_eq!(answer.trouble, Some(Trouble::Untrusted(Some("Example Inspection CA".to_owned()))));
    assert_eq!(answer.ahead, Some(SignedDuration::from_hours(72)));
}

/// With a root that is trusted, the end of the certificate is what remains; without, it may come first.
#[test]
fn a_certificate_that_ended_is_told_with_the_hosts_time() {
    let answer = ask(&format!("https://{}/", serve_tls((2021, 1, 1))));
    let known = matches!(answer.trouble, Some(Trouble::Outdated | Trouble::Untrusted(_)));
    assert!(known && answer.ahead.is_some(), "{answer:?}");
    for said in ["certificate expired: verification time 1", "certificate not valid yet: verification time 1"]
    {
        let causes = format!("client error (Connect): invalid peer certificate: {said}");
        assert_eq!(Trouble::of(&causes, false), Trouble::Outdated);
    }
}

#[test]
fn a_proxy_that_wants_a_login_or_refuses_is_told_from_the_host() {
    for (status, expected) in [("407 Proxy Authentication Required", true), ("403 Forbidden", false)] {
        let proxy = serve(move |_, _| Reply::new(status).header("Proxy-Authenticate", "Basic").body(""));
        let proxy = format!("http://{proxy}");
        let answer = ask_with(&[("HTTPS_PROXY", &proxy)], "https://no-such-host.invalid/");
        let is_login = answer.trouble == Some(Trouble::ProxyLogin);
        let is_refusal = matches!(answer.trouble, Some(Trouble::Proxy(_)));
        assert_eq!((is_login, is_refusal), (expected, !expected), "{answer:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let answer = ask_with(&[("HTTPS_PROXY", &format!("http://{free}"))], "https://no-such-host.invalid/");
    assert!(matches!(answer.trouble, Some(Trouble::Proxy(_) | Trouble::Refused)), "{answer:?}");
}

/// The requests are those that Docker documents: a token for the repository, then HEAD of a manifest.
#[test]
fn what_is_left_of_the_rate_limit_is_asked_with_a_token() {
    let registry = |left: &'static str| {
        serve(move |request, own| match (request.path.as_str(), request.header("authorization")) {
            (path, _) if path.starts_with("/token?") => {
                assert!(path.contains("scope=repository%3Alibrary%2Fa%3Apull"), "{path}");
                Reply::new("200 OK").body(r#"{"token":"t"}"#)
            }
            (_, "Bearer t") => Reply::new(if left == "0" { "429 Too Many Requests" } else { "200 OK" })
                .header("ratelimit-limit", "100;w=21600")
                .header("ratelimit-remaining", format!("{left};w=21600"))
                .body(""),
            _ => {
                let challenge = format!(
                    "Bearer realm=\"http://{own}/token\",service=\"s\",scope=\"repository:library/a:pull\""
                );
                let reply = Reply::new("401 Unauthorized").header("WWW-Authenticate", challenge);
                reply.header("Date", "Tue, 01 Dec 2026 11:50:00 GMT").body("")
            }
        })
    };
    for left in ["76", "0"] {
        let answer = ask(&format!("http://{}/v2/library/a/manifests/sha256:1", registry(left)));
        let quota = Quota { left: left.parse().unwrap(), limit: 100, hours: 6 };
        assert_eq!((answer.trouble, answer.quota), (None, Some(quota)));
        assert_eq!(answer.ahead, Some(SignedDuration::from_mins(10)));
    }
}

#[test]
fn a_registry_that_gives_no_token_is_told() {
    let registry = serve(|request, own| {
        if request.path.starts_with("/token") {
            return Reply::new("403 Forbidden").body("no");
        }
        let challenge = format!("Bearer realm=\"http://{own}/token\",service=\"s\"");
        Reply::new("401 Unauthorized").header("WWW-Authenticate", challenge).body("")
    });
    let answer = ask(&format!("http://{registry}/v2/library/a/manifests/sha256:1"));
    assert!(matches!(&answer.trouble, Some(Trouble::Token(why)) if why.contains("403")), "{answer:?}");
    // Without a token, any answer of a release host is a good one.
    let plain = serve(|_, _| Reply::new("404 Not Found").body(""));
    assert_eq!(ask(&format!("http://{plain}/")).trouble, None);
}
