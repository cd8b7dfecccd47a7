//! A tool that is already on this machine: found on PATH and asked for its version.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use semver::Version;

use super::{ToolSpec, Wanted};
use crate::error::Result;
use crate::exec::Cmd;
use crate::process_env::ProcessEnv;
use crate::task::Task;

/// Saying its version takes a program milliseconds; a wrapper that hangs is not to hold us up.
const LIMIT: Duration = Duration::from_secs(10);

/// A program of the tool's name with its version, or with the reason why it cannot be used.
pub type Candidate = (PathBuf, Result<Version, String>);

/// All programs of the tool's name on PATH, in its order, until one can be used.
pub fn on_path(
    task: &Task<'_>,
    process_env: &ProcessEnv,
    spec: &ToolSpec,
    wanted: &Wanted,
) -> Result<Vec<Candidate>> {
    let paths = process_env.env.get("PATH").cloned().unwrap_or_else(OsString::new);
    let Ok(found) = which::which_in_all(spec.name, Some(paths), process_env.cwd.clone()) else {
        return Ok(Vec::new());
    };
    let (mut candidates, mut seen) = (Vec::new(), Vec::new());
    for path in found {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let verdict = ask(task, &path, spec, wanted)?;
        let usable = verdict.is_ok();
        candidates.push((path, verdict));
        if usable {
            break;
        }
    }
    Ok(candidates)
}

fn ask(
    task: &Task<'_>,
    path: &std::path::Path,
    spec: &ToolSpec,
    wanted: &Wanted,
) -> Result<Result<Version, String>> {
    let cmd = Cmd::new(path, format!("ask {} for its version", path.display()))
        .args(spec.version_args.iter().copied())
        .within(LIMIT);
    let output = match task.run(&cmd) {
        Ok(output) => output,
        Err(error) => {
            return match task.cancel.reason() {
                Some(reason) => Err(reason.error()),
                None => Ok(Err(format!("does not print its version ({})", error.one_line()))),
            };
        }
    };
    let Some(version) = spec.parse(&output.text()) else {
        return Ok(Err("prints no version that can be parsed".to_owned()));
    };
    let fits = spec.fits(&version, wanted);
    Ok(fits.map_err(|why| format!("is version {version}, which {why}")).map(|()| version))
}
