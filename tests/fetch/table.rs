//! Every behavior of the faulty server, through the command line: the exit code, the message, that nothing
//! wrong is installed, and that a correct server fixes it without help.

use std::sync::Mutex;
use std::time::Instant;

use super::bed::{Bed, TOOL, program};
use crate::support::liar::{BEHAVIOURS, Behaviour, HONEST, HONEST_TLS, Wire};

/// The expected result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The fault has no effect.
    Installed,
    /// Refused, with this text in the message.
    Refused(&'static str),
}

use End::{Installed, Refused};

const ENDS: &[(&str, End)] = &[
    ("honest", Installed),
    ("honest over TLS", Installed),
    ("other bytes", Refused("it was removed")),
    ("short, closed early", Refused("was interrupted after")),
    ("longer than announced", Refused("is announced with")),
    ("longer than pinned", Refused("is announced with")),
    ("shorter than pinned", Refused("is announced with")),
    ("endless", Refused("is longer than the expected")),
    ("announces a terabyte", Refused("is announced with 1099511627776 bytes")),
    ("empty", Refused("is announced with 0 bytes")),
    ("four bytes per second", Refused("is too slow")),
    ("stall in the middle", Refused("stalled after")),
    ("stall before the head", Refused("stalled after 0 bytes")),
    ("reset in the middle", Refused("Connection reset")),
    ("reset at once", Refused("Connection reset")),
    ("closed at once", Refused("connection closed before")),
    ("chunked, cut", Refused("was interrupted after")),
    ("gzip bomb", Refused("is sent as \"gzip\"")),
    ("garbage for a head", Refused("invalid HTTP version")),
    ("endless head", Refused("message head is too large")),
    ("changed between attempts", Installed),
    ("500, then fine", Installed),
    ("503 always", Refused("503 Service Unavailable, 5 times")),
    ("404", Refused("404 Not Found")),
    ("403", Refused("403 Forbidden")),
    ("429 for a second, then fine", Installed),
    ("429 until a date, then fine", Installed),
    ("429 for a day", Refused("asks to retry in 24 h")),
    ("captive portal", Refused("web page instead of a file")),
    ("204", Refused("204 No Content")),
    ("range ignored", Installed),
    ("206 with a wrong offset", Installed),
    ("206 with a wrong total", Refused("is announced with")),
    ("206 of another file", Refused("it was removed")),
    ("206 without Content-Range", Installed),
    ("416 to every range", Installed),
    ("another ETag each time", Installed),
    ("redirect to a host that the pin allows", Installed),
    ("redirect to another host", Refused("a host that is not allowed")),
    ("redirect to http", Refused("which is not https")),
    ("redirect to a file", Refused("redirects to file:///etc/passwd")),
    ("redirect in a circle", Refused("a redirect loop")),
    ("six redirects", Refused("too many redirects")),
    ("redirect to nowhere", Refused("without a valid address")),
    ("self-signed certificate", Refused("UnknownIssuer")),
    ("certificate of another name", Refused("not valid for name")),
    ("expired certificate", Refused("certificate expired")),
    ("no TLS where TLS is due", Refused("does not speak TLS")),
];

#[test]
fn no_lie_is_believed_and_none_hangs() {
    // Most of them only wait, so many run in parallel.
    all(300_000, 12);
}

/// A file of this size is downloaded in parts, by several connections in parallel.
#[test]
fn no_lie_about_a_part_is_believed_either() {
    all(17 << 20, 4);
}

/// Even with unlimited idle time, the command has its own time limit, and reports what it waited for.
#[test]
fn the_commands_own_time_ends_a_drip() {
    let drip = BEHAVIOURS.iter().find(|behaviour| behaviour.name == "four bytes per second");
    let bed = Bed::new(*drip.expect("a drip"), program(8, 300_000)).env("TODO_BOOTSTRAP_IDLE_TIMEOUT", "1h");
    let screen = bed.run(&["tools", "install", TOOL, "--timeout", "3s"]).exits(1);
    screen.err_has("the download of http://127.0.0.1:").err_has("help:");
    assert!(!bed.is_installed());
    bed.liar.behave(HONEST);
    bed.install().exits(0);
    assert!(bed.is_installed() && bed.leftovers().is_empty(), "{:?}", bed.leftovers());
}

/// Every behavior for a file of `len` bytes, this many in parallel.
fn all(len: usize, at_once: usize) {
    let only = std::env::var("TODO_BOOTSTRAP_LIE").ok();
    let wanted = |behaviour: &&Behaviour| only.as_ref().is_none_or(|only| behaviour.name.contains(only));
    let left: Mutex<Vec<&Behaviour>> = Mutex::new(BEHAVIOURS.iter().filter(wanted).rev().collect());
    let (wrong, bytes) = (Mutex::new(Vec::new()), program(7, len));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no panic while it is held").pop();
                    let Some(behaviour) = next else { break };
                    if let Err(why) = one(behaviour, &bytes) {
                        wrong
                            .lock()
                            .expect("no panic while it is held")
                            .push(format!("{}: {why}", behaviour.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic while it was held");
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), BEHAVIOURS.len(), wrong.join("\n\n"));
}

#[test]
fn every_behaviour_has_an_end() {
    let names: Vec<&str> = ENDS.iter().map(|(name, _)| *name).collect();
    let known: Vec<&str> = BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect();
    assert_eq!(names, known);
}

fn one(behaviour: &Behaviour, bytes: &[u8]) -> Result<(), String> {
    let end = ENDS.iter().find(|(name, _)| *name == behaviour.name).map(|(_, end)| *end);
    let end = end.ok_or("it has no end in the table")?;
    let mut bed = Bed::new(*behaviour, bytes.to_vec());
    if behaviour.name != "redirect to another host" {
        bed = bed.allowing(&["localhost", "release.test"]);
    }
    let begun = Instant::now();
    let screen = bed.install();
    let took = begun.elapsed().as_secs_f64();
    let said = screen.stderr.lines().find_map(|line| line.split_once("because download: "));
    let said = said.map_or("", |(_, said)| said);
    println!(
        "{:<40} {:>5} KiB {:>5.1} s, exit {:?}: {said}",
        behaviour.name,
        bytes.len() >> 10,
        took,
        screen.code
    );
    let check = |fine: bool, why: &str| if fine { Ok(()) } else { Err(format!("{why}\n{screen}")) };
    check(!screen.stderr.contains("panicked"), "it panicked")?;
    match end {
        Installed => {
            check(screen.code == Some(0), "it was not installed")?;
            check(bed.is_installed(), "it succeeded and installed nothing")
        }
        Refused(phrase) => {
            check(screen.code == Some(3), "the exit code is not 3")?;
            check(
                !bed.is_installed() && !bed.folder().join("found.json").exists(),
                "something was installed",
            )?;
            check(screen.stderr.contains(phrase), &format!("`{phrase}` is not said"))?;
            // One hint for this failure, one for when nothing else helps.
            check(screen.stderr.matches("help: ").count() == 2, "there is no help of its own")?;
            bed.liar.behave(if behaviour.wire == Wire::Plain { HONEST } else { HONEST_TLS });
            let again = bed.install();
            let fine = again.code == Some(0) && bed.is_installed();
            if fine { Ok(()) } else { Err(format!("an honest server does not make it good\n{again}")) }
        }
    }?;
    check(bed.leftovers().is_empty(), &format!("{:?} was left behind", bed.leftovers()))
}
