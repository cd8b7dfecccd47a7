//! Verifies all tools that were ever installed into the cache or accepted.

use std::path::PathBuf;

use super::store::{Cached, Record, Store};
use super::{Accepted, Origin, Origins};
use crate::error::Result;
use crate::files::sha256_file;
use crate::task::Task;
use crate::tools::{TOOLS, ToolSpec};

/// What became of one tool.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    pub name: String,
    pub version: String,
    pub origin: Origin,
    pub path: PathBuf,
    /// What it was when it was installed or accepted.
    pub sha256: String,
    /// What is wrong with it, if anything is.
    pub fault: Option<String>,
    pub remedy: Option<String>,
}

impl Origins {
    /// Hashes all tools again; changes nothing.
    pub fn verify_tools(&self, task: &Task<'_>) -> Result<Vec<Verdict>> {
        let mut verdicts = Vec::new();
        let accepted = self.system.load()?;
        for spec in TOOLS {
            for cached in self.store.all(spec) {
                task.check()?;
                let fault = self.fault(spec, &cached);
                let current = cached.version == self.wanted_version(spec)?;
                let remedy = fault.is_some().then(|| remedy(spec.name, &cached, current));
                let Cached { path, version, record: Record { origin, sha256, .. } } = cached;
                let (name, version) = (spec.name.to_owned(), version.to_string());
                verdicts.push(Verdict { name, version, origin, path, sha256, fault, remedy });
            }
            let Some(known) = accepted.get(spec.name).cloned() else { continue };
            let fault = match sha256_file(&known.path) {
                Ok((sha256, _)) if sha256 == known.sha256 => None,
                Ok((sha256, _)) => Some(format!(
                    "{} changed since it was first used: its sha256 is {sha256}, it was {}",
                    known.path.display(),
                    known.sha256
                )),
                Err(error) => Some(error.one_line()),
            };
            let accepts = "accepts the changed tool; with --strict, downloads another";
            let remedy = || format!("todo-bootstrap tools install {}   # {accepts}", spec.name);
            let remedy = fault.is_some().then(remedy);
            let Accepted { path, version, sha256, .. } = known;
            let (name, origin) = (spec.name.to_owned(), Origin::System);
            verdicts.push(Verdict { name, version, origin, path, sha256, fault, remedy });
        }
        Ok(verdicts)
    }

    fn fault(&self, spec: &ToolSpec, cached: &Cached) -> Option<String> {
        // A tool of an earlier version has no pin to be compared with.
        let pinned = self.pins.get(spec.name).is_some_and(|pin| pin.version == cached.version);
        let published = matches!(cached.record.origin, Origin::Mirror | Origin::Download);
        let verdict =
            if published && !pinned { Store::judge_alone(cached) } else { self.judge(spec.name, cached) };
        verdict.err().map(|unfit| unfit.reason)
    }

    /// The folders of the tools in the cache that can be used, the wanted version of each.
    pub fn tool_folders(&self, task: &Task<'_>) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for spec in TOOLS {
            task.check()?;
            let wanted = self.search(spec.name)?.wanted;
            let cached = self.store.list(spec, &wanted);
            let good = cached.into_iter().find(|cached| self.judge(spec.name, cached).is_ok());
            folders.extend(good.and_then(|cached| cached.path.parent().map(PathBuf::from)));
        }
        Ok(folders)
    }
}

/// With `--strict`, the changed program is removed and downloaded again.
fn remedy(name: &str, cached: &Cached, current: bool) -> String {
    if current {
        return format!("todo-bootstrap tools install {name} --strict   # removes and downloads it again");
    }
    let folder = cached.path.parent().unwrap_or(&cached.path);
    format!("rm -r '{}'   # its version is no longer used", folder.display())
}
