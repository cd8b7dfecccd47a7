//! Faulty servers, as far as `tests/fetch/table.rs` does not run the program against them.

use super::*;

/// What becomes of a download of `abc` from a server with this one answer.
fn outcome(reply: Reply, size: Option<u64>) -> String {
    let server = Server::start(move |_| reply.clone());
    let bench = Bench::impatient();
    let error = bench.fetch(&server.url(), ABC, size).unwrap_err();
    // Nothing is written before the head is good.
    assert!(bench.files().is_empty(), "{:?}", bench.files());
    assert_eq!(server.seen()[0].header("accept-encoding"), "identity");
    assert!(!error.help().is_empty());
    error.to_string()
}

#[test]
fn an_answer_is_judged_by_its_head() {
    let ok = || Reply::new("200 OK");
    let part = |range| {
        (Reply::new("206 x").header("Content-Range", range).body("abc"), None, "for the bytes from 0")
    };
    let to = |place, why| (Reply::new("302 x").header("Location", place).body(""), None, why);
    for (reply, size, why) in [
        (ok().header("Content-Type", "Text/HTML; x").body("abc"), None, "web page"),
        (Reply::new("511 Log in").body(""), None, "web page"),
        (ok().header("Content-Encoding", "gzip").body("abc"), None, "is sent as \"gzip\""),
        (ok().body("abcd"), Some(3), "announced with 4 bytes, expected 3"),
        (ok().header("Content-Length", LIMIT + 1), None, "without a pinned size"),
        // Parts that were not asked for.
        part("bytes 1-3/4"),
        part("bytes 0-1/3"),
        part("bytes 2-0/3"),
        part("bytes 0-2/2"),
        part("0-2/3"),
        part("bytes a-b/c"),
        (part("bytes 0-2/3").0, Some(4), "for the bytes from 0"),
        (Reply::new("206 x").body("abc"), None, "for the bytes from 0"),
        (Reply::new("416 x").body("abc"), None, "returned 416"),
        to("http://localhost:1/x", "a host that is not allowed"),
        to("https://example.org/x?token=hush", "to https://example.org/x, a host that is not allowed"),
        to("ftp://127.0.0.1/x", "which is not https"),
        to("http://[/", "without a valid address"),
    ] {
        let said = outcome(reply.clone(), size);
        assert!(said.contains(why) && !said.contains("hush"), "{reply:?}: {said}");
    }
    for status in ["401", "403", "404", "410", "501", "304"] {
        let said = outcome(Reply::new(&format!("{status} x")).body(""), None);
        assert!(said.contains(&format!("returned {status}")), "{said}");
    }
    let closed = Bench::new().fetch("http://127.0.0.1:1/abc", ABC, None).unwrap_err();
    assert!(matches!(&closed, FetchError::Unreachable { host, .. } if host == "127.0.0.1"), "{closed}");
}
