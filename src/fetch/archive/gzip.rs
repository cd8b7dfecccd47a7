//! A .tar.gz, read once from start to end.

use std::io::{BufRead, Error as IoError, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use tar::{EntryType, PaxExtensions};

use super::names::{Names, shown};
use super::{Checked, Digest, RATIO, SMALL, Target, WHOLE, damaged, refused};

/// What describes an entry beforehand (a long name, attributes) is a path and some numbers.
const DESCRIPTION: u64 = 64 << 10;

/// `size` is that of the archive.
pub(super) fn extract<R: BufRead>(
    from: R,
    size: u64,
    names: &mut Names,
    target: &Target<'_>,
) -> Checked<Option<Digest>> {
    let bounded = Bounded { inner: GzDecoder::new(from), got: 0, packed: size, ended: false };
    let mut tar = tar::Archive::new(bounded);
    let found = entries(&mut tar, names, target)?;
    let mut bounded = tar.into_inner();
    if bounded.ended {
        return refused("is cut: its tar has no end");
    }
    // To the end, because the checksum follows the data.
    let mut buffer = [0; 8 << 10];
    loop {
        match bounded.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) if buffer[..count].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return refused("continues after the end of its tar"),
            Err(error) => return Err(damaged(error)),
        }
    }
    let mut rest = bounded.inner.into_inner();
    match rest.fill_buf() {
        Ok([]) => Ok(found),
        Ok(_) => refused("continues after the end of the compressed data"),
        Err(error) => Err(damaged(error)),
    }
}

#[derive(Default)]
struct Told {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

fn entries<R: Read>(
    tar: &mut tar::Archive<R>,
    names: &mut Names,
    target: &Target<'_>,
) -> Checked<Option<Digest>> {
    let mut found = None;
    let mut told = Told::default();
    // Raw: what describes an entry would otherwise be read into memory, however long it is.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if describe(kind, &mut entry, &mut told)? {
            continue;
        }
        let Told { name, size } = std::mem::take(&mut told);
        let name = name.unwrap_or_else(|| entry.path_bytes().into_owned());
        if size.is_some_and(|size| size != entry.size()) {
            return refused(format!("gives two sizes of {}", shown(&name)));
        }
        if kind == EntryType::GNUSparse {
            return refused(format!("has a file with holes, {}", shown(&name)));
        }
        if names.is_wanted(&name)? {
            if let Some(word) = irregular(kind, &name) {
                return refused(format!("has {} as {word}, not as a regular file", shown(&name)));
            }
            let size = entry.size();
            found = Some(target.fill(&mut entry, size)?);
        }
    }
    Ok(found)
}

/// Reads an entry that describes the next one; `false` if it is an ordinary entry.
fn describe<R: Read>(kind: EntryType, entry: &mut tar::Entry<'_, R>, told: &mut Told) -> Checked<bool> {
    let describes = matches!(
        kind,
        EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
    );
    if !describes {
        return Ok(false);
    }
    if entry.size() > DESCRIPTION {
        return refused(format!("describes an entry in more than {DESCRIPTION} bytes"));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(damaged)?;
    match kind {
        EntryType::GNULongName => {
            let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            text.truncate(end);
            if told.name.replace(text).is_some() {
                return refused("gives an entry two names");
            }
        }
        EntryType::XHeader => attributes(&text, told)?,
        EntryType::XGlobalHeader => {
            let mut all = Told::default();
            attributes(&text, &mut all)?;
            if all.name.is_some() || all.size.is_some() {
                return refused("gives all its entries the same name or size");
            }
        }
        _ => {}
    }
    Ok(true)
}

fn attributes(text: &[u8], told: &mut Told) -> Checked<()> {
    for attribute in PaxExtensions::new(text) {
        let attribute = attribute.map_err(damaged)?;
        let value = attribute.value_bytes();
        match attribute.key_bytes() {
            b"path" if told.name.replace(value.to_vec()).is_some() => {
                return refused("gives an entry two names");
            }
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                let Some(size) = size else { return refused("gives a size that is not a number") };
                if told.size.replace(size).is_some() {
                    return refused("gives two sizes of an entry");
                }
            }
            key if key.starts_with(b"GNU.sparse.") => return refused("has a file with holes"),
            _ => {}
        }
    }
    Ok(())
}

fn irregular(kind: EntryType, name: &[u8]) -> Option<&'static str> {
    Some(match kind {
        // In the oldest tar format, only the name shows it.
        EntryType::Regular if name.ends_with(b"/") => "a folder",
        EntryType::Regular => return None,
        EntryType::Directory => "a folder",
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        _ => "a special file",
    })
}

/// Fails if an archive unpacks to too much.
struct Bounded<R> {
    inner: R,
    got: u64,
    packed: u64,
    ended: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.got += count as u64;
        self.ended |= count == 0 && !buffer.is_empty();
        let (got, packed) = (self.got, self.packed);
        let bomb = |why: String| Err(IoError::new(ErrorKind::InvalidData, why));
        if got > WHOLE {
            return bomb(format!("it unpacks to more than {WHOLE} bytes"));
        }
        if got > SMALL && got / RATIO > packed {
            return bomb(format!("it unpacks to more than {RATIO} times its size, {packed} bytes"));
        }
        Ok(count)
    }
}
