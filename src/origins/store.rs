//! The cache of tools: `tools/<name>-<version>/` with the program and `found.json`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use semver::Version;

use super::Origin;
use super::own::hash_own;
use crate::error::{Error, Result};
use crate::fetch::LIMIT;
use crate::files::{parent, place, remove, sync_dir, write_json};
use crate::lock;
use crate::task::Task;
use crate::tools::{Asset, ToolSpec, Unpack, Wanted};

const RECORD: &str = "found.json";

/// What was installed into the cache, and how it was verified.
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
    /// It was changed after it was installed, or others could change it.
    pub(super) tampered: bool,
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self { reason: error.one_line(), tampered: false }
    }
}

#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
}

impl Store {
    pub(super) fn new(cache: &Path) -> Self {
        Self { dir: cache.join("tools") }
    }

    /// The right to change what the cache has of a tool, until it is dropped.
    pub(super) fn turn(&self, task: &Task<'_>, name: &str) -> Result<File> {
        let dir = self.dir.join(".turns");
        std::fs::create_dir_all(&dir).map_err(|e| elsewhere(Error::io("create", &dir, &e)))?;
        let held = || task.say(format!("another run is installing {name}; waiting for it"));
        lock::wait(task, &dir.join(name), held)
            .map_err(|error| if task.check().is_err() { error } else { elsewhere(error) })
    }

    /// The folder of a version, created if needed, private to its owner.
    pub(super) fn folder(&self, name: &str, version: &Version) -> Result<PathBuf> {
        let folder = self.dir.join(format!("{name}-{version}"));
        std::fs::create_dir_all(&folder).map_err(|e| elsewhere(Error::io("create", &folder, &e)))?;
        for private in [&self.dir, &folder] {
            set_mode(private, 0o700).map_err(|e| elsewhere(Error::io("set the mode of", private, &e)))?;
        }
        Ok(folder)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// All fitting versions of a tool: the wanted one first, then newer before older ones.
    pub(super) fn list(&self, spec: &ToolSpec, wanted: &Wanted) -> Vec<Cached> {
        let mut found = self.all(spec);
        found.retain(|cached| spec.fits(&cached.version, wanted).is_ok());
        found.sort_by(|a, b| {
            let exact = |cached: &Cached| cached.version == wanted.tool;
            exact(b).cmp(&exact(a)).then_with(|| b.version.cmp(&a.version))
        });
        found
    }

    /// The records of all versions of a tool, older ones first.
    pub(super) fn all(&self, spec: &ToolSpec) -> Vec<Cached> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut found: Vec<Cached> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = Version::parse(name.strip_prefix(spec.name)?.strip_prefix('-')?).ok()?;
                let text = std::fs::read(entry.path().join(RECORD)).ok()?;
                let record: Record = serde_json::from_slice(&text).ok()?;
                Some(Cached { path: entry.path().join(program(spec.name)), version, record })
            })
            .collect();
        found.sort_by(|a, b| a.version.cmp(&b.version));
        found
    }

    /// Whether a cached program may be used, by the pin of its version and the inputs of recipe and bundle.
    pub(super) fn judge(cached: &Cached, asset: Option<&Asset>, inputs: &[&str]) -> Result<(), Unfit> {
        let Cached { path, version, record } = cached;
        let pin = asset.map(|asset| asset.sha256.as_str());
        let unfit = |reason: String| Err(Unfit { reason, tampered: false });
        let published = matches!(record.origin, Origin::Mirror | Origin::Download);
        if published && record.pin.as_deref() != pin {
            return unfit(format!("{version} was downloaded when another checksum was pinned"));
        }
        if let Some(own) = &record.inputs
            && !inputs.is_empty()
            && !inputs.contains(&own.as_str())
        {
            return unfit(format!("{version} was built from other inputs"));
        }
        // Who changes a program can change its record with it, but not the pin.
        let plain = asset.is_some_and(|asset| asset.unpack == Unpack::Plain);
        let expected = match pin.filter(|_| plain && published) {
            Some(pin) => pin,
            None => &record.sha256,
        };
        same(path, expected)
    }

    /// Whether a cached program is what its record says, whatever is pinned today.
    pub(super) fn judge_alone(cached: &Cached) -> Result<(), Unfit> {
        same(&cached.path, &cached.record.sha256)
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
        remove(&file)?;
        let path = folder.join(program(spec.name));
        let (sha256, size) = fill(&path)?;
        let record = Record { sha256, size, ..record };
        write_json(&file, &record)?;
        sweep(&folder)?;
        Ok(Cached { path, version, record })
    }

    /// Gives a program without a record the name `published` again, if a run was killed between the two.
    pub(super) fn take_back(&self, name: &str, folder: &Path, published: &Path, sha256: &str) -> Result<()> {
        debug_assert!(folder.starts_with(&self.dir));
        let path = folder.join(program(name));
        let half_way = !folder.join(RECORD).exists() && path.is_file();
        if half_way && hash_own(&path).is_ok_and(|got| got == sha256) {
            std::fs::rename(&path, published).map_err(|e| Error::io("rename", &path, &e))?;
        }
        Ok(())
    }

    /// Removes a cached version with all that belongs to it.
    pub(super) fn remove(cached: &Cached) -> Result<()> {
        let folder = parent(&cached.path);
        std::fs::remove_dir_all(folder).map_err(|e| elsewhere(Error::io("remove", folder, &e)))
    }
}

/// A cache that cannot be written to: of another user (after `sudo`), or only to be read.
fn elsewhere(error: Error) -> Error {
    error.help("TODO_BOOTSTRAP_CACHE=DIR todo-bootstrap …   # stores tools in another folder")
}

/// A program that was changed, or that others could change, counts as tampered with.
fn same(path: &Path, expected: &str) -> Result<(), Unfit> {
    let sha256 = hash_own(path)?;
    if sha256 == expected {
        return Ok(());
    }
    let reason = format!(
        "{} was changed after it was installed: its sha256 is {sha256}, it was {expected}",
        path.display()
    );
    Err(Unfit { reason, tampered: true })
}

/// Copies a verified file to `to` as a program.
pub(super) fn copy_program(from: &Path, to: &Path) -> Result<(String, u64)> {
    let mut file = std::fs::File::open(from).map_err(|e| Error::io("open", from, &e))?;
    let file: &mut dyn Read = &mut file;
    place(file, to, 0o755, LIMIT)
}

/// Makes a program of a file in the same folder that has just been verified to be `sha256`.
pub(super) fn adopt(from: &Path, to: &Path, sha256: &str) -> Result<(String, u64)> {
    set_mode(from, 0o755).map_err(|e| Error::io("set the mode of", from, &e))?;
    let size = std::fs::metadata(from).map_err(|e| Error::io("inspect", from, &e))?.len();
    std::fs::rename(from, to).map_err(|e| Error::io("rename into place", to, &e))?;
    sync_dir(to)?;
    Ok((sha256.to_owned(), size))
}

/// Removes leftovers of transfers, whose names begin with a dot. The caller holds the turn.
fn sweep(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("list", folder, &e))?;
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            let left = entry.path();
            std::fs::remove_file(&left).map_err(|e| Error::io("remove", &left, &e))?;
        }
    }
    Ok(())
}

fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// Sets the permission bits of a file or folder, on systems that have them.
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    let _ = (path, mode);
    Ok(())
}
