//! Names of images: `localhost/<app>/<image>:v<version>-<commit>`, and where the commit is from.

use std::path::Path;
use std::time::Duration;

use crate::exec::Cmd;
use crate::task::Task;

/// Enough of a commit or hash to tell images of one project apart.
const COMMIT: usize = 7;
const HASH: usize = 8;

/// The registry's name is one that nobody can pull from.
pub fn repository(app: &str, image: &str) -> String {
    format!("localhost/{app}/{image}")
}

/// `v1.2.3-local` without a commit, else `v1.2.3-<commit7>`, with `-dirty-<hash8>` where the files
/// are not those of the commit; `dirty` is the hash of the inputs.
pub fn tag(version: &str, commit: Option<&str>, dirty: Option<&str>) -> String {
    // Build metadata of a semantic version begins with `+`, which no tag may contain.
    let mut tag = format!("v{}-", version.replace('+', "_"));
    let Some(commit) = commit else { return tag + "local" };
    // `src<hash>` stands for a commit where there is no git.
    let length = if commit.starts_with("src") { "src".len() + HASH } else { COMMIT };
    tag.push_str(commit.get(..length).unwrap_or(commit));
    if let Some(hash) = dirty {
        tag.push_str("-dirty-");
        tag.push_str(hash.get(..HASH).unwrap_or(hash));
    }
    tag
}

/// The last commit that touched a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: String,
    /// Whether the folder differs from it.
    pub(super) dirty: bool,
}

/// `None` where there is no git, no repository, or no commit with that folder in it.
pub(super) fn commit(task: &Task<'_>, context: &Path) -> Option<Commit> {
    let git = |args: &[&str]| {
        let cmd = Cmd::new("git", "ask for the last commit")
            .arg("-C")
            .path(context)
            .args(args.iter().copied())
            // Another git of the user's may be at work.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .within(Duration::from_secs(10));
        Some(task.run(&cmd).ok()?.text())
    };
    let id = git(&["log", "-1", "--format=%H", "--", "."])?;
    let hex = id.len() >= COMMIT && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex {
        return None;
    }
    let changes = git(&["status", "--porcelain", "--", "."])?;
    Some(Commit { id, dirty: !changes.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_version_and_commit() {
        let (commit, hash) = ("0123456789abcdef", "fedcba9876543210");
        assert_eq!(tag("1.2.3", None, None), "v1.2.3-local");
        assert_eq!(tag("1.2.3", Some(commit), None), "v1.2.3-0123456");
        assert_eq!(tag("1.2.3", Some(commit), Some(hash)), "v1.2.3-0123456-dirty-fedcba98");
        assert_eq!(tag("1.2.3-rc.1+5", Some("srcfedcba9876"), None), "v1.2.3-rc.1_5-srcfedcba98");
    }
}
