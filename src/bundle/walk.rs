//! Reads a bundle's tar from its first byte to its last; every byte is known in advance or hashed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use tar::Header;

use super::MANIFEST;
use super::layout::{BLOCK, END, Part, head, padding, parts, sums, sums_part};
use super::manifest::{Entry, MANIFEST_LIMIT, Manifest};
use crate::error::{Error, Result};
use crate::files::{place, sha256, sha256_stream};
use crate::task::Task;

/// More faults than this say nothing that the first ones do not.
const FAULTS: usize = 50;

pub(super) enum Sink<'a> {
    Folder(&'a Path),
    /// They are only hashed; the small ones of this kind are kept, by the files' names.
    Kind(&'a str, &'a mut BTreeMap<String, Vec<u8>>),
}

pub(super) type Walked = (Manifest, String);

/// Reads all of the tar; `Err` holds every fault, each with the file and the bytes of the tar.
pub(super) fn walk(
    task: &Task<'_>,
    path: &Path,
    sink: &mut Sink<'_>,
) -> Result<std::result::Result<Walked, Vec<String>>> {
    let file = File::open(path).map_err(|e| Error::io("open the bundle", path, &e))?;
    let size = file.metadata().map_err(|e| Error::io("inspect", path, &e))?.len();
    let from = BufReader::with_capacity(1 << 20, file);
    let mut tar = Tar { from, path, at: 0, size, faults: Vec::new() };
    let walked = tar.walk(task, sink)?;
    Ok(match walked {
        Some(walked) if tar.faults.is_empty() => Ok(walked),
        _ => Err(tar.faults),
    })
}

struct Tar<'a> {
    from: BufReader<File>,
    path: &'a Path,
    at: u64,
    size: u64,
    faults: Vec<String>,
}

impl Tar<'_> {
    /// `None` if it makes no sense to read on; why is among the faults.
    fn walk(&mut self, task: &Task<'_>, sink: &mut Sink<'_>) -> Result<Option<Walked>> {
        let Some(bytes) = self.manifest()? else { return Ok(None) };
        let digest = sums(&bytes);
        let part = sums_part(&digest);
        self.header(&part, &[])?;
        let from = self.at;
        let said = self.bytes(part.size)?;
        if said != digest {
            self.fault(format!(
                "{MANIFEST} does not match {}: one of them was changed",
                span(part.name, from, self.at)
            ));
        }
        self.zeros(part.name, padding(part.size))?;
        let manifest = match Manifest::parse(&bytes) {
            Ok(manifest) => manifest,
            Err(why) => {
                self.fault(format!("{MANIFEST}: {why}"));
                return Ok(None);
            }
        };
        let parts = parts(&manifest);
        let total = parts.iter().map(|part| part.size).sum();
        let mut done = 0;
        for (index, part) in parts.iter().enumerate() {
            task.check()?;
            let name = part.entry.map_or(part.name, |entry| &entry.name);
            task.progress(Some(done), Some(total), format!("verify {name}"));
            if self.at >= self.size {
                self.fault(format!("{}: it is missing, the tar ends before it", part.name));
                continue;
            }
            if self.header(part, &parts[index + 1..])? {
                self.content(part, sink)?;
            }
            done += part.size;
        }
        self.end()?;
        Ok(Some((manifest, sha256(&bytes))))
    }

    /// The manifest's bytes; its header is the only one whose size is not known beforehand.
    fn manifest(&mut self) -> Result<Option<Vec<u8>>> {
        let bytes = self.bytes(BLOCK)?;
        let Some((name, size)) = described(&bytes).filter(|(_, size)| *size <= MANIFEST_LIMIT) else {
            self.fault(format!("{}: it does not begin with a file header", span(MANIFEST, 0, BLOCK)));
            return Ok(None);
        };
        if name != MANIFEST {
            self.fault(format!("its first file is {name} instead of {MANIFEST}"));
            return Ok(None);
        }
        self.differs(MANIFEST, "header", &bytes, &head(MANIFEST, 0o644, size)?, 0);
        let manifest = self.bytes(size)?;
        self.zeros(MANIFEST, padding(size))?;
        Ok(Some(manifest))
    }

    /// Reads the header of `part`; false if that of one of `later` stands in its place. Any other is passed over.
    fn header(&mut self, part: &Part<'_>, later: &[Part<'_>]) -> Result<bool> {
        let wanted = head(part.name, part.mode, part.size)?;
        loop {
            let from = self.at;
            let bytes = self.bytes(wanted.len() as u64)?;
            if bytes == wanted {
                return Ok(true);
            }
            let other = described(bytes.get(..512).unwrap_or_default()).filter(|(name, _)| name != part.name);
            match other {
                Some((name, _)) if later.iter().any(|part| part.name == name) => {
                    self.fault(format!("{}: it is missing", part.name));
                    self.seek(from)?;
                    return Ok(false);
                }
                Some((name, size)) if size <= self.size => {
                    let to = from + BLOCK + size + padding(size);
                    self.fault(format!("{}: it is not in the manifest", span(&name, from, to)));
                    self.seek(to)?;
                }
                _ => {
                    self.differs(part.name, "header", &bytes, &wanted, from);
                    return Ok(true);
                }
            }
            if self.at >= self.size {
                self.fault(format!("{}: it is missing", part.name));
                return Ok(false);
            }
        }
    }

    fn content(&mut self, part: &Part<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let from = self.at;
        let left = self.size.saturating_sub(from);
        let Some(entry) = part.entry.filter(|_| left >= part.size) else {
            self.fault(format!("{}: it is truncated, {left} bytes of {}", part.name, part.size));
            return self.seek(self.size);
        };
        let got = self.take(entry, sink)?;
        self.at += part.size;
        if got != entry.sha256 {
            let place = span(part.name, from, self.at);
            self.fault(format!("{place}: its sha256 is {got}, which does not match the manifest"));
        }
        self.zeros(part.name, padding(part.size))
    }

    /// Hands the entry's bytes to the sink and returns their sha256.
    fn take(&mut self, entry: &Entry, sink: &mut Sink<'_>) -> Result<String> {
        let mut from = (&mut self.from).take(entry.size);
        match sink {
            Sink::Folder(dir) => {
                Ok(place(&mut from, &dir.join(&entry.file), super::layout::mode(entry), entry.size)?.0)
            }
            Sink::Kind(kind, kept) if entry.kind == **kind && entry.size <= MANIFEST_LIMIT => {
                let mut bytes = Vec::new();
                from.read_to_end(&mut bytes).map_err(|e| Error::io("read", self.path, &e))?;
                let digest = sha256(&bytes);
                kept.insert(entry.file.clone(), bytes);
                Ok(digest)
            }
            Sink::Kind(..) => Ok(sha256_stream(from).map_err(|e| Error::io("read", self.path, &e))?.0),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.zeros("the end of the tar", END)?;
        if self.at < self.size {
            let rest = self.size - self.at;
            self.fault(format!("{rest} bytes follow the end of the tar, from byte {} on", self.at));
        }
        Ok(())
    }

    fn zeros(&mut self, what: &str, count: u64) -> Result<()> {
        let from = self.at;
        let bytes = self.bytes(count)?;
        self.differs(what, "padding", &bytes, &vec![0; usize::try_from(count).unwrap_or_default()], from);
        Ok(())
    }

    /// The next bytes, as far as there are any; `count` is small.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(count).read_to_end(&mut bytes);
        self.at += read.map_err(|e| Error::io("read", self.path, &e))? as u64;
        Ok(bytes)
    }

    fn seek(&mut self, to: u64) -> Result<()> {
        self.at = to.min(self.size);
        self.from.seek(SeekFrom::Start(self.at)).map(drop).map_err(|e| Error::io("read", self.path, &e))
    }

    fn differs(&mut self, file: &str, what: &str, got: &[u8], wanted: &[u8], from: u64) {
        if got.len() < wanted.len() {
            let end = from + got.len() as u64;
            self.fault(format!("{file}: the tar is truncated at byte {end}, within its {what}"));
        } else if let Some(first) = got.iter().zip(wanted).position(|(a, b)| a != b) {
            let last = got.iter().zip(wanted).rposition(|(a, b)| a != b).unwrap_or(first);
            let (first, last) = (from + first as u64, from + last as u64);
            self.fault(format!(
                "{}: its {what} differs from what `bundle create` writes",
                span(file, first, last + 1)
            ));
        }
    }

    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS {
            self.faults.push(text);
        }
    }
}

/// A file and the bytes of the tar.
fn span(file: &str, from: u64, to: u64) -> String {
    if to == from + 1 {
        format!("{file} (byte {from} of the tar)")
    } else {
        format!("{file} (bytes {from}-{} of the tar)", to.saturating_sub(1))
    }
}

/// Name and size in a header whose checksum is right.
fn described(block: &[u8]) -> Option<(String, u64)> {
    let bytes: &[u8; 512] = block.try_into().ok()?;
    let header = Header::from_byte_slice(bytes);
    let sum: u32 = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    (header.cksum().ok()? == sum).then_some(())?;
    let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
    Some((name, header.entry_size().ok()?))
}
