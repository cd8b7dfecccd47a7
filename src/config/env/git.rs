//! Whether `.env` is, or could get, under version control.

use std::path::Path;
use std::time::Duration;

use super::check::{Finding, Level};
use crate::exec::Cmd;
use crate::task::Task;

/// A finding if `file` is in the git repository, or would get into it.
pub fn tracked(task: &Task<'_>, file: &Path) -> Option<Finding> {
    let dir = file.parent()?;
    if !dir.ancestors().any(|dir| dir.join(".git").exists()) {
        return None;
    }
    let name = file.file_name()?.to_string_lossy().into_owned();
    let ask = |args: &[&str]| {
        let cmd = Cmd::new("git", "ask git about the settings").arg("-C").path(dir);
        let cmd = cmd.args(args.iter().copied()).args(["--", &name]);
        task.run(&cmd.any_status().within(Duration::from_secs(5))).ok()
    };
    let shown = file.display();
    if ask(&["ls-files", "--error-unmatch"])?.ok() {
        let message = format!(
            "{shown} is in the git repository, with its secrets; git rm --cached {shown}, and change them"
        );
        return Some(finding("in-repository", message));
    }
    // 0: ignored; 1: not ignored; anything else: git does not know.
    if ask(&["check-ignore", "-q"])?.status == 1 {
        let message = format!("git does not ignore {shown}; add a line {name} to .gitignore");
        return Some(finding("not-ignored", message));
    }
    None
}

fn finding(code: &'static str, message: String) -> Finding {
    Finding { level: Level::Warning, code, key: String::new(), line: None, message }
}
