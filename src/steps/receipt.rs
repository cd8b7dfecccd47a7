//! What we created and must undo, written before it is needed and read by `down`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{ProviderKind, Target};
use crate::error::{Error, Result};
use crate::files::write_atomic;

/// What one cluster consists of. Old receipts keep parsing: new fields have defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub schema: u32,
    /// A random id that also stands in the cluster; it proves that the cluster is ours.
    pub instance: String,
    pub cluster: String,
    pub provider: ProviderKind,
    pub profile: String,
    /// Host ports of the ingress controller, once chosen.
    #[serde(default)]
    pub http_port: Option<u16>,
    #[serde(default)]
    pub https_port: Option<u16>,
    #[serde(default)]
    pub cpus: Option<u32>,
    /// Bytes.
    #[serde(default)]
    pub memory: Option<u64>,
    /// The application's preset, which stays as long as the cluster does.
    #[serde(default)]
    pub preset: Option<String>,
    /// What the application's images are built for; `prod` in receipts that do not say it.
    #[serde(default)]
    pub target: Option<Target>,
    /// True once the cluster was seen whole; false means that making it was cut off.
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub node_image: Option<String>,
    /// The application's directory, so that `status` and `check` know it without `--dir`.
    #[serde(default)]
    pub application: Option<std::path::PathBuf>,
    /// Kubeconfigs of the user that have entries of ours.
    #[serde(default)]
    pub kubeconfigs: Vec<super::KubeconfigMerge>,
}

impl Receipt {
    pub const FILE: &str = "receipt.json";

    /// Whether a cluster was begun: its size is written down before it is made.
    pub fn began(&self) -> bool {
        self.complete || self.cpus.is_some()
    }

    pub fn new(cluster: &str, provider: ProviderKind, profile: &str) -> Self {
        Self {
            schema: 1,
            instance: uuid::Uuid::new_v4().to_string(),
            cluster: cluster.to_owned(),
            provider,
            profile: profile.to_owned(),
            http_port: None,
            https_port: None,
            cpus: None,
            memory: None,
            preset: None,
            target: None,
            complete: false,
            node_image: None,
            application: None,
            kubeconfigs: Vec::new(),
        }
    }

    /// The receipt in `dir`; `None` where there is none.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        load(&dir.join(Self::FILE))
    }

    pub fn save(&self, dir: &Path) -> Result<()> {
        save(&dir.join(Self::FILE), self)
    }
}

/// What we changed on the machine, for all clusters together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReceipt {
    pub schema: u32,
    /// Packages, other than the engine's, that were not there before.
    #[serde(default)]
    pub packages: Vec<String>,
    /// The engine's daemon that we started, with its start time (seconds since the epoch).
    #[serde(default)]
    pub engine_pid: Option<(u32, u64)>,
    /// Lines that we wrote to a hosts file.
    #[serde(default)]
    pub hosts_entries: Vec<super::HostsEntry>,
}

impl HostReceipt {
    const FILE: &str = "host.json";

    pub fn load(state: &Path) -> Result<Self> {
        Ok(load(&state.join(Self::FILE))?.unwrap_or_else(|| Self { schema: 1, ..Self::default() }))
    }

    pub fn save(&self, state: &Path) -> Result<()> {
        std::fs::create_dir_all(state).map_err(|e| Error::io("create", state, &e))?;
        save(&state.join(Self::FILE), self)
    }
}

fn load<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, &error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Error::failed(format!("cannot parse the receipt {}", path.display()))
            .because(error)
            .help(format!("move {} away, then: todo-bootstrap doctor", path.display()))
    })
}

fn save<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::failed(format!("cannot write {}", path.display())).because(error))?;
    text.push(b'\n');
    write_atomic(path, &text, 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_receipts_still_parse() {
        let old = r#"{"schema":1,"instance":"i","cluster":"c","provider":"kind","profile":"kind"}"#;
        let receipt: Receipt = serde_json::from_str(old).unwrap();
        assert!(!receipt.complete && receipt.application.is_none() && receipt.preset.is_none());
        assert!(receipt.kubeconfigs.is_empty() && !receipt.began());
        assert!(receipt.target.is_none());
    }

    #[test]
    fn is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Receipt::load(dir.path()).unwrap(), None);
        let receipt = Receipt::new("c", ProviderKind::Kind, "kind");
        receipt.save(dir.path()).unwrap();
        assert_eq!(Receipt::load(dir.path()).unwrap(), Some(receipt));
    }
}
