//! The files of a release, in the layout that `install.sh` reads; the tests of it pack with this too.
//!
//! `OUT/download/v<version>/todo-bootstrap-<version>-<target>.tar.gz`, with `SHA256SUMS` and the
//! installers beside it, and `OUT/latest/download/` with all but the archives. Both are paths below
//! `https://github.com/<owner>/<repository>/releases`; anything that serves `OUT` will do as well.

use std::fs;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use todo_bootstrap::files::sha256;

pub(crate) const NAME: &str = "todo-bootstrap";

/// What a release has beside its archives, from the checkout.
const INSTALLERS: [&str; 2] = ["install.sh", "install.ps1"];

/// Packs one target's program, and writes the digests of all that is in the version's folder.
pub(crate) fn pack(
    checkout: &Path,
    program: &Path,
    version: &str,
    target: &str,
    out: &Path,
) -> Result<PathBuf, String> {
    let folder = out.join("download").join(format!("v{version}"));
    let latest = out.join("latest/download");
    for dir in [&folder, &latest] {
        fs::create_dir_all(dir).map_err(|e| wrong("create", dir, &e))?;
    }
    let stem = format!("{NAME}-{version}-{target}");
    let exe = if target.contains("windows") { ".exe" } else { "" };
    let members = [
        (format!("{stem}/LICENSE"), 0o644, read(&checkout.join("LICENSE"))?),
        (format!("{stem}/{NAME}{exe}"), 0o755, read(program)?),
    ];
    let path = folder.join(format!("{stem}.tar.gz"));
    let bytes = archive(&members).map_err(|e| wrong("pack", program, &e))?;
    write(&path, &bytes)?;
    for installer in INSTALLERS {
        write(&folder.join(installer), &read(&checkout.join(installer))?)?;
    }
    let sums = sums(&folder)?;
    for dir in [&folder, &latest] {
        write(&dir.join("SHA256SUMS"), sums.as_bytes())?;
    }
    for installer in INSTALLERS {
        write(&latest.join(installer), &read(&folder.join(installer))?)?;
    }
    Ok(path)
}

/// A tar.gz that tells nothing but its members: no time, no user, no name of the machine.
fn archive(members: &[(String, u32, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    // 255: the system that it was made on is unknown.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (name, mode, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    tar.into_inner()?.finish()
}

/// `SHA256SUMS` of a folder, sorted by name; `sha256sum -c` reads it.
pub(crate) fn sums(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|e| wrong("list", folder, &e))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "SHA256SUMS");
    names.sort();
    let mut text = String::new();
    for name in names {
        let digest = sha256(&read(&folder.join(&name))?);
        text.push_str(&format!("{digest}  {name}\n"));
    }
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| wrong("read", path, &e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|e| wrong("write", path, &e))
}

fn wrong(verb: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {verb} {}: {error}", path.display())
}
