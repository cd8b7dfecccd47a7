//! An ordinary laptop: a user without root installs a release, and `up` works with published tools and
//! images only; those of one registry come from a mirror. The user's Docker context is not the default one, and
//! the default socket does not exist.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::bed::Bed;
use crate::corporate::{self, image_tags};
use crate::http::Address;
use crate::internet::{ADDRESS, Authority, Content, Faults, Internet, Link, RateLimit};
use crate::laptop::{Daemon, Laptop};
use crate::laptop_scenes::Engine;
use crate::program::Run;
use crate::published::Published;

/// Everything is downloaded and unpacked, three images are built, on two processors.
const UP: Duration = Duration::from_secs(20 * 60);
const SHORT: Duration = Duration::from_secs(5 * 60);

/// The repository that publishes the program.
const PAGE: &str = "https://github.com/ada/todo";
/// A registry that does not exist here, and the mirror of its images.
const MIRRORED: &str = "registry.k8s.io";
const MIRROR: &str = "mirror.example/k8s";
/// A host of mirrors.
const LIAR: &str = "mirror.example";
/// Downloads may be repeated in part: one byte of this many.
const EXCESS: u64 = 50;

/// Docker for a user in the group docker, with nothing else than a Debian.
pub fn docker(bed: &Bed) {
    // The local registry, from which the stand-ins come, runs with the cluster.
    bed.up();
    let mut published = Published::new(bed, Some((MIRRORED, MIRROR)));
    published.program(bed, PAGE);
    let content = Arc::new(published.content);
    let mut laptop = Laptop::boot(&bed.root, &bed.dir, Daemon::Docker, false, None);
    let internet = connect(&laptop, Arc::clone(&content), Link::default());
    use_another_context(&mut laptop);
    laptop.give(&bed.project, "todo");
    laptop.give(&published.files, "published");
    laptop.sh("cp -r ~/published/project/. ~/todo/").expect("the test's pins of images");
    for program in ["go", "cargo", "debootstrap", "sudo", "kubectl", "kind", "helm"] {
        assert!(laptop.sh(&format!("command -v {program}")).is_err(), "the laptop has {program}");
    }
    let before = (Engine::now(&laptop), laptop.written());

    let install = format!(
        "curl --silent --show-error --fail --location {PAGE}/releases/latest/download/install.sh | sh"
    );
    laptop.run(&install, SHORT).expect(0);
    show("doctor", &call(&laptop, "doctor", SHORT)).expect(0);
    let plan = show("plan", &call(&laptop, "plan", SHORT)).expect(0);
    assert!(!plan.stdout.contains("from source"), "`plan` wants to build:\n{}", plan.stdout);
    refuse(&laptop, &internet);
    works(bed, &laptop, &internet, content.size());
    let tags = image_tags(&|line| call(&laptop, line, SHORT));
    laptop.stop_engine();
    laptop.start_engine();
    call(&laptop, "start", SHORT).expect(0);
    call(&laptop, "check", SHORT).expect(0);
    call(&laptop, "stop", SHORT).expect(0);
    call(&laptop, "start", SHORT).expect(0);
    call(&laptop, "check", SHORT).expect(0);
    remove(&laptop, &before);
    let log = internet.log();
    let outside: Vec<&String> = log.unknown.keys().filter(|name| is_outside(name)).collect();
    assert_eq!(outside, [""; 0], "hosts that no pin names");
    drop(log);

    let internet = corporate::move_in(&laptop, content);
    let before = (Engine::now(&laptop), laptop.written());
    corporate::up(&laptop, &internet, &tags, &published.places["traefik"]);
    remove(&laptop, &before);
}

/// The first `up`, although Docker Hub limits the rate for a while, and another one, which changes nothing.
fn works(bed: &Bed, laptop: &Laptop, internet: &Internet, size: u64) {
    let before = internet.log().bytes;
    internet
        .set_faults(Faults { limit: Some(RateLimit { after: 12, count: 3, pause: 1 }), ..Faults::default() });
    let up = call(laptop, "up --yes --events json", UP).expect(0);
    println!("up: {:.1} s", up.took.as_secs_f64());
    show_requests(internet, size);
    up.expect_said(&format!("copying {MIRROR}/metrics-server"));
    up.expect_said("trying again in 1 s");
    assert!(!up.said("from source"), "something was built from source:\n{}", up.tail(60));
    let address = Address::find(&up.stdout, &bed.app.hosts).expect("`up` ends with the address");
    println!("the application responds at {}:{}", address.host, address.port);
    call(laptop, "check", SHORT).expect(0);
    crate::todo::browser_in(laptop, bed, &address);
    crate::steady::expect_unchanged(&call(laptop, "up --yes --events json", SHORT).expect(0));
    let sent = internet.log().bytes - before;
    assert!(sent <= size + size / EXCESS, "{sent} bytes were sent, of {size} that are published");
}

/// Hosts that refuse are named with what helps, and nothing is left.
fn refuse(laptop: &Laptop, internet: &Internet) {
    let before = Engine::now(laptop);
    let limit = RateLimit { after: 0, count: usize::MAX, pause: 3600 };
    let wrong = format!("up --yes --registry-mirror docker.io={LIAR}/hub");
    let cases = [
        ("up --yes", Faults { no_tokens: true, ..Faults::default() }, &["auth.docker.io refuses"][..]),
        (
            "up --yes",
            Faults { limit: Some(limit), ..Faults::default() },
            &[
                "the rate limit of registry-1.docker.io is reached",
                "it asks to retry in 1 h",
                "help: todo-bootstrap up   # after",
            ],
        ),
        (&wrong, Faults { liar: Some(LIAR), ..Faults::default() }, &[LIAR, "expected sha256:"]),
    ];
    for (line, faults, expected) in cases {
        internet.set_faults(faults);
        let refused = show("refused", &call(laptop, line, SHORT));
        assert_ne!(refused.code, Some(0), "`{line}` did not notice {faults:?}");
        for text in expected.iter().chain(&["help: "]) {
            refused.expect_said(text);
        }
        assert_eq!(Engine::now(laptop), before, "what a refused `up` left");
    }
    internet.set_faults(Faults::default());
}

fn remove(laptop: &Laptop, before: &(Engine, BTreeSet<String>)) {
    call(laptop, "down --purge --yes --no-backup", SHORT).expect(0);
    let after = (Engine::now(laptop), laptop.written());
    assert_eq!(after.0.without(&before.0), Engine::default(), "what `down --purge` left in the engine");
    assert_eq!(after.1.difference(&before.1).collect::<Vec<_>>(), [""; 0], "files outside the user's home");
    let left = laptop.sh("ls -A ~/.cache/todo-bootstrap ~/.local/state/todo-bootstrap 2>/dev/null; true");
    assert_eq!(left.expect("ls"), "", "what `down --purge` left in the home");
}

/// Moves the engine's socket, and tells only the user's current context where it is.
fn use_another_context(laptop: &mut Laptop) {
    laptop.stop_engine();
    let socket = "unix:///run/work.sock";
    laptop
        .root(&format!(
            "sed -i '1a \\  \"hosts\": [\"{socket}\"],' /etc/docker/daemon.json && rm -f /run/docker.sock"
        ))
        .expect("the socket is moved");
    laptop
        .sh(&format!("docker context create work --docker host={socket} && docker context use work"))
        .expect("the context is current");
    laptop.start_engine();
}

fn call(laptop: &Laptop, line: &str, limit: Duration) -> Run {
    let settings =
        format!("TODO_BOOTSTRAP_PINS=~/published/pins TODO_BOOTSTRAP_REGISTRY_MIRROR={MIRRORED}={MIRROR}");
    laptop.run(&format!("cd ~/todo && {settings} todo-bootstrap {line}"), limit)
}

fn show(what: &str, run: &Run) -> Run {
    println!("--- {what}\n{}\n{}", run.stdout, run.stderr);
    run.clone()
}

/// Whether a name can be that of a host on the internet: services of the cluster and random names, with which
/// the cluster's DNS looks for loops, are not.
fn is_outside(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    let last = labels.next().unwrap_or_default();
    labels.next().is_some()
        && !["local", "localhost", "internal"].contains(&last)
        && !last.chars().all(char::is_numeric)
}

fn show_requests(internet: &Internet, size: u64) {
    let log = internet.log();
    println!(
        "--- {} bytes of {size}; passed through: {:?}; unknown: {:?}",
        log.bytes, log.passed, log.unknown
    );
    for (request, count) in &log.requests {
        println!("{count:>4} {request}");
    }
}

/// Gives the laptop an address for all servers, their names, and their root certificate.
pub fn connect(laptop: &Laptop, content: Arc<Content>, link: Link) -> Internet {
    let authority = Authority::new();
    let line = format!(
        "ip address add {ADDRESS}/32 dev lo && echo nameserver {ADDRESS} >/etc/resolv.conf && \
         cat >>/etc/ssl/certs/ca-certificates.crt <<'END'\n{}END",
        authority.pem()
    );
    laptop.root(&line).expect("the laptop is connected");
    assert!(!laptop.has_way_out(), "the laptop is connected to something else");
    Internet::start(laptop.init(), content, &authority, link)
}
