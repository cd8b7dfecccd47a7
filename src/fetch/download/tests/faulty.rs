//! Faulty servers, as far as `tests/fetch/table.rs` does not run the program against them.

use super::*;

/// What becomes of a download of `abc` from a server with this one answer.
fn outcome(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static, size: Option<u64>) -> FetchError {
    let server = Server::start(reply);
    let bench = Bench::impatient();
    let error = bench.fetch(&server.url(), ABC, size).unwrap_err();
    assert!(!bench.files().contains(&"file".to_owned()));
    assert!(!error.help().is_empty());
    error
}

macro_rules! assert_is {
    ($error:expr, $pattern:pat) => {
        let error = $error;
        assert!(matches!(error, $pattern), "{error:?}");
    };
}

fn ok() -> Reply {
    Reply::new("200 OK")
}

fn page(request: &Request) -> Reply {
    Reply::file(request, b"abc", Some("\"1\""))
}

#[test]
fn what_is_no_file_is_told_by_its_head() {
    assert_is!(
        outcome(|_| ok().header("Content-Type", "Text/HTML; x").body("abc"), None),
        FetchError::LoginPage { .. }
    );
    assert_is!(outcome(|_| Reply::new("511 Log in").body(""), None), FetchError::LoginPage { .. });
    assert_is!(
        outcome(|_| ok().header("Content-Encoding", "gzip").body("abc"), None),
        FetchError::Encoded { .. }
    );
    assert_is!(outcome(|_| ok().body("abcd"), Some(3)), FetchError::Announced { announced: 4, .. });
    assert_is!(outcome(|_| ok().header("Content-Length", LIMIT + 1), None), FetchError::TooLarge { .. });
    for status in ["401 x", "403 x", "404 x", "410 x", "501 x", "304 x"] {
        assert_is!(outcome(move |_| Reply::new(status).body(""), None), FetchError::Answered { .. });
    }
}

#[test]
fn nothing_is_written_before_the_head_is_good() {
    let server = Server::start(|_| ok().body("abcd"));
    let bench = Bench::impatient();
    bench.fetch(&server.url(), ABC, Some(3)).unwrap_err();
    assert!(bench.files().is_empty(), "{:?}", bench.files());
    assert_eq!(server.seen()[0].header("accept-encoding"), "identity");
}

#[test]
fn parts_that_were_not_asked_for_are_refused() {
    let part = |range: &'static str| {
        move |_: &Request| Reply::new("206 x").header("Content-Range", range).body("abc")
    };
    for range in ["bytes 1-3/4", "bytes 0-1/3", "bytes 2-0/3", "bytes 0-2/2", "0-2/3", "bytes a-b/c"] {
        assert_is!(outcome(part(range), None), FetchError::BadRange { .. });
    }
    assert_is!(outcome(part("bytes 0-2/3"), Some(4)), FetchError::BadRange { .. });
    assert_is!(outcome(|_| Reply::new("206 x").body("abc"), None), FetchError::BadRange { .. });
    assert_is!(outcome(|_| Reply::new("416 x").body("abc"), None), FetchError::Answered { .. });
}

#[test]
fn redirects_are_judged() {
    let to =
        |location: &'static str| move |_: &Request| Reply::new("302 x").header("Location", location).body("");
    assert_is!(outcome(to("http://localhost:1/x"), None), FetchError::RedirectHost { .. });
    assert_is!(outcome(to("ftp://127.0.0.1/x"), None), FetchError::RedirectPlain { .. });
    assert_is!(outcome(to("http://[/"), None), FetchError::RedirectNowhere { .. });
    let error = outcome(to("https://example.org/x?token=hush"), None).to_string();
    assert!(error.contains("https://example.org/x") && error.ends_with("allowed are 127.0.0.1"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn an_allowed_host_is_followed_without_our_password() {
    let other = Server::start(page);
    let location = format!("http://evil:evil@localhost:{}/tool", other.address.port());
    let server = Server::start(move |request| match request.path.as_str() {
        "/tool" => Reply::new("302 x").header("Location", "/next").body(""),
        _ => Reply::new("302 x").header("Location", &location).body(""),
    });
    let bench = Bench::impatient();
    let url = server.url().replace("http://", "http://me:hush@");
    let hosts = ["localhost".to_owned()];
    bench.get(&Remote { url: &url, sha256: ABC, hosts: &hosts, ..Remote::default() }).unwrap();
    let sent: Vec<_> =
        server.seen().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Basic bWU6aHVzaA=="; 2]);
    assert_eq!(other.seen()[0].header("authorization"), "");
}
