//! Names of images, `<app>/<image>:v<version>-<commit>[-<target>]`, and the state of the folder in git.

use std::path::Path;
use std::time::Duration;

use crate::config::Target;
use crate::exec::Cmd;
use crate::task::Task;

/// Enough of a commit or hash to tell images of one project apart.
const COMMIT: usize = 7;
const HASH: usize = 8;
/// Half a sha256, as many digits as no two images have in common.
const INPUTS: usize = 32;

pub fn repository(app: &str, image: &str) -> String {
    format!("{app}/{image}")
}

/// The tag by which an image of these inputs is found again.
pub(super) fn input_tag(inputs: &str) -> String {
    format!("inputs-{}", inputs.get(..INPUTS).unwrap_or(inputs))
}

/// `v1.2.3-local` without a commit, else `v1.2.3-<commit7>`, with `-dirty-<hash8>` where the inputs (`dirty` is
/// their hash) are not those of the commit. A target other than `prod` is named at the end.
pub fn tag(version: &str, commit: Option<&str>, dirty: Option<&str>, target: Target) -> String {
    // `src<hash>` stands for a commit if there is no git.
    let length = |commit: &str| if commit.starts_with("src") { "src".len() + HASH } else { COMMIT };
    let name = commit.map_or("local", |commit| commit.get(..length(commit)).unwrap_or(commit));
    let dirty = dirty.filter(|_| commit.is_some()).map(|hash| hash.get(..HASH).unwrap_or(hash));
    let dirty = dirty.map(|hash| format!("-dirty-{hash}")).unwrap_or_default();
    let target = if target == Target::Prod { String::new() } else { format!("-{target}") };
    // Build metadata of a semantic version begins with `+`, which no tag may contain.
    format!("v{}-{name}{dirty}{target}", version.replace('+', "_"))
}

/// The last commit that touched a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) dirty: bool,
    /// When it was made, as RFC 3339.
    pub(super) time: Option<String>,
    /// Where the repository is from: an address of the network, without a user or a password.
    pub(super) source: Option<String>,
}

/// `None` if there is no git, no repository, or no commit with that folder in it.
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
    let said = git(&["log", "-1", "--format=%H %cI", "--", "."])?;
    let mut words = said.split_whitespace().map(str::to_owned);
    let (id, time) = (words.next()?, words.next());
    let hex = id.len() >= COMMIT && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex {
        return None;
    }
    let changes = git(&["status", "--porcelain", "--", "."])?;
    let source = git(&["config", "--get", "remote.origin.url"]).and_then(|url| address(&url));
    Some(Commit { id, dirty: !changes.is_empty(), time, source })
}

/// A remote as an address that may stand in an image: no folder of this machine, no user, who can be a token.
fn address(remote: &str) -> Option<String> {
    let plain = |rest: &str| rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned();
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (authority, path) = rest.split_once('/')?;
        let known = ["https", "http", "ssh", "git"].contains(&scheme);
        // What follows `?` or `#` is no part of a repository's name and may be a secret.
        let path = path.split(['?', '#']).next().unwrap_or_default();
        return known.then(|| format!("{scheme}://{}/{path}", plain(authority)));
    }
    // `user@host:path`, as ssh takes it.
    let (host, path) = remote.split_once(':')?;
    (host.contains('@') && !host.contains('/') && !path.is_empty())
        .then(|| format!("ssh://{}/{}", plain(host), path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::{Target, address, tag};

    #[test]
    fn tags_are_version_commit_and_target() {
        let (commit, hash) = ("0123456789abcdef", "fedcba9876543210");
        let prod = |version: &str, commit: Option<&str>, dirty: Option<&str>| {
            tag(version, commit, dirty, Target::Prod)
        };
        assert_eq!(prod("1.2.3", None, None), "v1.2.3-local");
        assert_eq!(prod("1.2.3", Some(commit), None), "v1.2.3-0123456");
        assert_eq!(prod("1.2.3", Some(commit), Some(hash)), "v1.2.3-0123456-dirty-fedcba98");
        assert_eq!(prod("1.2.3-rc.1+5", Some("srcfedcba9876"), None), "v1.2.3-rc.1_5-srcfedcba98");
        assert_eq!(tag("1.2.3", None, None, Target::Dev), "v1.2.3-local-dev");
        assert_eq!(tag("1.2.3", Some(commit), None, Target::Staging), "v1.2.3-0123456-staging");
    }

    #[test]
    fn a_remote_is_told_without_who_uses_it() {
        for (remote, expected) in [
            ("https://me:token@example.org/a/b.git?key=1", Some("https://example.org/a/b.git")),
            ("https://token@example.org:8443/a", Some("https://example.org:8443/a")),
            ("git@example.org:a/b.git", Some("ssh://example.org/a/b.git")),
            ("ssh://git@example.org/a", Some("ssh://example.org/a")),
            ("/home/me/a", None),
            ("file:///home/me/a", None),
            ("C:/a", None),
            ("", None),
        ] {
            assert_eq!(address(remote).as_deref(), expected, "{remote}");
        }
    }
}
