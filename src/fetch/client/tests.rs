//! Proxies, roots and timeouts from the environment, with a real proxy on loopback.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::*;

fn process_env(pairs: &[(&str, &str)]) -> ProcessEnv {
    let env = pairs.iter().map(|(key, value)| ((*key).to_owned(), OsString::from(value)));
    ProcessEnv { env: env.collect::<BTreeMap<_, _>>(), ..ProcessEnv::real() }
}

/// The head that a client with these variables sends to a proxy for `url`; `None` if it does not come.
fn asked(pairs: &[(&str, &str)], url: &str) -> Option<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.replace("PROXY", &address))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let client = Client::new(&process_env(&pairs)).unwrap();
    let proxy = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        head
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = runtime.block_on(async { client.http().get(url).timeout(Duration::from_secs(20)).send().await });
    // Wakes a proxy that nobody asked.
    drop(std::net::TcpStream::connect(address));
    Some(proxy.join().unwrap()).filter(|head| !head.is_empty())
}

#[test]
fn only_https_and_loopback_are_permitted() {
    assert!(permitted("https://dl.k8s.io/x").is_ok());
    assert!(permitted("http://127.0.0.1:80/x").is_ok());
    assert!(permitted("http://dl.k8s.io/x").unwrap_err().contains("https"));
    assert!(permitted("http://127.0.0.1.example.org/x").is_err());
    assert!(permitted("file:///etc/passwd").is_err());
}

#[test]
fn proxies_are_asked_in_either_case_of_letters() {
    // No name is looked up here: that is the proxy's work.
    for key in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let head = asked(&[(key, "http://me:hush@PROXY")], "https://dl.invalid/x").unwrap();
        assert_eq!(head[0], "CONNECT dl.invalid:443 HTTP/1.1", "{key}");
        assert!(
            head.iter().any(|line| line.to_lowercase() == "proxy-authorization: basic bwu6ahvzaa=="),
            "{head:?}"
        );
    }
    let head = asked(&[("http_proxy", "http://PROXY")], "http://dl.invalid/x").unwrap();
    assert_eq!(head[0], "GET http://dl.invalid/x HTTP/1.1");
}

#[test]
fn hosts_that_are_excepted_are_not_asked_of_a_proxy() {
    for key in ["NO_PROXY", "no_proxy"] {
        for except in ["dl.invalid", ".invalid", "x, dl.invalid", "*", "other.invalid"] {
            let head = asked(&[("HTTPS_PROXY", "http://PROXY"), (key, except)], "https://dl.invalid/x");
            assert_eq!(head.is_some(), except == "other.invalid", "{key}={except}");
        }
    }
    // Never for loopback, whatever is said.
    assert_eq!(asked(&[("HTTP_PROXY", "http://PROXY")], "http://127.0.0.1:1/x"), None);
}

#[test]
fn what_is_set_wrongly_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("roots.pem");
    std::fs::write(&text, "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n").unwrap();
    let missing = dir.path().join("none.pem");
    let (text, missing) = (text.to_str().unwrap(), missing.to_str().unwrap());
    for (key, value) in [
        ("HTTPS_PROXY", "http://"),
        ("https_proxy", "::"),
        ("SSL_CERT_FILE", text),
        ("SSL_CERT_FILE", missing),
        ("TODO_BOOTSTRAP_IDLE_TIMEOUT", "soon"),
        ("TODO_BOOTSTRAP_IDLE_TIMEOUT", "0s"),
    ] {
        let error = Client::new(&process_env(&[(key, value)])).unwrap_err().to_string();
        assert!(error.contains(&key.to_uppercase()), "{key}={value}: {error}");
    }
}

#[test]
fn the_idle_time_is_that_of_the_environment() {
    let timeouts = |pairs: &[(&str, &str)]| Client::new(&process_env(pairs)).unwrap().timeouts;
    assert_eq!(timeouts(&[]), Timeouts::default());
    let short = timeouts(&[("TODO_BOOTSTRAP_IDLE_TIMEOUT", "2s")]);
    assert_eq!((short.idle, short.slow), (Duration::from_secs(2), Duration::from_secs(2)));
}
