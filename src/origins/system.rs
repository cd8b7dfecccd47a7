//! Tools of this machine that were accepted, with their hashes, so that a change is noticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Found;
use crate::error::{Error, Result};
use crate::files;

/// What was accepted, and when it was first seen so.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    pub path: PathBuf,
    pub version: String,
    pub sha256: String,
    pub size: u64,
}

/// `system-tools.json` in the state's folder, by tool.
#[derive(Debug)]
pub(super) struct SystemTools {
    file: PathBuf,
    turn: Mutex<()>,
}

impl SystemTools {
    pub(super) fn new(state: &Path) -> Self {
        Self { file: state.join("system-tools.json"), turn: Mutex::default() }
    }

    /// All accepted tools; none if the file does not exist.
    pub(super) fn load(&self) -> Result<BTreeMap<String, Accepted>> {
        let Some(text) = files::read(&self.file)? else { return Ok(BTreeMap::new()) };
        serde_json::from_slice(&text).map_err(|error| {
            Error::failed(format!("cannot parse the list of tools {}", self.file.display()))
                .because(error)
                .help(format!("move {} away; it will be recreated", self.file.display()))
        })
    }

    /// Whether this very file was accepted before.
    pub(super) fn knows(&self, found: &Found) -> bool {
        self.load().is_ok_and(|known| known.get(&found.name) == Some(&accepted(found)))
    }

    /// Records a tool; returns the previous record if the program at this path has changed.
    pub(super) fn record(&self, found: &Found) -> Result<Option<Accepted>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.load()?;
        let old = known.insert(found.name.clone(), accepted(found));
        if old == Some(accepted(found)) {
            return Ok(None);
        }
        files::write_json(&self.file, &known)?;
        Ok(old.filter(|old| old.path == found.path && old.sha256 != found.sha256))
    }
}

fn accepted(found: &Found) -> Accepted {
    let Found { path, version, sha256, size, .. } = found.clone();
    Accepted { path, version, sha256, size }
}
