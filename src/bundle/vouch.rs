//! Which bundles this machine made: for those nobody else's word is needed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// What is kept of a bundle that was made here, `<state>/bundles/<sha256 of its manifest>.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Where it was written to, for whoever reads this.
    path: PathBuf,
}

fn file(state: &Path, sha256: &str) -> PathBuf {
    state.join("bundles").join(format!("{sha256}.json"))
}

/// Notes that this machine made the bundle whose manifest has this digest.
pub fn vouch(state: &Path, sha256: &str, path: &Path) -> Result<()> {
    let file = file(state, sha256);
    let dir = file.parent().unwrap_or(state);
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, &e))?;
    let record = serde_json::to_vec_pretty(&Record { path: path.to_owned() });
    let record = record.map_err(|e| Error::failed("cannot write the record of a bundle").because(e))?;
    write_atomic(&file, &record, 0o600)
}

/// Whether this machine made it. `sha256` has to be the digest of a manifest that was read.
pub fn is_vouched(state: &Path, sha256: &str) -> bool {
    let record = std::fs::read(file(state, sha256)).unwrap_or_default();
    serde_json::from_slice::<Record>(&record).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_here_is_vouched_for() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        vouch(dir.path(), &one, Path::new("/bundle.tar")).unwrap();
        assert!(is_vouched(dir.path(), &one) && !is_vouched(dir.path(), &two));
        std::fs::write(file(dir.path(), &two), "no record").unwrap();
        assert!(!is_vouched(dir.path(), &two));
    }
}
