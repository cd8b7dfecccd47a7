//! The files of a release, in the layout that `install.sh` expects; its tests use this too.
//!
//! `OUT/download/v<version>/todo-bootstrap-<version>-<target>.tar.gz`, with `SHA256SUMS` and the
//! installers next to it, and `OUT/latest/download/` with everything except the archives. Both are paths below
//! `https://github.com/<owner>/<repository>/releases`; any server of `OUT` can replace that.

use std::fs;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use todo_bootstrap::files::sha256;

pub(crate) const NAME: &str = "todo-bootstrap";

/// Files of the checkout that a release contains in addition to its archives, and for each the line that
/// sets the web page of the repository: without it, and with it.
const INSTALLERS: [(&str, &str, &str); 2] =
    [("install.sh", "\npage=\n", "\npage=PAGE\n"), ("install.ps1", "$page = ''\n", "$page = 'PAGE'\n")];

/// Packs the program for one target, and writes the digests of all files in the version's directory. The
/// installers download from `page`/releases, where `page` is `https://github.com/<owner>/<repository>`.
pub(crate) fn pack(
    checkout: &Path,
    program: &Path,
    version: &str,
    target: &str,
    page: Option<&str>,
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
    for (installer, unset, set) in INSTALLERS {
        let text = fs::read_to_string(checkout.join(installer))
            .map_err(|e| wrong("read", &checkout.join(installer), &e))?;
        if !text.contains(unset) {
            return Err(format!("{installer} has no line that sets the page"));
        }
        let text = page.map_or(text.clone(), |page| text.replacen(unset, &set.replace("PAGE", page), 1));
        for dir in [&folder, &latest] {
            write(&dir.join(installer), text.as_bytes())?;
        }
    }
    let sums = sums(&folder)?;
    for dir in [&folder, &latest] {
        write(&dir.join("SHA256SUMS"), sums.as_bytes())?;
    }
    Ok(path)
}

/// A reproducible tar.gz, without time, user or machine name.
fn archive(members: &[(String, u32, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    // 255: unknown operating system.
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

/// The `SHA256SUMS` of a directory, sorted by name, in the format of `sha256sum -c`.
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
