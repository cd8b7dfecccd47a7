//! Extracts one named regular file from a .tar.gz or .zip; nothing else is written to disk. The archive is read
//! completely before the file gets its name, so a refused archive leaves nothing behind.

mod gzip;
mod names;
mod zip;

use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::{parent, place, sync_dir};
use names::Names;

/// The largest file that is taken out (bytes). The largest program that we know (minikube) has 0.15 GB.
const FILE: u64 = 512 << 20;
/// All that an archive may unpack to: a program, its licence, a shell completion or two.
const WHOLE: u64 = 1 << 30;
/// How much larger than the archive its content may be. Programs pack to a quarter; deflate can do 1:1032.
const RATIO: u64 = 100;
/// Below this the ratio does not count: a tar of one tiny file is mostly padding.
const SMALL: u64 = 16 << 20;
/// Release archives have fewer than a hundred entries.
const ENTRIES: u64 = 10_000;

enum Fault {
    /// What is wrong with the archive; completes "<archive> is refused: it …".
    Refused(String),
    /// A fault of this machine.
    Local(Error),
}

type Checked<T> = std::result::Result<T, Fault>;

fn refused<T>(why: impl Into<String>) -> Checked<T> {
    Err(Fault::Refused(why.into()))
}

fn damaged(error: impl std::fmt::Display) -> Fault {
    Fault::Refused(format!("is damaged: {error}"))
}

/// The sha256 and size of a file that was taken out.
type Digest = (String, u64);

/// Writes the regular file `member` of the .tar.gz or .zip `archive` to `to`; returns its sha256 and size.
///
/// Refused are a member that is no regular file or is there twice (also in another case), a path that leads out of a
/// folder, an archive that unpacks to too much, is damaged, cut, continues after its end or contradicts itself.
pub fn extract_member(archive: &Path, member: &str, to: &Path, mode: u32) -> Result<(String, u64)> {
    let opening = |e: std::io::Error| Error::io("open", archive, &e);
    let mut file = File::open(archive).map_err(opening)?;
    let size = file.metadata().map_err(opening)?.len();
    let dir = parent(to);
    let temp = tempfile::Builder::new().prefix(".unpacking-").tempfile_in(dir);
    let temp = temp.map_err(|e| Error::io("create a file in", dir, &e))?.into_temp_path();
    let target = Target { path: &temp, mode };
    let mut start = Vec::new();
    let read = file.by_ref().take(4).read_to_end(&mut start).and_then(|_| file.rewind());
    read.map_err(|e| Error::io("read", archive, &e))?;
    let file = BufReader::new(file);
    let found = Names::new(member).and_then(|mut names| match start.as_slice() {
        [0x1f, 0x8b, ..] => gzip::extract(file, size, &mut names, &target),
        // An entry, or the end of an archive without any.
        b"PK\x03\x04" | b"PK\x05\x06" => zip::extract(file, size, &mut names, &target),
        _ => refused("is neither a .tar.gz nor a .zip"),
    });
    match found {
        Ok(Some(digest)) => {
            temp.persist(to).map_err(|e| Error::io("rename into place", to, &e.error))?;
            sync_dir(to)?;
            Ok(digest)
        }
        Ok(None) => Err(Error::failed(format!("{} does not contain {member}", archive.display()))
            .help("todo-bootstrap tools list   # shows the available tools")),
        Err(Fault::Refused(why)) => {
            Err(Error::refused(format!("{} is refused: it {why}", archive.display())).help(
                "todo-bootstrap up   # downloads it again; if that file is refused as well, do not use it",
            ))
        }
        Err(Fault::Local(error)) => Err(error),
    }
}

/// Where the file is put until all of the archive was looked at.
struct Target<'a> {
    path: &'a Path,
    mode: u32,
}

impl Target<'_> {
    /// Extracts `size` bytes; fewer or more are an error of the archive.
    fn fill(&self, from: &mut dyn Read, size: u64) -> Checked<Digest> {
        if size > FILE {
            return refused(format!("declares a file size of {size} bytes, more than {FILE}"));
        }
        let mut watched = Watched { inner: from, fault: None };
        let placed = place(&mut watched, self.path, self.mode, FILE);
        if let Some(why) = watched.fault {
            return Err(damaged(why));
        }
        let (sha256, got) = placed.map_err(Fault::Local)?;
        if got != size {
            return refused(format!("declares a file size of {size} bytes, but contains {got}"));
        }
        Ok((sha256, got))
    }
}

/// Tells a failed read of the archive from a failed write.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    fault: Option<String>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| self.fault = Some(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
