//! A folder of data (a chart) as one file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::layout::{END, append, zeros};
use crate::error::{Error, Result};

/// Writes all regular files below `from` to the tar `to`, by name; links are followed, as whoever
/// uses the folder does. The same files give the same bytes.
pub fn pack(from: &Path, to: &Path) -> Result<()> {
    let mut names = Vec::new();
    list(from, "", &mut names)?;
    names.sort();
    let writing = |e: std::io::Error| Error::io("write", to, &e);
    let mut out = BufWriter::new(File::create(to).map_err(writing)?);
    for name in names {
        let path = from.join(&name);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?;
        append(&mut out, &name, 0o644, bytes.len() as u64, &mut &bytes[..])?.map_err(writing)?;
    }
    zeros(&mut out, END).and_then(|()| out.flush()).map_err(writing)
}

fn list(dir: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io("list", dir, &e))? {
        let path = entry.map_err(|e| Error::io("list", dir, &e))?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            list(&path, &format!("{name}/"), names)?;
        } else if path.is_file() {
            names.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::pack;

    #[test]
    fn order_and_times_of_files_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let mut forms = Vec::new();
        for (folder, names) in [("a", ["x", "sub/y"]), ("b", ["sub/y", "x"])] {
            let from = dir.path().join(folder);
            std::fs::create_dir_all(from.join("sub")).unwrap();
            for name in names {
                std::fs::write(from.join(name), name).unwrap();
            }
            let to = dir.path().join(format!("{folder}.tar"));
            pack(&from, &to).unwrap();
            forms.push(std::fs::read(to).unwrap());
        }
        assert_eq!(forms[0], forms[1]);
    }
}
