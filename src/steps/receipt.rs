//! Receipts: the records of what steps created, from which `down` deletes it.
//!
//! Each cluster has a receipt, and the machine has one. Under `made`, each step that `down` reverts has its own
//! record, by the id of the step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClusterMade, EngineMade, HostsEntry, KubeconfigMerge};
use crate::cluster::Owner;
use crate::config::{Profile, ProviderKind};
use crate::deploy::ObjectRef;
use crate::engine::{Preference, SELECTION};
use crate::error::{Error, Result};
use crate::files;
use crate::process_env::ProcessEnv;

/// The format that this version writes.
const SCHEMA: u64 = 2;

/// The receipt of a cluster. New fields must have defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub schema: u64,
    /// A random id that is also stored in the cluster; it proves that the cluster is ours.
    pub instance: String,
    pub cluster: String,
    pub provider: ProviderKind,
    pub profile: String,
    /// The application's preset, which the cluster keeps.
    #[serde(default)]
    pub preset: Option<String>,
    /// The application's environment; its first one if it is missing.
    #[serde(default)]
    pub environment: Option<String>,
    /// The numbers of pods that `scale` set, by `namespace/service`.
    #[serde(default)]
    pub scaled: BTreeMap<String, u32>,
    /// The application's directory, so that `status` and `check` need no `--dir`.
    #[serde(default)]
    pub application: Option<PathBuf>,
    /// The backup that `restore` loads; set while copies of it may exist beside the data.
    #[serde(default)]
    pub restoring: Option<String>,
    /// The backup that a `down` made before it began to delete the cluster.
    #[serde(default)]
    pub saved: Option<String>,
    #[serde(default)]
    pub made: Made,
}

/// The records of the steps of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Made {
    pub cluster: ClusterMade,
    pub kubeconfig_entries: Vec<KubeconfigMerge>,
    /// The objects of the installed addons, by addon; `None` if an earlier version installed them.
    pub addons: Option<BTreeMap<String, Vec<ObjectRef>>>,
}

impl Receipt {
    pub const FILE: &str = "receipt.json";

    /// Whether the creation of the cluster began: its size is recorded before it is created.
    pub fn began(&self) -> bool {
        self.made.cluster.complete || self.made.cluster.cpus.is_some()
    }

    /// What identifies the cluster's objects in the engine; `state` is the directory of the installation's state.
    pub fn owner(&self, state: &Path) -> Owner {
        Owner { instance: self.instance.clone(), began: self.began(), state: state.to_owned() }
    }

    /// What selects the engine: first the one that has the cluster, or a part of it.
    pub fn preference(&self, profile: &Profile) -> Preference {
        let made_by = self.made.cluster.engine.clone().filter(|_| self.began());
        Preference { made_by, driver: profile.cluster.driver.clone() }
    }

    /// Like [`Receipt::preference`], but fails if the user selected another engine than the one that has the cluster.
    pub fn allowed_preference(&self, profile: &Profile, process_env: &ProcessEnv) -> Result<Preference> {
        let preference = self.preference(profile);
        let selected = process_env.var(SELECTION);
        match (&preference.made_by, selected) {
            (Some(made_by), Some(selected)) if made_by != selected => {
                let (name, own) = (&self.cluster, format!("{SELECTION}={made_by} todo-bootstrap"));
                let what = format!(
                    "cluster `{name}` was created with {made_by}, but {SELECTION} selects {selected}"
                );
                let down = format!("{own} down --profile {}   # deletes it with all its data", self.profile);
                Err(Error::refused(what).help(format!("{own} status")).help(down))
            }
            _ => Ok(preference),
        }
    }

    pub fn new(cluster: &str, provider: ProviderKind, profile: &str) -> Self {
        Self {
            schema: SCHEMA,
            instance: uuid::Uuid::new_v4().to_string(),
            cluster: cluster.to_owned(),
            provider,
            profile: profile.to_owned(),
            preset: None,
            environment: None,
            scaled: BTreeMap::new(),
            application: None,
            restoring: None,
            saved: None,
            made: Made::default(),
        }
    }

    /// The receipt in `dir`, if it exists.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        load(&dir.join(Self::FILE))
    }

    pub fn save(&self, dir: &Path) -> Result<()> {
        files::write_json(&dir.join(Self::FILE), self)
    }
}

/// The receipt of the machine, for all clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReceipt {
    pub schema: u64,
    #[serde(default)]
    pub made: HostMade,
}

/// The records of the steps that change the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct HostMade {
    pub engine: EngineMade,
    /// The packages that we installed, without those of the engine.
    pub build_tools: Vec<String>,
    pub hosts_entry: Vec<HostsEntry>,
}

impl HostReceipt {
    const FILE: &str = "host.json";

    /// Format 1 had what installing the engine made in a file of its own.
    const ENGINE_1: &str = "engine.json";

    pub fn load(state: &Path) -> Result<Self> {
        let found: Option<Self> = load(&state.join(Self::FILE))?;
        let mut receipt = found.unwrap_or_else(|| Self { schema: SCHEMA, made: HostMade::default() });
        if let Some(installed) = load(&state.join(Self::ENGINE_1))? {
            receipt.made.engine.installed = installed;
        }
        Ok(receipt)
    }

    pub fn save(&self, state: &Path) -> Result<()> {
        files::write_json(&state.join(Self::FILE), self)?;
        files::remove(&state.join(Self::ENGINE_1))
    }
}

fn load<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    let invalid = |error: serde_json::Error| {
        Error::failed(format!("cannot parse the receipt {}", path.display()))
            .because(error)
            .help(format!("mv {0} {0}.old   # then `todo-bootstrap doctor`", path.display()))
    };
    let mut receipt: Value = serde_json::from_slice(&text).map_err(invalid)?;
    match receipt.get("schema").and_then(Value::as_u64) {
        Some(newer) if newer > SCHEMA => {
            return Err(Error::usage(format!("a newer version of todo-bootstrap wrote {}", path.display()))
                .because(format!("its format is {newer}; this version knows up to {SCHEMA}"))
                .help("todo-bootstrap --version   # install the version that created the cluster, or a newer one"));
        }
        Some(1) => upgrade(&mut receipt),
        _ => {}
    }
    rename_target(&mut receipt);
    serde_json::from_value(receipt).map(Some).map_err(invalid)
}

/// Earlier versions recorded the target of the images, `prod` unless another one was asked for.
fn rename_target(receipt: &mut Value) {
    let Some(fields) = receipt.as_object_mut() else { return };
    if let Some(target) = fields.remove("target").filter(|target| target != "prod") {
        fields.entry("environment").or_insert(target);
    }
}

/// Converts format 1, in which all fields were on the top level, to format 2.
fn upgrade(receipt: &mut Value) {
    const MOVED: [(&str, &[&str]); 10] = [
        ("http_port", &["cluster", "http_port"]),
        ("https_port", &["cluster", "https_port"]),
        ("cpus", &["cluster", "cpus"]),
        ("memory", &["cluster", "memory"]),
        ("complete", &["cluster", "complete"]),
        ("node_image", &["cluster", "node_image"]),
        ("kubeconfigs", &["kubeconfig-entries"]),
        ("packages", &["build-tools"]),
        ("engine_pid", &["engine", "daemon"]),
        ("hosts_entries", &["hosts-entry"]),
    ];
    let Some(fields) = receipt.as_object_mut() else { return };
    let mut made = Map::new();
    for (old, path) in MOVED {
        match (fields.remove(old), path) {
            (Some(value), [step, field]) => {
                let record = made.entry(*step).or_insert_with(|| Value::Object(Map::new()));
                record[*field] = value;
            }
            (Some(value), [step]) => drop(made.insert((*step).to_owned(), value)),
            _ => {}
        }
    }
    fields.insert("made".to_owned(), Value::Object(made));
    fields.insert("schema".to_owned(), SCHEMA.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receipts of earlier versions: the first one, and the last of format 1.
    const FIRST: &str = r#"{"schema":1,"instance":"i","cluster":"c","provider":"kind","profile":"kind"}"#;
    const CLUSTER_1: &str = include_str!("receipt/cluster-1.json");
    const HOST_1: &str = include_str!("receipt/host-1.json");

    fn cluster(text: &str) -> Result<Receipt> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(Receipt::FILE), text).unwrap();
        Receipt::load(dir.path()).map(Option::unwrap)
    }

    #[test]
    fn the_first_receipt_still_parses() {
        let receipt = cluster(FIRST).unwrap();
        let expected = Receipt { instance: "i".into(), ..Receipt::new("c", ProviderKind::Kind, "kind") };
        assert_eq!((receipt.began(), receipt), (false, expected));
    }

    #[test]
    fn receipts_of_format_1_lose_nothing() {
        let receipt = cluster(CLUSTER_1).unwrap();
        let made = &receipt.made.cluster;
        assert!(receipt.began() && made.complete);
        assert_eq!((made.http_port, made.https_port), (Some(8080), Some(8443)));
        assert_eq!((made.cpus, made.memory), (Some(2), Some(6_442_450_944)));
        assert_eq!(made.node_image.as_deref(), Some("localhost/todo-bootstrap/node:1"));
        assert_eq!(made.engine, None);
        assert_eq!((receipt.preset.as_deref(), receipt.environment.as_deref()), (Some("tiny"), Some("dev")));
        assert_eq!(receipt.application.as_deref(), Some(Path::new("/home/me/todo")));
        assert_eq!(receipt.made.kubeconfig_entries[0].name, "todo-bootstrap");

        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(HostReceipt::FILE), HOST_1).unwrap();
        let made = HostReceipt::load(dir.path()).unwrap().made;
        assert_eq!(
            (made.build_tools, made.engine.daemon),
            (vec!["debootstrap".to_owned()], Some((77, 1_790_000_000)))
        );
        assert_eq!(made.hosts_entry[0].name, "todo.local");

        // The engine's record, which is part of the receipt from the next change on.
        let engine = dir.path().join(HostReceipt::ENGINE_1);
        std::fs::write(&engine, r#"{"packages":["docker.io"],"files":["/etc/docker/daemon.json"],"pid":77}"#)
            .unwrap();
        let host = HostReceipt::load(dir.path()).unwrap();
        assert_eq!(host.made.engine.installed.packages, ["docker.io"]);
        host.save(dir.path()).unwrap();
        assert!(!engine.exists());
        assert_eq!(HostReceipt::load(dir.path()).unwrap(), host);
    }

    /// `prod` was the default of the images' target, not a decision for production.
    #[test]
    fn the_target_of_an_earlier_version_becomes_the_environment() {
        for (target, environment) in [("null", None), ("\"prod\"", None), ("\"staging\"", Some("staging"))] {
            let text = FIRST.replace('}', &format!(",\"target\":{target}}}"));
            assert_eq!(cluster(&text).unwrap().environment.as_deref(), environment);
        }
    }

    #[test]
    fn a_saved_receipt_is_loaded_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Receipt::load(dir.path()).unwrap(), None);
        let mut receipt = Receipt::new("c", ProviderKind::Kind, "kind");
        receipt.made.cluster.cpus = Some(2);
        receipt.save(dir.path()).unwrap();
        assert_eq!(Receipt::load(dir.path()).unwrap(), Some(receipt));
    }

    #[test]
    fn a_receipt_of_a_newer_version_is_refused() {
        let error = cluster(&FIRST.replace(":1", ":3")).unwrap_err();
        assert!(error.what().starts_with("a newer version of todo-bootstrap wrote"), "{error}");
    }
}
