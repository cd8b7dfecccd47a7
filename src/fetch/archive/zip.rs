//! A .zip: all records about the same thing must agree.

use std::io::{Read, Seek, SeekFrom};

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::names::{Names, shown};
use super::{Checked, Digest, ENTRIES, RATIO, SMALL, Target, WHOLE, damaged, refused};

/// The length of the last record, without a comment.
const END_LENGTH: usize = 22;
const END: u64 = END_LENGTH as u64;
/// The length of the record before it in a zip64.
const LOCATOR: u64 = 20;

/// `size` is that of the archive.
pub(super) fn extract<R: Read + Seek>(
    mut from: R,
    size: u64,
    names: &mut Names,
    target: &Target<'_>,
) -> Checked<Option<Digest>> {
    end(&mut from, size)?;
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, from).map_err(damaged)?;
    if zip.has_duplicate_names() {
        return refused("has two files with the same name");
    }
    if zip.has_overlapping_entries().map_err(damaged)? {
        return refused("has overlapping entries");
    }
    if let Err(error) = zip.validate_header_consistency() {
        return refused(format!("contradicts itself: {error}"));
    }
    let Some(index) = find(&zip, size, names)? else { return Ok(None) };
    let mut entry = zip.by_index(index).map_err(damaged)?;
    let (header, crc, sizes) = (entry.header_start(), entry.crc32(), [entry.compressed_size(), entry.size()]);
    let end = entry.data_start().and_then(|start| start.checked_add(sizes[0]));
    let placed = target.fill(&mut entry, sizes[1])?;
    drop(entry);
    is_told_again(&mut zip.into_inner(), header, end.unwrap_or(u64::MAX), crc, sizes)?;
    Ok(Some(placed))
}

/// Looks at the last record, before all that it promises is read into memory.
fn end<R: Read + Seek>(from: &mut R, size: u64) -> Checked<()> {
    let last = at(from, size.saturating_sub(END + LOCATOR), END + LOCATOR)?;
    from.rewind().map_err(damaged)?;
    let (before, end) = last.split_at(last.len().saturating_sub(END_LENGTH));
    let [b'P', b'K', 5, 6, _, _, _, _, _, _, low, high, .., 0, 0] = end else {
        return refused("is cut, or continues after its end");
    };
    // A second record with the number and position of the entries, needed above 4 GB only.
    if before.starts_with(b"PK\x06\x07") {
        return refused("is a zip64, which only archives larger than any release need");
    }
    if u64::from(u16::from_le_bytes([*low, *high])) > ENTRIES {
        return refused(format!("has more than {ENTRIES} entries"));
    }
    Ok(())
}

/// The wanted file's place; every entry is looked at.
fn find<R: Read + Seek>(zip: &ZipArchive<R>, packed: u64, names: &mut Names) -> Checked<Option<usize>> {
    let mut found = None;
    let mut whole: u64 = 0;
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index).map_err(damaged)?;
        let name = entry.name_raw();
        if entry.encrypted() {
            return refused(format!("has an encrypted file, {}", shown(name)));
        }
        whole = whole.saturating_add(entry.size());
        if whole > WHOLE {
            return refused(format!("unpacks to more than {WHOLE} bytes"));
        }
        if whole > SMALL && whole / RATIO > packed {
            return refused(format!("unpacks to more than {RATIO} times its size, {packed} bytes"));
        }
        if !names.is_wanted(name)? {
            continue;
        }
        if let Some(word) = irregular(entry.is_dir(), entry.unix_mode()) {
            return refused(format!("has {} as {word}, not as a regular file", shown(name)));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return refused(format!("uses an unsupported compression for {}", shown(name)));
        }
        found = Some(index);
    }
    Ok(found)
}

/// A writer that cannot go back tells checksum and sizes (packed and unpacked) behind the bytes, which `end`
/// there: they have to be those of the list at the end of the archive.
fn is_told_again<R: Read + Seek>(
    from: &mut R,
    header: u64,
    end: u64,
    crc: u32,
    sizes: [u64; 2],
) -> Checked<()> {
    const DESCRIPTOR: u8 = 1 << 3;
    let flags = at(from, header + 6, 2)?;
    if flags.first().is_none_or(|flags| flags & DESCRIPTOR == 0) {
        return Ok(());
    }
    let record = at(from, end, 24)?;
    let record = record.strip_prefix(b"PK\x07\x08").unwrap_or(&record);
    let long = sizes.map(u64::to_le_bytes).concat();
    let short = [&long[..4], &long[8..12]].concat();
    // Which of both forms it is in is not told anywhere.
    let same =
        [short, long].iter().any(|sizes| record.starts_with(&[&crc.to_le_bytes()[..], sizes].concat()));
    if same { Ok(()) } else { refused("contradicts itself: the record after the file does not match it") }
}

/// Up to `length` bytes from `start` on.
fn at<R: Read + Seek>(from: &mut R, start: u64, length: u64) -> Checked<Vec<u8>> {
    let mut bytes = Vec::new();
    from.seek(SeekFrom::Start(start)).map_err(damaged)?;
    from.take(length).read_to_end(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn irregular(folder: bool, mode: Option<u32>) -> Option<&'static str> {
    const KIND: u32 = 0o170_000;
    if folder {
        return Some("a folder");
    }
    match mode.unwrap_or_default() & KIND {
        // Not every system says what it is.
        0 | 0o100_000 => None,
        0o120_000 => Some("a symbolic link"),
        0o040_000 => Some("a folder"),
        0o020_000 | 0o060_000 => Some("a device"),
        0o010_000 => Some("a pipe"),
        _ => Some("a special file"),
    }
}
