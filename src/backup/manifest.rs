//! The manifest of a backup: what it contains, of which versions, with the digest of each dump.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::files;
use crate::quantity::show_bytes;

/// The format that this version writes.
const FORMAT: u64 = 1;
const FILE: &str = "manifest.json";
/// The digest of the manifest, as `sha256sum` writes it.
const DIGEST: &str = "manifest.json.sha256";

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The user asked for it; it is never deleted.
    Manual,
    BeforeDown,
    BeforeRestore,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::BeforeDown => "before down",
            Self::BeforeRestore => "before restore",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u64,
    /// In UTC, as RFC 3339 writes it.
    pub created: String,
    pub reason: Reason,
    pub cluster: String,
    pub application: String,
    /// Versions of the application, of its chart and of this program.
    pub version: String,
    pub chart: String,
    pub program: String,
    pub dumps: Vec<Dump>,
}

/// A file of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The name of the store; the file is `<store>.dump`.
    pub store: String,
    /// The version of the data's schema, if it has one.
    pub schema: Option<String>,
    /// In bytes.
    pub size: u64,
    pub sha256: String,
}

impl Dump {
    pub fn file(&self) -> String {
        file(&self.store)
    }
}

pub(super) fn file(store: &str) -> String {
    format!("{store}.dump")
}

impl Manifest {
    pub fn new(
        created: String,
        reason: Reason,
        [cluster, application, version, chart]: [String; 4],
        dumps: Vec<Dump>,
    ) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, created, reason, cluster, application, version, chart, program, dumps }
    }

    /// The bytes of all dumps.
    pub fn size(&self) -> u64 {
        self.dumps.iter().map(|dump| dump.size).sum()
    }

    /// Writes it to `dir` with its digest, readable by the user only.
    pub(super) fn save(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        files::write_json(&path, self)?;
        let (sha256, _) = files::sha256_file(&path)?;
        files::write_atomic(&dir.join(DIGEST), format!("{sha256}  {FILE}\n").as_bytes(), 0o600)
    }

    /// The manifest in `dir`, whose digest is verified. Fails on a format that this version does not know.
    pub fn load(dir: &Path) -> Result<Self> {
        let required = |name: &str| {
            let path = dir.join(name);
            files::read(&path)?.ok_or_else(|| damaged(dir, format!("{} does not exist", path.display())))
        };
        let (text, digest) = (required(FILE)?, required(DIGEST)?);
        let expected = String::from_utf8_lossy(&digest);
        if expected.split_whitespace().next() != Some(files::sha256(&text).as_str()) {
            return Err(damaged(dir, format!("{FILE} does not match its digest in {DIGEST}")));
        }
        let invalid = |error: serde_json::Error| damaged(dir, format!("{FILE}: {error}"));
        let value: Value = serde_json::from_slice(&text).map_err(invalid)?;
        let format = value.get("format").and_then(Value::as_u64);
        if let Some(newer) = format.filter(|format| *format > FORMAT) {
            let what = format!("a newer version of todo-bootstrap wrote the backup {}", dir.display());
            return Err(Error::refused(what)
                .because(format!("its format is {newer}; this version knows up to {FORMAT}"))
                .help(
                    "todo-bootstrap --version   # install the version that made the backup, or a newer one",
                ));
        }
        let manifest: Self = serde_json::from_value(value).map_err(invalid)?;
        let plain = |dump: &Dump| dump.store.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match manifest.dumps.iter().find(|dump| dump.store.is_empty() || !plain(dump)) {
            Some(dump) => Err(damaged(dir, format!("`{}` is not the name of a store", dump.store))),
            None => Ok(manifest),
        }
    }

    /// Reads every dump in `dir` and compares it with its digest; reports all that differ.
    pub fn verify(&self, dir: &Path) -> Result<()> {
        let mut wrong = Vec::new();
        for dump in &self.dumps {
            let path = dir.join(dump.file());
            if !path.is_file() {
                wrong.push(format!("{} does not exist", path.display()));
                continue;
            }
            let (sha256, size) = files::sha256_file(&path)?;
            if size != dump.size {
                let (has, wanted) = (show_bytes(size), show_bytes(dump.size));
                wrong.push(format!(
                    "{} has {size} bytes ({has}), not {} ({wanted})",
                    path.display(),
                    dump.size
                ));
            } else if sha256 != dump.sha256 {
                wrong.push(format!("{} has the sha256 {sha256}, not {}", path.display(), dump.sha256));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(damaged(dir, wrong.join("\n"))) }
    }
}

fn damaged(dir: &Path, why: String) -> Error {
    Error::failed(format!("the backup {} is damaged", dir.display()))
        .because(why)
        .help("todo-bootstrap backup list   # shows the other backups")
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A backup in `dir` of an application `shop` with one store of `schema`.
    pub(crate) fn write(dir: &Path, reason: Reason, schema: Option<&str>, content: &[u8]) -> Manifest {
        std::fs::create_dir_all(dir).unwrap();
        let (store, schema) = ("rows".to_owned(), schema.map(str::to_owned));
        std::fs::write(dir.join(file(&store)), content).unwrap();
        let dump = Dump { store, schema, size: content.len() as u64, sha256: files::sha256(content) };
        let names = ["todo-bootstrap", "shop", "1.0.0", "0.1.0"].map(str::to_owned);
        let manifest = Manifest::new("2026-01-02T03:04:05Z".to_owned(), reason, names, vec![dump]);
        manifest.save(dir).unwrap();
        manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_anywhere_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = testing::write(dir.path(), Reason::Manual, Some("0002"), b"all rows");
        let load = || Manifest::load(dir.path()).and_then(|manifest| manifest.verify(dir.path()));
        assert_eq!(Manifest::load(dir.path()).unwrap(), manifest);
        load().unwrap();
        for file in ["manifest.json", "manifest.json.sha256", "rows.dump"] {
            let path = dir.path().join(file);
            let whole = std::fs::read(&path).unwrap();
            let mut flipped = whole.clone();
            flipped[3] ^= 1;
            for broken in [Some(flipped), Some(whole[..whole.len() / 2].to_vec()), None] {
                match &broken {
                    Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                    None => std::fs::remove_file(&path).unwrap(),
                }
                let error = load().unwrap_err();
                assert!(error.what().ends_with("is damaged"), "{file}: {error}");
                assert!(error.causes()[0].contains(file.trim_end_matches(".sha256")), "{file}: {error}");
                std::fs::write(&path, &whole).unwrap();
            }
        }
        load().unwrap();
    }

    #[test]
    fn a_truncated_dump_is_named_with_both_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = testing::write(dir.path(), Reason::Manual, None, b"all rows");
        std::fs::write(dir.path().join("rows.dump"), b"all").unwrap();
        let error = manifest.verify(dir.path()).unwrap_err();
        assert!(error.causes()[0].contains("has 3 bytes (3 B), not 8 (8 B)"), "{error}");
    }

    /// Anyone who can write the manifest can also write its digest; a name must not lead out of the folder.
    #[test]
    fn an_unknown_format_and_a_path_as_a_name_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = testing::write(dir.path(), Reason::Manual, None, b"");
        Manifest { format: FORMAT + 1, ..manifest.clone() }.save(dir.path()).unwrap();
        let error = Manifest::load(dir.path()).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Refused);
        assert!(error.causes()[0].contains("knows up to 1"), "{error}");
        let mut outside = manifest;
        outside.dumps[0].store = "../rows".to_owned();
        outside.save(dir.path()).unwrap();
        assert!(Manifest::load(dir.path()).unwrap_err().to_string().contains("not the name of a store"));
    }
}
