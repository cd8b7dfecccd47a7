//! Trust records: the bundles that this machine created need no further proof of their origin.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::Result;
use crate::files::write_json;

/// The trust record of a bundle that was created here: where it was written to.
fn file(state: &Path, sha256: &str) -> PathBuf {
    state.join("bundles").join(format!("{sha256}.json"))
}

pub fn record(state: &Path, sha256: &str, path: &Path) -> Result<()> {
    write_json(&file(state, sha256), &json!({ "path": path }))
}

/// Whether this machine created it. `sha256` has to be the digest of a manifest that was read.
pub fn is_recorded(state: &Path, sha256: &str) -> bool {
    let record = std::fs::read(file(state, sha256)).unwrap_or_default();
    serde_json::from_slice::<Value>(&record).is_ok_and(|record| record["path"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bundles_created_here_are_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        record(dir.path(), &one, Path::new("/bundle.tar")).unwrap();
        assert!(is_recorded(dir.path(), &one) && !is_recorded(dir.path(), &two));
        std::fs::write(file(dir.path(), &two), "no record").unwrap();
        assert!(!is_recorded(dir.path(), &two));
    }
}
