//! The lock files that are part of a build.

use std::path::Path;

use super::{Lock, Package, npm, requirements};
use crate::error::{Error, Result};
use crate::images::ignore::Ignore;

type Parse = fn(&str) -> Result<Vec<Package>, String>;

/// The files that are understood.
const KINDS: &[(&str, Parse)] =
    &[("package-lock.json", npm::parse), ("requirements.lock", requirements::parse)];

/// All lock files of the context that `.dockerignore` leaves in, by path.
pub(super) fn read(context: &Path, dockerfile: &Path) -> Result<Vec<Lock>> {
    let ignore = Ignore::load(context, dockerfile)?;
    let mut locks = Vec::new();
    look(context, "", &ignore, &mut locks)?;
    locks.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(locks)
}

fn look(folder: &Path, prefix: &str, ignore: &Ignore, locks: &mut Vec<Lock>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("list", folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", folder, &e))?;
        // A name that is no text is refused by the hash of the inputs.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| Error::io("look at", &path, &e))?;
        let relative = format!("{prefix}{name}");
        let excluded = ignore.excludes(&relative);
        // What packages bring along are their own locks, not the image's.
        if kind.is_dir() && name != "node_modules" {
            if !excluded || ignore.has_exceptions_below(&relative) {
                look(&path, &format!("{relative}/"), ignore, locks)?;
            }
        } else if kind.is_file() && !excluded {
            let Some((_, parse)) = KINDS.iter().find(|(known, _)| *known == name) else { continue };
            let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
            locks.push(Lock { path: relative, packages: parse(&text) });
        }
    }
    Ok(())
}
