//! Valid archives give their file, all others nothing and a reason.

use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use ::zip::CompressionMethod;
use ::zip::write::{SimpleFileOptions, ZipWriter};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use tar::EntryType;

use super::*;
use crate::fetch::testing::{gzip, tar_of};
use crate::files::sha256;

const BODY: &[u8] = b"#!/bin/sh\nexit 0\n";
const FILE_KIND: EntryType = EntryType::Regular;

/// What became of an archive of these bytes; whatever it is, nothing else may lie in its folder.
fn take(bytes: &[u8], member: &str) -> std::result::Result<Vec<u8>, String> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("archive"), dir.path().join("out/program"));
    std::fs::write(&from, bytes).unwrap();
    std::fs::create_dir(dir.path().join("out")).unwrap();
    let result = extract_member(&from, member, &to, 0o755);
    let left = std::fs::read_dir(dir.path().join("out")).unwrap().count();
    assert_eq!(left, usize::from(result.is_ok()), "what is left in the folder");
    result.map_err(|error| error.to_string()).map(|(digest, size)| {
        let got = std::fs::read(&to).unwrap();
        assert_eq!((digest, size), (sha256(&got), got.len() as u64));
        got
    })
}

#[track_caller]
fn refuses(bytes: &[u8], why: &str) {
    let error = take(bytes, "bin/tool").expect_err(why);
    assert!(error.contains(why), "`{why}` is not in: {error}");
}

fn targz(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    gzip(&tar_of(members))
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o755)
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in members {
        zip.start_file(*name, options()).unwrap();
        zip.write_all(body).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn places(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(what)).collect()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8], which: usize) -> Vec<u8> {
    let at = places(bytes, from)[which];
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn the_one_named_file_is_taken_out_of_both_kinds() {
    let others: [(&str, &[u8]); 2] = [("LICENSE", b"text"), ("bin/tool", BODY)];
    let tar = targz(&others.map(|(name, body)| (name, FILE_KIND, body)));
    for bytes in [tar, zip_of(&others), targz(&[("./bin/tool", FILE_KIND, BODY)])] {
        for name in ["bin/tool", "./bin/tool", "bin//tool", "././bin/./tool", "bin\\tool", "bin/tool/"] {
            assert_eq!(take(&bytes, name).unwrap(), BODY, "{name}");
        }
        for other in ["tool", "bin/TOOL"] {
            assert!(take(&bytes, other).unwrap_err().contains(&format!("does not contain {other}")));
        }
    }
    assert!(take(b"MZ no archive", "a").unwrap_err().contains("neither a .tar.gz nor a .zip"));
    assert!(take(b"", "a").unwrap_err().contains("neither a .tar.gz nor a .zip"));
}

#[test]
fn long_names_are_read_in_both_of_their_forms() {
    let long = format!("{}/tool", "d".repeat(150));
    let mut gnu = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(BODY.len() as u64);
    gnu.append_data(&mut header, &long, BODY).unwrap();
    let record = format!(" path={long}\n");
    let record = format!("{}{record}", record.len() + 3);
    let pax = tar_of(&[("x", EntryType::XHeader, record.as_bytes()), ("short", FILE_KIND, BODY)]);
    for tar in [gnu.into_inner().unwrap(), pax] {
        assert_eq!(take(&gzip(&tar), &long).unwrap(), BODY);
    }
}

#[test]
fn a_member_that_is_no_regular_file_is_refused() {
    for (kind, word) in [
        (EntryType::Symlink, "as a symbolic link"),
        (EntryType::Link, "as a hard link"),
        (EntryType::Directory, "as a folder"),
        (EntryType::Char, "as a device"),
        (EntryType::Block, "as a device"),
        (EntryType::Fifo, "as a pipe"),
        (EntryType::GNUSparse, "a file with holes"),
    ] {
        refuses(&targz(&[("bin/tool", kind, b"")]), word);
    }
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("bin/tool", "/etc/passwd", options()).unwrap();
    refuses(&link.finish().unwrap().into_inner(), "as a symbolic link");
    let mut folder = ZipWriter::new(Cursor::new(Vec::new()));
    folder.add_directory("bin/tool", options()).unwrap();
    refuses(&folder.finish().unwrap().into_inner(), "as a folder");
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    for second in ["bin/tool", "./bin/tool", "bin//tool", "BIN/Tool"] {
        refuses(&targz(&[("bin/tool", FILE_KIND, BODY), (second, FILE_KIND, b"other")]), "twice");
        refuses(&targz(&[(second, EntryType::Symlink, b""), ("bin/tool", FILE_KIND, BODY)]), "is refused");
    }
    refuses(&zip_of(&[("bin/tool", BODY), ("bin/TOOL", b"other")]), "twice");
    // The second name of the same length becomes that of the first, in both of its places.
    let bytes = zip_of(&[("bin/tool", BODY), ("bin/t00l", b"other")]);
    let bytes = replaced(&replaced(&bytes, b"bin/t00l", b"bin/tool", 0), b"bin/t00l", b"bin/tool", 0);
    refuses(&bytes, "two files with the same name");
}

#[test]
fn a_path_that_leads_out_is_refused_wherever_it_stands() {
    for (name, why) in [
        ("../evil", "leaves the archive"),
        ("a/../../evil", "leaves the archive"),
        ("/etc/evil", "absolute"),
        ("a\\..\\..\\evil", "leaves the archive"),
        ("C:\\evil", "absolute"),
    ] {
        refuses(&targz(&[("bin/tool", FILE_KIND, BODY), (name, FILE_KIND, b"x")]), why);
        // The writer mends names, so a name of the same length is changed after it.
        let harmless = "e".repeat(name.len());
        let bytes = zip_of(&[("bin/tool", BODY), (&harmless, b"x")]);
        let bytes = replaced(&bytes, harmless.as_bytes(), name.as_bytes(), 0);
        refuses(&replaced(&bytes, harmless.as_bytes(), name.as_bytes(), 0), why);
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 40 << 20];
    refuses(&targz(&[("bin/tool", FILE_KIND, &zeros)]), "times its size");
    // Also where it is not the file that is asked for.
    refuses(&targz(&[("other", FILE_KIND, &zeros), ("bin/tool", FILE_KIND, BODY)]), "times its size");
    refuses(&zip_of(&[("bin/tool", &zeros)]), "times its size");
    let header = |size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path("bin/tool").unwrap();
        header.set_size(size);
        header.set_cksum();
        gzip(header.as_bytes())
    };
    refuses(&header(FILE + 1), "more than 536870912");
    refuses(&header(u64::MAX), "is refused");
    let many = (0..=ENTRIES).map(|n| format!("f{n}")).collect::<Vec<_>>();
    let many: Vec<(&str, EntryType, &[u8])> =
        many.iter().map(|name| (&**name, FILE_KIND, &b""[..])).collect();
    refuses(&targz(&many), "more than 10000 entries");
    let bytes = zip_of(&[("bin/tool", BODY)]);
    let count = places(&bytes, b"PK\x05\x06")[0] + 10;
    refuses(&[&bytes[..count], &[0xff, 0xff], &bytes[count + 2..]].concat(), "more than 10000 entries");
    // A description that would be read into memory.
    let long = vec![b'a'; 70 << 10];
    refuses(&targz(&[("x", EntryType::GNULongName, &long), ("a", FILE_KIND, b"")]), "describes an entry");
}

#[test]
fn what_is_cut_or_goes_on_is_refused() {
    let whole = targz(&[("bin/tool", FILE_KIND, BODY)]);
    for length in 2..whole.len() {
        refuses(&whole[..length], "is refused");
    }
    refuses(&[&whole[..], b"more"].concat(), "continues after the end of the compressed data");
    refuses(&[&whole[..], &whole].concat(), "continues after the end of the compressed data");
    let tar = tar_of(&[("bin/tool", FILE_KIND, BODY)]);
    refuses(&gzip(&[&tar[..], b"more"].concat()), "continues after the end of its tar");
    refuses(&gzip(&tar[..1024]), "its tar has no end");
    let whole = zip_of(&[("bin/tool", BODY)]);
    for length in 4..whole.len() {
        refuses(&whole[..length], "is refused");
    }
    refuses(&[&whole[..], b"more"].concat(), "continues after its end");
    refuses(&[b"PK\x03\x04 before", &whole[..]].concat(), "is refused");
}

#[test]
fn a_zip_that_contradicts_itself_is_refused() {
    let bytes = zip_of(&[("bin/tool", BODY), ("LICENSE", b"text")]);
    // Another name before the file than in the list at the end.
    refuses(&replaced(&bytes, b"bin/tool", b"bin/evil", 0), "contradicts itself");
    refuses(&replaced(&bytes, b"bin/tool", b"bin/evil", 1), "contradicts itself");
    // Sizes that both lists agree on, and the bytes do not.
    let size = u32::try_from(BODY.len()).unwrap().to_le_bytes();
    for lie in [BODY.len() - 1, BODY.len() + 1] {
        let lie = u32::try_from(lie).unwrap().to_le_bytes();
        let at: Vec<usize> = [(&b"PK\x03\x04"[..], 22), (b"PK\x01\x02", 24)]
            .map(|(magic, offset)| places(&bytes, magic)[0] + offset)
            .to_vec();
        let mut lying = bytes.clone();
        for at in at {
            assert_eq!(lying[at..at + 4], size);
            lying[at..at + 4].copy_from_slice(&lie);
        }
        refuses(&lying, "is refused");
    }
    // The second entry lies where the first does.
    let second = places(&bytes, b"PK\x01\x02")[1] + 42;
    refuses(&[&bytes[..second], &[0; 4], &bytes[second + 4..]].concat(), "overlapping entries");
    // A file in front of the list that the list does not have.
    let hidden = zip_of(&[("bin/t00l", b"evil")]);
    let hidden = &hidden[..places(&hidden, b"PK\x01\x02")[0]];
    refuses(&[hidden, &bytes].concat(), "is refused");
}

#[test]
fn encrypted_and_oversized_forms_are_refused() {
    let bytes = zip_of(&[("bin/tool", BODY)]);
    let mut locked = bytes.clone();
    for (magic, offset) in [(&b"PK\x03\x04"[..], 6), (b"PK\x01\x02", 8)] {
        locked[places(&bytes, magic)[0] + offset] |= 1;
    }
    refuses(&locked, "encrypted");
    let end = bytes.len() - 22;
    let locator = [&b"PK\x06\x07"[..], &[0; 16]].concat();
    refuses(&[&bytes[..end], &locator, &bytes[end..]].concat(), "zip64");
}

/// As Go's writer leaves them: sizes only behind the file.
fn described() -> Vec<u8> {
    let mut zip = ZipWriter::new_stream(Vec::new());
    zip.start_file("bin/tool", options()).unwrap();
    zip.write_all(BODY).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_record_behind_the_file_has_to_fit() {
    let bytes = described();
    assert_eq!(take(&bytes, "bin/tool").unwrap(), BODY);
    let record = places(&bytes, b"PK\x07\x08")[0];
    for offset in 4..16 {
        let mut lying = bytes.clone();
        lying[record + offset] ^= 1;
        refuses(&lying, "is refused");
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let members: [(&str, &[u8]); 3] = [("LICENSE", b"text"), ("bin/tool", BODY), ("empty", b"")];
    vec![targz(&members.map(|(name, body)| (name, FILE_KIND, body))), zip_of(&members), described()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_packed_is_taken_out(
        names in prop::collection::btree_set("[a-z]{1,12}(/[a-z0-9][a-z0-9._-]{0,11}){0,3}[a-z]", 1..8),
        body in prop::collection::vec(any::<u8>(), 0..5000),
        which in any::<prop::sample::Index>(),
    ) {
        let wanted = names.iter().nth(which.index(names.len())).unwrap().clone();
        let content = |name: &String| if *name == wanted { body.clone() } else { name.clone().into_bytes() };
        let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), content(name))).collect();
        let tar: Vec<_> = files.iter().map(|(name, body)| (*name, FILE_KIND, body.as_slice())).collect();
        let zip: Vec<_> = files.iter().map(|(name, body)| (*name, body.as_slice())).collect();
        assert_eq!(take(&targz(&tar), &wanted).unwrap(), body);
        assert_eq!(take(&zip_of(&zip), &wanted).unwrap(), body);
    }

    #[test]
    fn a_changed_archive_gives_the_same_file_or_none(
        which in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        inside in any::<bool>(),
    ) {
        let mut bytes = corpus().swap_remove(which);
        if inside && which == 0 {
            // Changed before it was compressed: the checksum is right, and the file may be another.
            let mut tar = tar_of(&[("LICENSE", FILE_KIND, b"text"), ("bin/tool", FILE_KIND, BODY)]);
            for (at, byte) in &changes {
                let at = at.index(tar.len());
                tar[at] = *byte;
            }
            let _ = take(&gzip(&tar), "bin/tool");
            return Ok(());
        }
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Ok(got) = take(&bytes, "bin/tool") {
            assert_eq!(got, BODY);
        }
    }
}

/// What Windows' own packer leaves: names with backslashes.
#[test]
fn a_windows_name_is_found() {
    let bytes = zip_of(&[("bin_tool.exe", BODY)]);
    let bytes = replaced(&bytes, b"bin_tool", b"bin\\tool", 0);
    let bytes = replaced(&bytes, b"bin_tool", b"bin\\tool", 0);
    assert_eq!(take(&bytes, "bin/tool.exe").unwrap(), BODY);
}

#[test]
fn a_missing_folder_is_a_fault_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let from: PathBuf = dir.path().join("a");
    std::fs::write(&from, targz(&[("a", FILE_KIND, b"")])).unwrap();
    let error = extract_member(&from, "a", &dir.path().join("no/such"), 0o755).unwrap_err();
    assert!(error.what().contains("create a file in"), "{error}");
}
