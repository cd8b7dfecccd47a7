//! A correct server: what is downloaded, from where, through what, and how often.

use std::fs;

use super::bed::{Bed, FILE, TOOL, archive, program, version, write_pin};
use crate::support::liar::{HONEST, HONEST_TLS, behaviour};

#[test]
fn what_is_there_is_not_fetched_again() {
    let bed = Bed::new(HONEST, program(1, 300_000));
    bed.install().exits(0);
    assert!(bed.is_installed());
    bed.install().exits(0);
    assert_eq!(bed.liar.bytes_of(FILE), 300_000);
    assert!(bed.leftovers().is_empty(), "{:?}", bed.leftovers());
}

/// As after a kill between the two: the program is renamed, but its record is not written yet.
#[test]
fn a_program_without_a_record_is_not_fetched_again_but_hashed() {
    let bed = Bed::new(HONEST, program(13, 300_000));
    bed.install().exits(0);
    let record = bed.folder().join("found.json");
    fs::remove_file(&record).expect("remove the record");
    bed.install().exits(0);
    assert!(bed.is_installed() && record.is_file());
    assert_eq!(bed.liar.bytes_of(FILE), 300_000);
    fs::remove_file(&record).expect("remove the record");
    let mut bytes = bed.bytes.clone();
    bytes[200_000] ^= 1;
    fs::write(bed.installed(), bytes).expect("change the program");
    bed.install().exits(0);
    assert!(bed.is_installed() && bed.leftovers().is_empty(), "{:?}", bed.leftovers());
    assert_eq!(bed.liar.bytes_of(FILE), 600_000);
}

/// A pinned size is a known limit; without one, there is still a limit.
#[test]
fn without_a_size_there_is_a_bound_as_well() {
    let bed = Bed::new(behaviour("announces a terabyte"), program(2, 300_000)).without_size();
    let screen = bed.install().fails().err_has("help:");
    assert!(screen.stderr.contains("without a pinned size"), "{screen}");
    bed.liar.behave(HONEST);
    bed.install().exits(0);
    assert!(bed.is_installed());
}

/// Host names that do not resolve: everything that is downloaded comes from the mirror.
const PUBLISHED: &str = "https://release.test/v1/kubectl";

#[test]
fn a_mirror_serves_the_host_and_path_of_the_pin() {
    let bed = Bed::new(HONEST, program(3, 300_000)).at(PUBLISHED);
    let path = "/some/where/release.test/v1/kubectl";
    bed.liar.serve(path, bed.bytes.clone());
    let mirror = bed.liar.origin(HONEST.wire) + "/some/where";
    let screen = bed.run(&["tools", "install", TOOL, "--mirror", &mirror]).exits(0);
    assert!(screen.stderr.contains("plain HTTP"), "{screen}");
    assert!(bed.is_installed());
    assert_eq!(bed.liar.bytes_of(path), 300_000);
}

#[test]
fn a_mirror_is_believed_no_more_than_any_other_server() {
    let bed = Bed::new(behaviour("other bytes"), program(4, 300_000)).at(PUBLISHED);
    bed.liar.serve("/release.test/v1/kubectl", bed.bytes.clone());
    let bed = bed.env("HTTPS_PROXY", "http://127.0.0.1:1");
    let mirror = bed.liar.origin(HONEST.wire);
    bed.run(&["tools", "install", TOOL, "--mirror", &mirror]).fails().err_has("sha256").err_has("help:");
    assert!(!bed.is_installed());
}

#[test]
fn a_folder_is_a_mirror_as_well() {
    let bed = Bed::new(behaviour("404"), program(5, 300_000)).at(PUBLISHED);
    let dir = bed.machine.path("work/usb/release.test/v1");
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(dir.join("kubectl"), &bed.bytes).expect("write a file");
    bed.run(&["tools", "install", TOOL, "--mirror", "usb"]).exits(0);
    assert!(bed.is_installed());
    assert!(bed.liar.requests().is_empty());
}

/// The proxy provides the tunnel, and TLS is with the release host, which is trusted because of the user's
/// own root certificate (`SSL_CERT_FILE`).
#[test]
fn a_proxy_and_a_root_of_ones_own_are_honoured() {
    for key in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let bed = Bed::new(HONEST_TLS, program(6, 300_000)).at(PUBLISHED);
        bed.liar.serve("/v1/kubectl", bed.bytes.clone());
        let proxy = bed.liar.origin(HONEST.wire);
        let bed = bed.env(key, &proxy);
        bed.install().exits(0);
        assert!(bed.is_installed(), "{key}");
        let requests = bed.liar.requests();
        assert!(requests.iter().any(|line| line.starts_with("CONNECT release.test:443 ")), "{requests:?}");
    }
}

#[test]
fn without_that_root_the_same_server_is_refused() {
    let bed = Bed::new(HONEST_TLS, program(7, 300_000)).env("SSL_CERT_FILE", "");
    bed.install().fails().err_has("certificate").err_has("help:");
    assert!(!bed.is_installed());
}

/// Four at once, one of them wrong: three are installed, and the message is about the other.
#[test]
fn one_lie_among_four_harms_that_one_alone() {
    let bed = Bed::new(HONEST, program(8, 300_000));
    let helm = program(9, 200_000);
    let packed = archive(&helm, "helm");
    let others =
        [("helm", packed.clone()), ("kind", program(10, 200_000)), ("minikube", program(11, 200_000))];
    for (tool, bytes) in &others {
        let path = format!("/release/{tool}");
        bed.liar.serve(&path, bytes.clone());
        let url = bed.liar.origin(HONEST.wire) + &path;
        let more = if *tool == "helm" { "member = \"os/helm\"\n" } else { "" };
        // The file name shows the type of archive.
        let url = if *tool == "helm" { url + ".tar.gz" } else { url };
        write_pin(&bed.machine, tool, &url, bytes, more, true);
    }
    bed.liar.serve("/release/helm.tar.gz", packed);
    bed.liar.serve("/release/kind", program(12, 200_000));
    let all = ["tools", "install", TOOL, "helm", "kind", "minikube"];
    let screen = bed.run(&all).fails().err_has("kind").err_has("sha256").err_has("help:");
    let installed = |tool: &str| {
        let folder = bed.machine.path("cache/tools").join(format!("{tool}-{}", version(tool)));
        fs::read(folder.join(tool)).ok()
    };
    assert!(bed.is_installed(), "{screen}");
    assert_eq!(installed("helm"), Some(helm), "{screen}");
    assert_eq!(installed("minikube").as_ref(), Some(&others[2].1), "{screen}");
    assert_eq!(installed("kind"), None, "{screen}");
    bed.liar.serve("/release/kind", others[1].1.clone());
    bed.run(&all).exits(0);
    assert_eq!(installed("kind").as_ref(), Some(&others[1].1));
}
