//! Takes one named file out of a .tar.gz; nothing else of the archive touches the disk.

use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;

use super::place;
use crate::error::{Error, Result};

/// No program that we fetch comes near this.
const LIMIT: u64 = 512 << 20;

/// Writes the regular file `member` of `archive` to `to`; returns its sha256 and size. A member
/// that is a link, or is there twice, is refused: either is a sign of a forged archive.
pub fn extract_member(archive: &Path, member: &str, to: &Path, mode: u32) -> Result<(String, u64)> {
    let unreadable = |error: &std::io::Error| Error::io("read the archive", archive, error);
    let file = File::open(archive).map_err(|e| Error::io("open", archive, &e))?;
    let mut tar = tar::Archive::new(GzDecoder::new(file));
    let mut placed = None;
    for entry in tar.entries().map_err(|e| unreadable(&e))? {
        let mut entry = entry.map_err(|e| unreadable(&e))?;
        if entry.path_bytes().as_ref() != member.as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(forged(archive, member, "is no regular file in it"));
        }
        if placed.is_some() {
            // The first one is in place already: it must not stay.
            std::fs::remove_file(to).map_err(|e| Error::io("remove", to, &e))?;
            return Err(forged(archive, member, "is in it twice"));
        }
        placed = Some(place(&mut entry, to, mode, LIMIT)?);
    }
    placed.ok_or_else(|| Error::failed(format!("{} holds no {member}", archive.display())))
}

fn forged(archive: &Path, member: &str, why: &str) -> Error {
    Error::refused(format!("{} is refused: {member} {why}", archive.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn archive(dir: &Path, members: &[(&str, tar::EntryType)]) -> std::path::PathBuf {
        let path = dir.join("a.tar.gz");
        let gzip = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, kind) in members {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            let body: &[u8] = if kind.is_file() { b"abc" } else { b"" };
            header.set_size(body.len() as u64);
            if !kind.is_file() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            tar.append_data(&mut header, name, body).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    #[test]
    fn takes_the_one_named_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = tar::EntryType::Regular;
        let from = archive(dir.path(), &[("linux-amd64/LICENSE", file), ("linux-amd64/helm", file)]);
        let to = dir.path().join("helm");
        assert_eq!(extract_member(&from, "linux-amd64/helm", &to, 0o755).unwrap().1, 3);
        assert!(extract_member(&from, "helm", &to, 0o755).unwrap_err().what().contains("holds no helm"));
    }

    #[test]
    fn links_and_doubles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("helm");
        let link = archive(dir.path(), &[("helm", tar::EntryType::Symlink)]);
        assert!(extract_member(&link, "helm", &to, 0o755).is_err());
        let file = tar::EntryType::Regular;
        let twice = archive(dir.path(), &[("helm", file), ("helm", file)]);
        assert!(extract_member(&twice, "helm", &to, 0o755).is_err());
        assert!(!to.exists());
    }

    #[test]
    fn a_cut_archive_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let from = archive(dir.path(), &[("helm", tar::EntryType::Regular)]);
        let bytes = std::fs::read(&from).unwrap();
        std::fs::write(&from, &bytes[..bytes.len() / 2]).unwrap();
        let to = dir.path().join("helm");
        assert!(extract_member(&from, "helm", &to, 0o755).is_err());
        assert!(!to.exists());
    }
}
