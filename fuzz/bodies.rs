//! The bodies of the fuzz targets, with the properties that must hold. Also run by
//! `tests/fuzzed.rs`, which needs no fuzzer.
#![allow(dead_code)] // each target uses one of them

use std::cell::RefCell;

use todo_bootstrap::bundle::Manifest;
use todo_bootstrap::fetch::{extract_member, permitted};
use todo_bootstrap::files::sha256;
use todo_bootstrap::tools::Pin;

thread_local! {
    static DIR: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

/// An archive yields the requested file, or an error and no file.
pub fn archive(data: &[u8]) {
    DIR.with_borrow(|dir| {
        let (from, out) = (dir.path().join("archive"), dir.path().join("out"));
        std::fs::write(&from, data).expect("write the archive");
        std::fs::create_dir_all(&out).expect("a folder");
        let to = out.join("tool");
        let result = extract_member(&from, "bin/tool", &to, 0o755);
        let names: Vec<_> = std::fs::read_dir(&out).expect("list").flatten().map(|e| e.file_name()).collect();
        if let Ok((digest, size)) = result {
            let bytes = std::fs::read(&to).expect("the file is there");
            assert_eq!((digest, size), (sha256(&bytes), bytes.len() as u64));
            assert_eq!(names, ["tool"], "only the file is there");
            std::fs::remove_file(&to).expect("remove it");
        } else {
            assert!(names.is_empty(), "nothing is left: {names:?}");
        }
    });
}

/// A pin that parses is usable: a complete checksum, and a permitted URL.
pub fn pin(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(pin) = Pin::parse("pin.toml", text) else { return };
    for asset in pin.assets.values() {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(asset.sha256.len() == 64 && asset.sha256.bytes().all(hex), "{}", asset.sha256);
        let url = permitted(&asset.url).expect("an address that may be fetched from");
        assert!(url.host_str().is_some(), "{url}");
    }
}

/// A manifest that parses refers to no file outside its bundle, and is unchanged after it is
/// written and read again.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data) else { return };
    for entry in &manifest.entries {
        let name = entry.file.strip_prefix("files/").expect("it lies in the folder of files");
        assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{}", entry.file);
    }
    manifest.sha256().expect("it can be written");
    let bytes = serde_json::to_vec(&manifest).expect("it can be written");
    assert_eq!(Manifest::parse(&bytes), Ok(manifest));
}
