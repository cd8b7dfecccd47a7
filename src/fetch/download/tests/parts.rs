//! Downloads in parts, over several connections and several runs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use proptest::prelude::{ProptestConfig, any, prop, proptest};

use super::super::plan::CHUNK;
use super::*;
use crate::fetch::{Queue, Urgency};
use crate::files::sha256;

const LEN: usize = 40 << 20;
const TAG: &str = "\"first\"";

/// Bytes of which no two blocks are alike.
fn data(len: usize) -> &'static [u8] {
    static ALL: OnceLock<Vec<u8>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let words = 0..u64::try_from(LEN / 8).unwrap();
        words.flat_map(|word| word.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect()
    });
    &all[..len]
}

/// The bytes that a server was asked for in all.
fn asked(server: &Server, len: usize) -> usize {
    let sizes = server
        .seen()
        .into_iter()
        .map(|request| request.range(len).map_or(len, |(from, to)| to.saturating_sub(from)));
    sizes.sum()
}

#[test]
fn a_large_file_comes_over_several_connections() {
    let file = data(20 << 20);
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let server = Server::start(move |request| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        now.fetch_sub(1, Ordering::SeqCst);
        Reply::file(request, file, Some(TAG))
    });
    for size in [Some(file.len() as u64), None] {
        let bench = Bench::new();
        let before = server.seen().len();
        assert_eq!(bench.fetch(&server.url(), &sha256(file), size).unwrap(), 20 << 20);
        assert_eq!(bench.files(), ["file"]);
        let seen = server.seen().split_off(before);
        assert_eq!(seen.len(), 5);
        assert!(seen[1..].iter().all(|request| request.header("if-range") == TAG));
    }
    assert_eq!(asked(&server, file.len()), 2 * file.len());
    assert!(most.load(Ordering::SeqCst) > 1, "never two at once");
}

/// The pause is longer than what is too slow for a server.
#[test]
fn a_large_file_pauses_between_parts_while_something_is_more_urgent() {
    let file = data(20 << 20);
    let queue: &'static Queue = Box::leak(Box::default());
    let urgent = Arc::new(Mutex::new(None));
    let joins = Arc::clone(&urgent);
    let server = Server::start(move |request| {
        if request.number == 0 {
            *joins.lock().unwrap() = Some(queue.join(Urgency::Build));
        }
        Reply::file(request, file, Some(TAG))
    });
    let (bench, tool) = (Bench::impatient(), queue.join(Urgency::Check));
    let (url, sha256) = (server.url(), sha256(file));
    let remote = Remote { url: &url, sha256: &sha256, place: Some(&tool), ..Remote::default() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !bench.said().contains("waiting for more urgent downloads") {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(bench.timeouts.slow * 2);
            assert_eq!(server.seen().len(), 1);
            urgent.lock().unwrap().take();
        });
        assert_eq!(bench.get(&remote).unwrap(), 20 << 20);
    });
    assert_eq!((server.seen().len(), asked(&server, file.len())), (5, file.len()));
}

#[test]
fn without_parts_a_large_file_comes_in_one_piece() {
    let file = data(17 << 20);
    let server = Server::start(move |_| Reply::new("200 OK").body(file));
    Bench::new().fetch(&server.url(), &sha256(file), Some(17 << 20)).unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_run_that_ended_is_gone_on_with_to_the_byte() {
    let file = data(1000);
    let server = Server::start(move |request| match request.number {
        0 => Reply::file(request, file, Some(TAG)).cut(600),
        1..=5 => Reply::new("404 x").body(""),
        _ => Reply::file(request, file, Some(TAG)),
    });
    let bench = Bench::new();
    bench.fetch(&server.url(), &sha256(file), Some(1000)).unwrap_err();
    assert_eq!(bench.files(), ["file.partial", "file.partial.json"]);
    // As if the process had been killed before it noted more than the beginning.
    let notes = bench.dir.path().join("file.partial.json");
    let text = std::fs::read_to_string(&notes).unwrap();
    std::fs::write(&notes, text.replace("[[0,600]]", "[]")).unwrap();
    for _ in 0..4 {
        bench.fetch(&server.url(), &sha256(file), Some(1000)).unwrap_err();
    }
    bench.fetch(&server.url(), &sha256(file), Some(1000)).unwrap();
    let last = server.seen().pop().unwrap();
    assert_eq!((last.header("range"), last.header("if-range")), ("bytes=600-", TAG));
    assert_eq!(std::fs::read(bench.dir.path().join("file")).unwrap(), file);
    assert_eq!(bench.files(), ["file"]);
}

#[test]
fn chunks_that_are_there_are_not_fetched_again() {
    let file = data(32 << 20);
    let broken = Server::start(move |request| match request.number {
        number if number < 5 => Reply::file(request, file, Some(TAG)),
        _ => Reply::new("403 x").body(""),
    });
    let bench = Bench::new();
    let (sha, size) = (sha256(file), Some(32 << 20));
    bench.fetch(&broken.url(), &sha, size).unwrap_err();
    let there = std::fs::read_to_string(bench.dir.path().join("file.partial.json")).unwrap();
    assert!(there.contains("\"in_order\":false"), "{there}");
    // Another mirror, whose tags are other ones: the bytes are still good.
    let good = Server::start(move |request| Reply::file(request, file, Some("\"other\"")));
    bench.fetch(&good.url(), &sha, size).unwrap();
    let again = asked(&good, file.len()) + 5 * usize::try_from(CHUNK).unwrap();
    // Four connections were cut; what each had on its way is at most a chunk.
    assert!(again <= file.len() + 4 * usize::try_from(CHUNK).unwrap(), "{again}");
    assert!(asked(&good, file.len()) < file.len());
}

#[test]
fn a_file_that_always_changes_is_an_error() {
    let file = data(20 << 20);
    let server = Server::start(move |request| {
        // Ignores `If-Range`.
        let mut request = request.clone();
        request.headers.remove("if-range");
        Reply::file(&request, file, Some(&format!("\"{}\"", request.number))).cut(3 << 20)
    });
    let error = Bench::new().fetch(&server.url(), ABC, Some(20 << 20)).unwrap_err();
    assert!(error.to_string().contains("changed during the download"), "{error}");
}

#[test]
fn a_resumed_file_with_a_wrong_hash_is_fetched_once_more_and_only_once() {
    let file = data(1000);
    let server = Server::start(move |request| match request.number {
        0 => Reply::file(request, &[9; 1000], None).cut(500),
        _ => Reply::file(request, file, None),
    });
    let bench = Bench::new();
    bench.fetch(&server.url(), &sha256(file), Some(1000)).unwrap();
    assert_eq!(server.seen().len(), 3);
    assert!(bench.said().contains("downloading it again in one piece"), "{}", bench.said());
    // In one piece, a wrong hash is final.
    let wrong = Server::start(|request| Reply::file(request, b"abd", None));
    let error = Bench::new().fetch(&wrong.url(), ABC, None).unwrap_err();
    assert!(matches!(&error, FetchError::Wrong { expected, .. } if expected == ABC), "{error}");
    assert!(error.to_string().contains(&sha256(b"abd")), "{error}");
    assert_eq!(wrong.seen().len(), 1);
}

#[test]
fn a_server_that_allows_fewer_connections_is_good_enough() {
    let file = data(40 << 20);
    let seen = Mutex::new(BTreeSet::new());
    let server = Server::start(move |request| {
        let agent = request.header("range").to_owned();
        let start = request.range(file.len()).map_or(0, |(from, _)| from);
        // Every second chunk is refused three times.
        let odd = start / (4 << 20) % 2 == 1;
        if odd && (0..3).any(|time| seen.lock().unwrap().insert(format!("{agent} {time}"))) {
            return Reply::new("503 x").body("");
        }
        Reply::file(request, file, Some(TAG))
    });
    Bench::new().fetch(&server.url(), &sha256(file), None).unwrap();
}

#[test]
fn where_a_redirect_led_is_remembered_until_that_fails() {
    let file = data(24 << 20);
    let good = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path.as_str() {
        "/tool" => {
            let link = format!("/link{}?signature=hush", good.fetch_add(1, Ordering::SeqCst));
            Reply::new("302 x").header("Location", link).body("")
        }
        // The first link is good for three requests.
        "/link0?signature=hush" if request.number > 4 => Reply::new("403 x").body(""),
        _ => Reply::file(request, file, Some(TAG)),
    });
    let bench = Bench::new();
    bench.fetch(&server.url(), &sha256(file), None).unwrap();
    let seen = server.seen();
    let entries = seen.iter().filter(|request| request.path == "/tool").count();
    // As many as connections at most, and not one for each chunk.
    assert!((2..=5).contains(&entries), "{seen:?}");
    assert!(!bench.said().contains("hush"), "{}", bench.said());
}

#[test]
fn a_wait_that_the_deadline_does_not_allow_is_not_begun() {
    let server = Server::start(|_| Reply::new("429 x").header("Retry-After", 60).body(""));
    let error = Bench::new().fetch(&server.url(), ABC, None).unwrap_err();
    assert!(matches!(error, FetchError::Unwell { tries: 1, .. }), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_cuts_give_the_right_bytes_and_cost_a_chunk_at_most(
        len in 1..=LEN,
        cuts in prop::collection::vec((0..12_usize, 0..5_usize << 20), 0..6),
        known in any::<bool>(),
        runs in any::<bool>(),
    ) {
        let file = data(len);
        let planned = cuts.clone();
        // With `runs`, each cut ends a run: nothing more is given until the next one.
        let down = Arc::new(AtomicBool::new(false));
        let is_down = Arc::clone(&down);
        let server = Server::start(move |request| {
            if runs && is_down.load(Ordering::SeqCst) {
                return Reply::new("403 x").body("");
            }
            let reply = Reply::file(request, file, Some(TAG));
            match planned.iter().find(|(number, _)| *number == request.number) {
                Some((_, after)) => {
                    is_down.store(true, Ordering::SeqCst);
                    reply.cut(*after)
                }
                None => reply,
            }
        });
        let bench = Bench::new();
        let size = known.then_some(len as u64);
        let fetch = || {
            down.store(false, Ordering::SeqCst);
            bench.fetch(&server.url(), &sha256(file), size)
        };
        let got = (0..10).find_map(|_| fetch().ok());
        assert_eq!(got, Some(len as u64));
        let chunk = usize::try_from(CHUNK).unwrap();
        // The end of a run cuts all connections.
        let lost = cuts.len() * if runs { 4 * chunk } else { chunk };
        assert!(server.sent() <= len + lost, "{} for {len}", server.sent());
        assert_eq!(std::fs::read(bench.dir.path().join("file")).unwrap(), file);
        assert_eq!(bench.files(), ["file"]);
    }
}
