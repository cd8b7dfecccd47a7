//! A folder of data (a chart) as one file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::layout::{END, append, zeros};
use crate::error::{Error, Result};
use crate::files::tree;

/// Writes all regular files below `from`, links followed, to the tar `to`; the same files give the same bytes.
pub fn pack(from: &Path, to: &Path) -> Result<()> {
    let writing = |e: std::io::Error| Error::io("write", to, &e);
    let mut out = BufWriter::new(File::create(to).map_err(writing)?);
    let mut files = tree(from, true).collect::<Result<Vec<_>>>()?;
    files.retain(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(from).unwrap_or(path).to_string_lossy().into_owned();
    files.sort_by_key(|entry| name(entry.path()));
    for entry in files {
        let path = entry.path();
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
        append(&mut out, &name(path), 0o644, bytes.len() as u64, &mut &bytes[..])?.map_err(writing)?;
    }
    zeros(&mut out, END).and_then(|()| out.flush()).map_err(writing)
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
