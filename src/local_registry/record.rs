//! The record of the registry, `<cache>/registry.json`, written before the registry is created.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// The first port that is tried. `AirPlay` uses 5000 on macOS.
const PORT: u16 = 5001;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: u32,
    /// A random id. Container and volume have it as a label; without it they are not ours.
    pub(super) instance: String,
    /// On 127.0.0.1.
    pub(super) port: u16,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { schema: 1, instance: uuid::Uuid::new_v4().to_string(), port: PORT }
    }

    pub(super) fn file(cache: &Path) -> PathBuf {
        cache.join("registry.json")
    }

    /// `None` if there is none. A damaged record is an error, because a container of ours may exist.
    pub(super) fn load(cache: &Path) -> Result<Option<Self>> {
        let file = Self::file(cache);
        let Some(text) = files::read(&file)? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Error::failed(format!("{} is damaged", file.display()))
                .because(error)
                .help(format!("rm {}", file.display()))
        })
    }

    pub(super) fn save(&self, cache: &Path) -> Result<()> {
        files::write_json(&Self::file(cache), self)
    }

    /// The name of container and volume, and the host name in the clusters' networks.
    pub(super) fn name(&self) -> String {
        let short = self.instance.get(..8).unwrap_or(&self.instance);
        format!("todo-bootstrap-registry-{short}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(dir.path()).unwrap(), None);
        let record = Record::new();
        record.save(dir.path()).unwrap();
        assert_eq!(Record::load(dir.path()).unwrap(), Some(record));
        std::fs::write(Record::file(dir.path()), "{").unwrap();
        assert!(Record::load(dir.path()).unwrap_err().to_string().contains("is damaged"));
    }
}
