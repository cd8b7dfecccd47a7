//! The cache of tools: `tools/<name>-<version>/` with the program and `found.json`.

use std::io::Read;
use std::path::{Path, PathBuf};

use semver::Version;

use super::Origin;
use crate::error::{Error, Result};
use crate::fetch::{place, sha256_file, write_atomic};
use crate::tools::{Asset, ToolSpec, Unpack, Wanted};

const RECORD: &str = "found.json";
/// No program that we use comes near this.
const LIMIT: u64 = 1 << 30;

/// What was put into the cache, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Record {
    pub(super) origin: Origin,
    /// Of the program.
    #[serde(default)]
    pub(super) sha256: String,
    #[serde(default)]
    pub(super) size: u64,
    /// The pinned sha256 of the published file that it is, or was taken from.
    pub(super) pin: Option<String>,
    /// The hash of a bundle's or recipe's inputs.
    pub(super) inputs: Option<String>,
}

/// A version of a tool that has a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cached {
    pub(super) path: PathBuf,
    /// Of the folder's name.
    pub(super) version: Version,
    pub(super) record: Record,
}

/// A cached tool that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) reason: String,
    /// It was changed after it was installed.
    pub(super) tampered: bool,
}

#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
}

impl Store {
    pub(super) fn new(cache: &Path) -> Self {
        Self { dir: cache.join("tools") }
    }

    /// The folder of a version, made if need be; only its owner may look into it.
    pub(super) fn folder(&self, name: &str, version: &Version) -> Result<PathBuf> {
        let folder = self.dir.join(format!("{name}-{version}"));
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, &e))?;
        make_private(&folder).map_err(|e| Error::io("set the mode of", &folder, &e))?;
        Ok(folder)
    }

    /// The records of all versions of a tool that fit: the wanted one first, then newer before
    /// older ones.
    pub(super) fn list(&self, spec: &ToolSpec, wanted: &Wanted) -> Vec<Cached> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut found: Vec<Cached> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = Version::parse(name.strip_prefix(spec.name)?.strip_prefix('-')?).ok()?;
                (spec.fits)(&version, wanted).ok()?;
                let text = std::fs::read(entry.path().join(RECORD)).ok()?;
                let record: Record = serde_json::from_slice(&text).ok()?;
                Some(Cached { path: entry.path().join(program(spec.name)), version, record })
            })
            .collect();
        found.sort_by(|a, b| {
            let exact = |cached: &Cached| cached.version == wanted.tool;
            exact(b).cmp(&exact(a)).then_with(|| b.version.cmp(&a.version))
        });
        found
    }

    /// Whether a cached program may be used: what stands in its record still holds, and its bytes
    /// are those of the record. `asset` is today's pin of that version, `inputs` are those of
    /// today's recipe or bundle, where they are known.
    pub(super) fn judge(cached: &Cached, asset: Option<&Asset>, inputs: &[&str]) -> Result<(), Unfit> {
        let Cached { path, version, record } = cached;
        let pin = asset.map(|asset| asset.sha256.as_str());
        let unfit = |reason: String| Err(Unfit { reason, tampered: false });
        if record.origin == Origin::Download && record.pin.as_deref() != pin {
            return unfit(format!("{version} was downloaded with another checksum pinned"));
        }
        if let Some(own) = &record.inputs
            && !inputs.is_empty()
            && !inputs.contains(&own.as_str())
        {
            return unfit(format!("{version} was made from other inputs"));
        }
        // Who changes a program can change its record with it, but not the pin.
        let plain = asset.is_some_and(|asset| asset.unpack == Unpack::Plain);
        let expected = match pin.filter(|_| plain && record.origin == Origin::Download) {
            Some(pin) => pin,
            None => &record.sha256,
        };
        match sha256_file(path) {
            Err(error) => unfit(error.one_line()),
            Ok((sha256, _)) if sha256 == expected => Ok(()),
            Ok((sha256, _)) => Err(Unfit {
                reason: format!(
                    "{} was changed after it was installed: its sha256 is {sha256}, it was {expected}",
                    path.display()
                ),
                tampered: true,
            }),
        }
    }

    /// Puts a program into the cache; `record` gets its hash and size.
    pub(super) fn install(
        &self,
        spec: &ToolSpec,
        version: Version,
        record: Record,
        fill: impl FnOnce(&Path) -> Result<(String, u64)>,
    ) -> Result<Cached> {
        let folder = self.folder(spec.name, &version)?;
        let file = folder.join(RECORD);
        // Without a record there is nothing: a run that ends half-way leaves no contradiction.
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &file, &error));
            }
            _ => {}
        }
        let path = folder.join(program(spec.name));
        let (sha256, size) = fill(&path)?;
        let record = Record { sha256, size, ..record };
        let json = serde_json::to_vec_pretty(&record)
            .map_err(|error| Error::failed(format!("cannot write {}", file.display())).because(error))?;
        write_atomic(&file, &json, 0o600)?;
        Ok(Cached { path, version, record })
    }

    /// Removes a cached version with all that belongs to it.
    pub(super) fn remove(cached: &Cached) -> Result<()> {
        let folder = cached.path.parent().unwrap_or(&cached.path);
        std::fs::remove_dir_all(folder).map_err(|e| Error::io("remove", folder, &e))
    }
}

/// Copies a verified file to `to` as a program.
pub(super) fn copy_program(from: &Path, to: &Path) -> Result<(String, u64)> {
    let mut file = std::fs::File::open(from).map_err(|e| Error::io("open", from, &e))?;
    let file: &mut dyn Read = &mut file;
    place(file, to, 0o755, LIMIT)
}

fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}
