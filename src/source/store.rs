//! The cache of artifacts: `<cache>/artifacts/<name>-<start of the inputs' hash>/`.
//!
//! An artifact is a folder with its files and `entry.json`. It is assembled elsewhere and renamed into place,
//! so an interrupted build leaves nothing incomplete.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::Made;
use super::recipe::Recipe;
use crate::bundle::Entry;
use crate::error::{Error, Result};
use crate::files::{self, sha256_file, sync_dir, write_atomic, write_json};
use crate::lock;
use crate::task::Task;

const ENTRY: &str = "entry.json";
/// How many digits of the inputs' hash stand in a folder's name.
const DIGITS: usize = 16;

/// What `entry.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    entry: Entry,
    outputs: BTreeMap<String, Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Digest {
    sha256: String,
    size: u64,
}

pub struct Store {
    cache: PathBuf,
}

impl Store {
    pub fn new(cache: &Path) -> Self {
        Self { cache: cache.to_owned() }
    }

    fn folder(&self, name: &str, inputs: &str) -> PathBuf {
        let start = inputs.get(..DIGITS).unwrap_or(inputs);
        self.cache.join("artifacts").join(format!("{name}-{start}"))
    }

    /// Where the output of an artifact's build is written, for the user to read.
    pub fn log(&self, name: &str) -> PathBuf {
        self.cache.join("logs").join(format!("{name}.log"))
    }

    /// A folder of the cache, private where it is made now.
    pub fn create(&self, name: &str) -> Result<PathBuf> {
        let dir = self.cache.join(name);
        files::create_private_dir(&dir)?;
        Ok(dir)
    }

    /// The artifact, if it is whole by its entry and the sizes of its files; nothing is hashed.
    pub fn find(&self, name: &str, inputs: &str) -> Result<Option<Made>> {
        let dir = self.folder(name, inputs);
        Ok(read(&dir, inputs)?.filter(|record| sizes_fit(&dir, record)).map(|record| made(dir, record)))
    }

    /// The artifact with every file hashed. One that was changed is removed with a warning.
    pub fn take(&self, task: &Task<'_>, name: &str, inputs: &str) -> Result<Option<Made>> {
        let dir = self.folder(name, inputs);
        let Some(record) = read(&dir, inputs)? else { return Ok(None) };
        for (output, wanted) in &record.outputs {
            task.check()?;
            let fault = match sha256_file(&dir.join(output)) {
                Ok(got) if got == (wanted.sha256.clone(), wanted.size) => continue,
                Ok(_) => "does not match its record".to_owned(),
                Err(error) => error.one_line(),
            };
            task.warn(format!("{}: {output}: {fault}; removing and building it again", dir.display()));
            std::fs::remove_dir_all(&dir).map_err(|e| Error::io("remove", &dir, &e))?;
            return Ok(None);
        }
        Ok(Some(made(dir, record)))
    }

    /// Puts the files in `from` (a folder on the cache's file system) into place as the artifact.
    pub fn put(
        &self,
        from: &Path,
        recipe: &Recipe,
        platform: String,
        inputs: &str,
        image_id: Option<String>,
    ) -> Result<Made> {
        let mut outputs = BTreeMap::new();
        for output in recipe.kind.outputs() {
            let path = from.join(output);
            let (sha256, size) = sha256_file(&path)?;
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|e| Error::io("sync", &path, &e))?;
            outputs.insert(output.to_owned(), Digest { sha256, size });
        }
        let (file, digest) =
            outputs.first_key_value().ok_or_else(|| Error::failed("the build produced no files"))?;
        let entry = Entry {
            name: recipe.name.clone(),
            kind: recipe.kind.word().to_owned(),
            version: recipe.version.clone(),
            platform,
            file: file.clone(),
            sha256: digest.sha256.clone(),
            size: digest.size,
            reference: recipe.kind.tag().map(str::to_owned),
            image_id,
            inputs: inputs.to_owned(),
        };
        let record = Record { entry, outputs };
        write_json(&from.join(ENTRY), &record)?;
        let artifacts = self.create("artifacts")?;
        let dir = self.folder(&recipe.name, inputs);
        // The existing one was not usable, otherwise it would have been used.
        if dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(|e| Error::io("remove", &dir, &e))?;
        }
        std::fs::rename(from, &dir).map_err(|e| Error::io("rename into place", &dir, &e))?;
        sync_dir(&dir)?;
        prune(&artifacts, &recipe.name, &dir);
        Ok(made(dir, record))
    }

    /// The right to make an artifact; calls `waiting`, and waits, while another step or process makes it.
    pub fn lock(&self, task: &Task<'_>, name: &str, waiting: impl FnOnce()) -> Result<File> {
        let path = self.create("locks")?.join(format!("{name}.lock"));
        lock::wait(task, &path, waiting)
    }

    /// A temporary folder to make an artifact in; removes what a killed build left. The caller holds the lock.
    pub fn work(&self, name: &str) -> Result<TempDir> {
        let dir = self.create(&format!("work/{name}"))?;
        let left = std::fs::read_dir(&dir).map_err(|e| Error::io("list", &dir, &e))?;
        for left in left.flatten() {
            // A program that outlived its killed parent may still write here: no reason to stop.
            let _ = std::fs::remove_dir_all(left.path());
        }
        TempDir::new_in(&dir).map_err(|e| Error::io("create a folder in", &dir, &e))
    }

    /// The version of Go that made what is here, as last noted.
    pub fn toolchain(&self) -> Option<String> {
        std::fs::read_to_string(self.cache.join("artifacts/toolchain")).ok()
    }

    pub fn note_toolchain(&self, version: &str) -> Result<()> {
        if self.toolchain().as_deref() == Some(version) {
            return Ok(());
        }
        write_atomic(&self.create("artifacts")?.join("toolchain"), version.as_bytes(), 0o600)
    }
}

/// Removes what was made of older inputs, except the newest. What cannot be removed does no harm.
fn prune(artifacts: &Path, name: &str, current: &Path) {
    let of_this = |path: &PathBuf| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let rest = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|rest| rest.len() == DIGITS && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let entries = std::fs::read_dir(artifacts).into_iter().flatten().flatten();
    let mut older: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(of_this).collect();
    older.retain(|path| path != current);
    older.sort_by_key(|path| path.join(ENTRY).metadata().and_then(|meta| meta.modified()).ok());
    older.pop();
    for path in older {
        let _ = std::fs::remove_dir_all(path);
    }
}

fn read(dir: &Path, inputs: &str) -> Result<Option<Record>> {
    let Some(bytes) = files::read(&dir.join(ENTRY))? else { return Ok(None) };
    // An entry of another form or of other inputs is as good as none.
    let record = serde_json::from_slice::<Record>(&bytes).ok();
    Ok(record.filter(|record| record.entry.inputs == inputs))
}

fn sizes_fit(dir: &Path, record: &Record) -> bool {
    let fits = |(output, wanted): (&String, &Digest)| {
        dir.join(output).symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == wanted.size)
    };
    record.outputs.iter().all(fits)
}

fn made(dir: PathBuf, record: Record) -> Made {
    let outputs = record.outputs.into_keys().map(|name| (name.clone(), dir.join(name))).collect();
    Made { entry: record.entry, dir, outputs }
}
