//! What `install.sh` refuses, and that it leaves nothing behind.

use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process_group};

use super::install_release::{
    TARGET, install, installed, machine, piped, publish, publish_program, serve, version,
};
use crate::pack;
use crate::support::serve::Fault;
use crate::support::{Machine, Screen, root};

const CLIENTS: [&str; 2] = ["curl", "wget"];

/// Whatever is wrong, the old program is kept and nothing else is left.
#[track_caller]
fn expect_untouched(machine: &Machine) {
    assert_eq!(installed(machine), None, "the folder was not there before");
}

fn sums(machine: &Machine) -> std::path::PathBuf {
    machine.path("release/latest/download/SHA256SUMS")
}

fn archive(machine: &Machine) -> std::path::PathBuf {
    machine.path("release/download/v0.2.0").join(format!("todo-bootstrap-0.2.0-{TARGET}.tar.gz"))
}

/// Replaces the archive of the release, with a matching checksum.
fn replace_archive(machine: &Machine, pack: impl FnOnce(&mut tar::Builder<GzEncoder<Vec<u8>>>)) {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    pack(&mut builder);
    let bytes = builder.into_inner().and_then(GzEncoder::finish).expect("an archive");
    fs::write(archive(machine), bytes).expect("write the archive");
    let text = pack::sums(&machine.path("release/download/v0.2.0")).expect("sums");
    fs::write(sums(machine), text).expect("write the sums");
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(size);
    header
}

fn refused(machine: &Machine, faults: Vec<(&'static str, Fault)>, client: &str) -> Screen {
    let server = serve(machine, faults);
    let screen = install(machine, &server, client, &[]).fails().err_has("error: ").err_has("help: ");
    expect_untouched(machine);
    screen
}

#[test]
fn an_archive_with_another_checksum() {
    let machine = machine();
    let mut bytes = fs::read(archive(&machine)).expect("the archive");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(archive(&machine), bytes).expect("write the archive");
    for client in CLIENTS {
        let screen = refused(&machine, vec![], client).exits(5);
        assert!(screen.stderr.contains("is wrong; it was deleted"), "{screen}");
        let digests: Vec<_> = screen
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("  expected ").or(line.strip_prefix("  got      ")))
            .collect();
        assert!(digests.len() == 2 && digests[0] != digests[1], "{screen}");
    }
}

#[test]
fn the_program_of_before_stays_when_the_new_one_is_damaged() {
    let machine = machine();
    let server = serve(&machine, vec![]);
    install(&machine, &server, "curl", &[]).exits(0);
    publish(&machine, "0.3.0", TARGET);
    let path = machine.path("release/download/v0.3.0").join(format!("todo-bootstrap-0.3.0-{TARGET}.tar.gz"));
    fs::write(path, "damaged").expect("write");
    install(&machine, &server, "curl", &[]).exits(5);
    assert_eq!(version(&machine), "todo-bootstrap 0.2.0\n");
    assert_eq!(installed(&machine).expect("a folder"), [".todo-bootstrap.sha256", "todo-bootstrap"]);
}

#[test]
fn sums_that_do_not_name_this_machine_or_not_well() {
    let machine = machine();
    let text = fs::read_to_string(sums(&machine)).expect("sums");
    let line = text.lines().find(|line| line.ends_with(".tar.gz")).expect("a line");
    let cases = [
        (text.replace("x86_64", "aarch64"), 1, "has no build for this machine"),
        (text.replace(".tar.gz", ".tar.xz"), 1, "has no build for this machine"),
        (String::new(), 1, "has no build for this machine"),
        (line[1..].to_owned(), 5, "invalid line"),
        (line.replace(&line[..64], &"z".repeat(64)), 5, "invalid line"),
        (line.replace("0.2.0", "../0.2.0"), 5, "invalid line"),
        (line.replace("0.2.0", "latest"), 5, "invalid line"),
        (format!("{line}\n{}\n", line.replace("0.2.0", "0.1.0")), 5, "two lines"),
    ];
    for (text, code, says) in cases {
        fs::write(sums(&machine), &text).expect("write");
        let screen = refused(&machine, vec![], "curl").exits(code);
        assert!(screen.stderr.contains(says), "{text}{screen}");
    }
    // As `sha256sum --binary` writes it, and without a final newline.
    fs::write(sums(&machine), line.replace("  ", " *")).expect("write");
    install(&machine, &serve(&machine, vec![]), "curl", &[]).exits(0);
}

#[test]
fn archives_that_hold_no_program() {
    let member = format!("todo-bootstrap-0.2.0-{TARGET}/todo-bootstrap");
    let links = [("a symbolic link", tar::EntryType::Symlink), ("a hard link", tar::EntryType::Link)];
    for (what, kind) in links {
        let machine = machine();
        replace_archive(&machine, |tar| {
            tar.append_link(&mut header(kind, 0), &member, "/bin/sh").expect(what);
        });
        refused(&machine, vec![], "curl").err_has("does not contain the regular file");
    }
    let machine = machine();
    replace_archive(&machine, |tar| {
        tar.append_data(&mut header(tar::EntryType::Regular, 2), "../todo-bootstrap", &b"hi"[..]).ok();
        tar.append_data(&mut header(tar::EntryType::Regular, 2), "other", &b"hi"[..]).expect("a member");
    });
    refused(&machine, vec![], "curl").err_has("does not contain the regular file");
    replace_archive(&machine, |tar| {
        tar.append_data(&mut header(tar::EntryType::Directory, 0), &member, &b""[..]).expect("a member");
    });
    refused(&machine, vec![], "curl").err_has("does not contain the regular file");
}

#[test]
fn a_program_that_is_not_what_its_archive_says() {
    let machine = machine();
    publish_program(&machine, "0.2.0", TARGET, "#!/bin/sh\necho todo-bootstrap 0.1.0\n");
    refused(&machine, vec![], "curl").exits(5).err_has("contains \"todo-bootstrap 0.1.0\"");
}

#[test]
fn a_build_that_does_not_start_here() {
    let machine = machine();
    publish_program(&machine, "0.2.0", TARGET, "#!/bin/sh\necho 'GLIBC_2.99 not found' >&2\nexit 1\n");
    let screen = refused(&machine, vec![], "curl").exits(1).err_has("does not run on this machine");
    screen.err_has("GLIBC_2.99 not found").err_has("help: clone the repository");
    // A program for another processor.
    publish_program(&machine, "0.2.0", TARGET, "\u{7f}ELF nothing that runs");
    refused(&machine, vec![], "curl").exits(1).err_has("does not run on this machine");
}

#[test]
fn servers_that_do_not_serve() {
    let machine = machine();
    for client in CLIENTS {
        let portal = || vec![("SHA256SUMS", Fault::Portal)];
        refused(&machine, portal(), client).exits(1).err_has("has no build for this machine");
        refused(&machine, vec![(".tar.gz", Fault::Portal)], client).exits(5);
        refused(&machine, vec![("SHA256SUMS", Fault::Flood)], client).exits(1).err_has("cannot download");
        let server = serve(&machine, vec![]);
        let screen = install(&machine, &server, client, &["--version", "9.9.9"]).exits(1);
        screen.err_has("404").err_has("cannot download [server]/download/v9.9.9/SHA256SUMS");
        expect_untouched(&machine);
    }
}

/// Parent directories that were created for the installation are removed too.
#[test]
fn a_download_that_is_cut() {
    let machine = machine();
    for (client, says) in [("curl", "curl: (18)"), ("wget", "wget: exit status")] {
        let server = serve(&machine, vec![(".tar.gz", Fault::Cut)]);
        let screen = install(&machine, &server, client, &["--dir", "one/two/three"]).exits(1);
        screen.err_has(says).err_has("cannot download");
        assert!(!machine.path("work/one").exists());
        fs::create_dir(machine.path("work/one")).expect("a folder");
        install(&machine, &server, client, &["--dir", "one/two/three"]).exits(1);
        fs::remove_dir(machine.path("work/one")).expect("it stays, and is empty");
    }
}

#[test]
fn redirects_lead_to_https_only() {
    let machine = machine();
    let other = serve(&machine, vec![]);
    for client in CLIENTS {
        let to = format!("{}/latest/download/SHA256SUMS", other.url());
        let faults = vec![("latest/download/SHA256SUMS", Fault::Elsewhere(to))];
        refused(&machine, faults, client).exits(1).err_has("cannot download");
    }
    assert!(!other.asked().iter().any(|path| path.ends_with(".tar.gz")), "{:?}", other.asked());
}

#[test]
fn addresses_that_are_not_asked() {
    let machine = machine();
    let cases = [
        ("http://example.invalid/releases", 5, "http://"),
        ("http://127.0.0.1.example.invalid", 5, "http://"),
        ("http://localhost.example.invalid:80", 5, "http://"),
        ("http://127.0.0.1@example.invalid/", 2, "invalid host name"),
        ("https://user:word@example.invalid/", 2, "invalid host name"),
        ("http://127.0.0.1#.example.invalid/", 2, "invalid host name"),
        ("https:///releases", 2, "invalid host name"),
        ("ftp://example.invalid/", 5, "ftp://"),
        ("/not/there", 2, "no such directory"),
    ];
    for (base, code, says) in cases {
        let screen = machine.finish(&mut piped(&machine, base, "curl", &[])).exits(code);
        screen.err_has(says).err_has("help: TODO_BOOTSTRAP_BASE_URL=https://");
        expect_untouched(&machine);
    }
    // A server without TLS.
    let base = serve(&machine, vec![]).url().replace("http:", "https:");
    machine.finish(&mut piped(&machine, &base, "curl", &[])).exits(1).err_has("cannot download");
    expect_untouched(&machine);
}

#[test]
fn programs_that_are_missing() {
    for (program, says) in [("sha256sum", "cannot be verified"), ("tar", "tar"), ("gzip", "gzip")] {
        let machine = machine();
        let server = serve(&machine, vec![]);
        let mut command = piped(&machine, &server.url(), "curl", &[]);
        fs::remove_file(machine.path("bin").join(program)).expect("remove it");
        machine.finish(&mut command).exits(3).err_has(says).err_has("help: apt-get install");
        assert_eq!(server.asked(), [""; 0], "nothing was asked for");
        expect_untouched(&machine);
    }
    let machine = machine();
    let screen = machine.finish(&mut piped(&machine, "https://example.invalid", "cat", &[])).exits(3);
    screen.err_has("neither curl nor wget is on PATH");
}

#[test]
fn other_programs_compute_checksums_too() {
    for other in ["shasum", "openssl"] {
        let machine = machine();
        let server = serve(&machine, vec![]);
        let mut command = piped(&machine, &server.url(), "curl", &[]);
        fs::remove_file(machine.path("bin/sha256sum")).expect("remove it");
        machine.link(&[other, "perl"]);
        machine.finish(&mut command).exits(0).err_has("installed");
        assert_eq!(version(&machine), "todo-bootstrap 0.2.0\n");
    }
}

#[test]
fn a_wget_that_may_not_check_certificates() {
    let body = "[ \"$1\" != --version ] || { echo 'BusyBox v1.36.1' >&2; exit 1; }\nexec wget \"$@\"";
    let machine = machine().stub("wget", body);
    let server = serve(&machine, vec![]);
    let screen = install(&machine, &server, "wget", &[]).exits(5);
    screen.err_has("may not verify certificates").err_has("--sha256 HEX");
    expect_untouched(&machine);
    let text = fs::read_to_string(sums(&machine)).expect("sums");
    let line = text.lines().find(|line| line.ends_with(".tar.gz")).expect("a line");
    install(&machine, &server, "wget", &["--sha256", &line[..64]]).exits(0);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let machine = machine().file("to", "a file");
    let server = serve(&machine, vec![]);
    install(&machine, &server, "curl", &[]).exits(1).err_has("cannot create").err_has("help: ");
    // A directory that not even root can write to.
    let mut command = piped(&machine, &server.url(), "curl", &["--dir", "/proc"]);
    machine.finish(&mut command).exits(1).err_has("cannot write to /proc").err_has("help: ");
    assert_eq!(server.asked(), [""; 0], "nothing was asked for");
}

/// A pipe may end anywhere; a truncated script must not do a part of its work.
#[test]
fn half_a_script_does_nothing() {
    let script = fs::read(root().join("install.sh")).expect("the script");
    let whole = script.len() - 1; // it is complete without its final newline
    let cuts = (0..whole).step_by(whole / 80).chain(whole - 40..whole);
    let machine = machine();
    let folder = machine.path("release").display().to_string();
    for shell in ["/bin/dash", "/bin/bash"].iter().filter(|shell| Path::new(shell).exists()) {
        for cut in cuts.clone() {
            fs::write(machine.path("cut.sh"), &script[..cut]).expect("write");
            let like = piped(&machine, &folder, "curl", &[]);
            let mut command = machine.command(Path::new(shell));
            command.args(like.get_args()).env("TODO_BOOTSTRAP_BASE_URL", &folder);
            command.stdin(fs::File::open(machine.path("cut.sh")).expect("the script"));
            machine.finish(&mut command);
            assert_eq!(installed(&machine), None, "{shell} did something after {cut} bytes");
            assert!(!machine.path("home/.local").exists(), "{shell} did something after {cut} bytes");
        }
        machine.finish(&mut piped(&machine, &folder, "curl", &[])).exits(0);
        fs::remove_dir_all(machine.path("work/to")).expect("remove it");
    }
}

/// Runs the script until it waits for the archive, then sends a signal to its process group.
fn interrupted(machine: &Machine, client: &str, signal: Signal) -> std::process::ExitStatus {
    let server = serve(machine, vec![(".tar.gz", Fault::Stall)]);
    let script = piped(machine, &server.url(), client, &[]);
    // A test that a shell runs in the background has SIGINT ignored, and so would its children.
    let mut command = machine.command(Path::new("/usr/bin/env"));
    command.arg("--default-signal=INT").arg(script.get_program()).args(script.get_args());
    command.env("TODO_BOOTSTRAP_BASE_URL", server.url()).process_group(0);
    command.stdin(fs::File::open(root().join("install.sh")).expect("the script"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the script starts");
    let end = Instant::now() + Duration::from_secs(60);
    while !server.asked().iter().any(|path| path.ends_with(".tar.gz")) {
        assert!(Instant::now() < end, "the script never asked for the archive");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(installed(machine).is_some_and(|names| names.len() == 1), "it works in the folder");
    let group = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
    kill_process_group(group, signal).expect("send it");
    child.wait().expect("it ends")
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    for (client, signal, code) in
        [("curl", Signal::INT, 130), ("wget", Signal::INT, 130), ("curl", Signal::TERM, 143)]
    {
        let machine = machine();
        let status = interrupted(&machine, client, signal);
        assert_eq!(status.code(), Some(code), "{status}");
        expect_untouched(&machine);
    }
}

#[test]
fn what_a_killed_run_leaves_goes_with_the_next() {
    let machine = machine();
    let status = interrupted(&machine, "curl", Signal::KILL);
    assert_eq!(status.signal(), Some(9));
    assert_eq!(installed(&machine).expect("a folder").len(), 1, "it had no chance to clean up");
    let server = serve(&machine, vec![]);
    install(&machine, &server, "curl", &[]).exits(0);
    assert_eq!(installed(&machine).expect("a folder"), [".todo-bootstrap.sha256", "todo-bootstrap"]);
}

#[test]
fn a_wrong_checksum_reads_like_this() {
    let machine = machine();
    let text = fs::read_to_string(sums(&machine)).expect("sums");
    let line = text.lines().find(|line| line.ends_with(".tar.gz")).expect("a line");
    fs::write(sums(&machine), line.replace(&line[..64], &"0".repeat(64))).expect("write");
    fs::write(archive(&machine), "").expect("write");
    let screen = refused(&machine, vec![], "curl").exits(5);
    assert_snapshot!(screen.stderr, @r"
    downloading [server]/download/v0.2.0/todo-bootstrap-0.2.0-x86_64-unknown-linux-musl.tar.gz
    error: the checksum of todo-bootstrap-0.2.0-x86_64-unknown-linux-musl.tar.gz is wrong; it was deleted, nothing was installed
      expected 0000000000000000000000000000000000000000000000000000000000000000
      got      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      help: curl -fsSL [server]/latest/download/install.sh | sh -s --   # try again; if the error persists, see docs/SECURITY.md
    ");
}
