//! Servers that lie, stand still, or send us elsewhere: each one has an error of its own.

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
fn more_than_is_allowed_is_cut_off() {
    let bench = Bench::impatient();
    let server = Server::start(|_| ok().raw("abc".repeat(1000)).then(Then::Stall));
    let error = bench.fetch(&server.url(), ABC, Some(3)).unwrap_err();
    assert_is!(error, FetchError::TooLong { expected: 3, .. });
    assert!(bench.files().is_empty(), "{:?}", bench.files());
    // In chunks, and honest about it.
    let chunked = |_: &Request| ok().header("Transfer-Encoding", "chunked").raw("4\r\nabcd\r\n0\r\n\r\n");
    assert_is!(outcome(chunked, Some(3)), FetchError::TooLong { .. });
}

#[test]
fn too_little_is_tried_again_and_then_told() {
    let short = |_: &Request| ok().raw("ab").then(Then::Close);
    assert_is!(outcome(short, Some(3)), FetchError::Broken { got: 2, .. });
    assert_is!(outcome(|_| ok().body("abc").cut(0), Some(3)), FetchError::Broken { got: 0, .. });
    assert_is!(outcome(|_| Reply::new("").raw("").then(Then::Close), None), FetchError::Broken { .. });
}

#[test]
fn trouble_that_lasts_is_told_with_how_often() {
    assert_is!(outcome(|_| Reply::new("503 x").body(""), None), FetchError::Unwell { tries: 5, .. });
    assert_is!(outcome(|_| Reply::new("429 x").body(""), None), FetchError::Unwell { tries: 5, .. });
}

#[test]
fn trouble_that_passes_is_said_aloud() {
    let server = Server::start(|request| match request.number {
        0 => Reply::new("500 x").body(""),
        1 => Reply::new("429 x").header("Retry-After", "1").body(""),
        _ => page(request),
    });
    let bench = Bench::impatient();
    let started = Instant::now();
    bench.fetch(&server.url(), ABC, None).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    let said = bench.said();
    assert!(said.contains("500") && said.contains("429") && said.contains("trying again in 1.0 s"), "{said}");
}

#[test]
fn silence_and_trickles_end() {
    assert_is!(outcome(|_| ok().raw("").then(Then::Stall), Some(3)), FetchError::Stalled { got: 0, .. });
    let half = |_: &Request| ok().header("Content-Length", 3).raw("ab").then(Then::Stall);
    assert_is!(outcome(half, Some(3)), FetchError::Stalled { got: 2, .. });
    let drip = |_: &Request| ok().body("a".repeat(300)).drip(Duration::from_millis(50));
    assert_is!(outcome(drip, None), FetchError::TooSlow { .. });
    // A byte for each connection is no progress worth waiting for either.
    let crumbs = |request: &Request| Reply::file(request, &[b'a'; 5000], None).cut(1);
    assert_is!(outcome(crumbs, Some(5000)), FetchError::TooSlow { .. });
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
fn a_server_that_is_bad_at_parts_is_asked_for_the_whole() {
    let server = Server::start(|request| match request.header("range") {
        "" => ok().body("abc"),
        _ => Reply::new("206 x").header("Content-Range", "bytes 1-2/3").body("bc"),
    });
    let bench = Bench::impatient();
    bench.fetch(&server.url(), ABC, None).unwrap();
    assert!(bench.said().contains("beginning anew"), "{}", bench.said());
}

#[test]
fn redirects_are_judged() {
    let to =
        |location: &'static str| move |_: &Request| Reply::new("302 x").header("Location", location).body("");
    assert_is!(outcome(to("https://example.org/x"), None), FetchError::RedirectHost { .. });
    assert_is!(outcome(to("http://localhost:1/x"), None), FetchError::RedirectHost { .. });
    assert_is!(outcome(to("file:///etc/passwd"), None), FetchError::RedirectHost { .. });
    assert_is!(outcome(to("ftp://127.0.0.1/x"), None), FetchError::RedirectPlain { .. });
    assert_is!(outcome(to("/tool"), None), FetchError::RedirectLoop { .. });
    assert_is!(outcome(to("http://[/"), None), FetchError::RedirectNowhere { .. });
    assert_is!(outcome(|_| Reply::new("301 x").body(""), None), FetchError::RedirectNowhere { .. });
    let on =
        |request: &Request| Reply::new("307 x").header("Location", format!("{}1", request.path)).body("");
    assert_is!(outcome(on, None), FetchError::RedirectMany { hops: 5, .. });
    let error = outcome(to("https://example.org/x?token=hush"), None).to_string();
    assert!(
        error.contains("https://example.org/x")
            && error.contains("127.0.0.1/") | error.contains("127.0.0.1:")
    );
    assert!(error.ends_with("allowed are 127.0.0.1") && !error.contains("hush"), "{error}");
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
