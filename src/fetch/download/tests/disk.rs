//! Files in the folder: links and special files, permissions, old notes.
#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn mode(bench: &Bench, name: &str) -> u32 {
    std::fs::symlink_metadata(bench.dir.path().join(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn planted_files_are_refused_and_left_as_they_are() {
    for name in ["file.partial", "file.partial.json", "file.lock"] {
        let (bench, server) = (Bench::new(), abc());
        let victim = bench.dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let planted = bench.dir.path().join(name);
        for plant in [
            |from: &Path, to: &Path| symlink(from, to),
            |from: &Path, to: &Path| std::fs::hard_link(from, to),
        ] {
            plant(&victim, &planted).unwrap();
            let error = bench.fetch(&server.url(), ABC, Some(3)).unwrap_err();
            let (is_local, error) = (error.is_local(), Error::from(error));
            assert!(is_local && error.what().contains(&format!("{} is a ", planted.display())), "{error}");
            assert_eq!(error.exit(), crate::error::Exit::Refused);
            assert!(error.hints()[0].contains(name), "{error}");
            std::fs::remove_file(&planted).unwrap();
        }
        std::fs::create_dir(&planted).unwrap();
        let error = bench.fetch(&server.url(), ABC, Some(3)).unwrap_err();
        assert!(error.to_string().contains("is a folder"), "{error:?}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_folder_in_place_of_the_target_is_named() {
    let (bench, server) = (Bench::new(), abc());
    std::fs::create_dir(bench.dir.path().join("file")).unwrap();
    let error = bench.fetch(&server.url(), ABC, None).unwrap_err();
    assert!(error.to_string().contains("is a folder"), "{error}");
}

#[test]
fn what_is_not_finished_is_for_the_owner_only() {
    let server = Server::start(|request| match request.number {
        0 => Reply::file(request, b"abc", None).cut(2),
        _ => Reply::new("404 x").body(""),
    });
    let bench = Bench::new();
    bench.fetch(&server.url(), ABC, Some(3)).unwrap_err();
    for name in ["file.partial", "file.partial.json", "file.lock"] {
        assert_eq!(mode(&bench, name), 0o600, "{name}");
    }
    bench.fetch(&abc().url(), ABC, Some(3)).unwrap();
    assert_eq!(mode(&bench, "file"), 0o644);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let (bench, server) = (Bench::new(), abc());
    let folder = bench.dir.path().to_owned();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    let result = bench.fetch(&server.url(), ABC, None);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    // Who may do everything may do that, too.
    if !rustix::process::geteuid().is_root() {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&format!("cannot write to {} (", folder.display())), "{error}");
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_file_for_which_there_is_no_room_is_not_begun() {
    let size = 1 << 60;
    let server = Server::start(move |_| Reply::new("200 OK").header("Content-Length", size).cut(0));
    let bench = Bench::new();
    let error = bench.fetch(&server.url(), ABC, Some(size)).unwrap_err();
    assert!(bench.files().is_empty());
    let error = Error::from(error);
    assert!(error.what().contains("free, but 1073741824 GiB more are needed"), "{error}");
    assert!(error.hints()[0].contains("df -h") && error.exit() == crate::error::Exit::HostNotReady);
}

#[test]
fn notes_that_make_no_sense_count_as_none() {
    let sha = ABC;
    let good = format!(
        r#"{{"sha256":"{sha}","url":"u","validator":{{"total":null,"etag":null,"modified":null}},"in_order":false,"there":[[0,2]]}}"#
    );
    let texts = [
        String::new(),
        "{".to_owned(),
        good.replace(sha, &"0".repeat(64)),
        good.replace("[[0,2]]", "[[2,0]]"),
        good.replace("[[0,2]]", "[[0,99]]"),
        good.replace("}}", "},\"more\":1}"),
    ];
    // Without notes, it is a file of an earlier version, which is gone on with.
    for text in texts.iter().map(Some).chain([Some(&good), None]) {
        let (bench, server) = (Bench::new(), abc());
        std::fs::write(bench.dir.path().join("file.partial"), "ab").unwrap();
        if let Some(text) = text {
            std::fs::write(bench.dir.path().join("file.partial.json"), text).unwrap();
        }
        bench.fetch(&server.url(), ABC, Some(3)).unwrap();
        let range = if text.is_none_or(|text| *text == good) { "bytes=2-" } else { "" };
        assert_eq!(server.seen()[0].header("range"), range, "{text:?}");
    }
}

#[test]
fn what_is_whole_already_is_only_hashed() {
    let (bench, server) = (Bench::new(), abc());
    let notes = format!(
        r#"{{"sha256":"{ABC}","url":"u","validator":{{"total":3,"etag":null,"modified":null}},"in_order":true,"there":[]}}"#
    );
    std::fs::write(bench.dir.path().join("file.partial"), "abc").unwrap();
    std::fs::write(bench.dir.path().join("file.partial.json"), &notes).unwrap();
    bench.fetch(&server.url(), ABC, Some(3)).unwrap();
    assert!(server.seen().is_empty());
    // Where the length is not known, the server says that there is no more.
    std::fs::remove_file(bench.dir.path().join("file")).unwrap();
    std::fs::write(bench.dir.path().join("file.partial"), "abc").unwrap();
    std::fs::write(bench.dir.path().join("file.partial.json"), notes.replace(":3,", ":null,")).unwrap();
    bench.fetch(&server.url(), ABC, None).unwrap();
    assert_eq!(server.seen()[0].header("range"), "bytes=3-4194306");
}

#[test]
fn an_empty_file_is_a_file() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let server = Server::start(|request| Reply::file(request, b"", None));
    for size in [Some(0), None] {
        let bench = Bench::new();
        assert_eq!(bench.fetch(&server.url(), empty, size).unwrap(), 0);
        assert_eq!(bench.files(), ["file"]);
    }
}
