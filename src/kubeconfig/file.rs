//! The user's kubeconfig as a file: which one it is, and how it is changed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Document;
use super::lock::FileLock;
use crate::error::{Error, Result};
use crate::files::{beside, parent};
use crate::process_env::ProcessEnv;
use crate::task::Task;
use crate::user_file;

/// The mode of a new file, because it contains keys.
const MODE: u32 = 0o600;

const OTHER: &str = "todo-bootstrap kubeconfig merge --file FILE   # uses another file";

/// What to do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Keep,
    Write,
    Delete,
}

/// The file that kubectl would use: the first that `KUBECONFIG` names, else `~/.kube/config`.
pub fn default_file(process_env: &ProcessEnv) -> Result<PathBuf> {
    let named =
        process_env.env.get("KUBECONFIG").map(|paths| std::env::split_paths(paths).collect::<Vec<_>>());
    if let Some(first) = named.unwrap_or_default().into_iter().find(|path| !path.as_os_str().is_empty()) {
        return Ok(process_env.cwd.join(first));
    }
    let home = process_env.home.as_ref().ok_or_else(|| {
        Error::usage("cannot determine your kubeconfig: neither KUBECONFIG nor HOME is set")
            .help("name the file: --file FILE")
    })?;
    Ok(home.join(".kube").join("config"))
}

/// Whether both paths are the same file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

/// Changes the kubeconfig `path` while no other program does. Links are followed. A missing file counts as empty.
/// Returns the copy of a file that had comments, which the new one lacks.
pub fn change(
    task: &Task<'_>,
    path: &Path,
    change: impl FnOnce(&mut Document) -> Result<Then>,
) -> Result<Option<PathBuf>> {
    user_file::look(path).map_err(|error| error.help(OTHER))?;
    let dir = parent(path);
    user_file::create_dir(dir).map_err(|e| Error::io("create", dir, &e))?;
    let _lock = FileLock::take(task, path)?;
    let target = target(path)?;
    // Programs that use the file's real name look for the lock there.
    let linked = target != plain(path)?;
    let _second = linked.then(|| FileLock::take(task, &target)).transpose()?;
    let old = user_file::read(&target)?;
    let text = std::str::from_utf8(old.as_deref().unwrap_or_default()).map_err(|error| {
        let line = 1 + old.iter().flatten().take(error.valid_up_to()).filter(|b| **b == b'\n').count();
        Error::failed(format!("{} is not text; nothing was changed", path.display()))
            .because(format!("line {line} is not UTF-8"))
            .help("name another file: --file FILE")
    })?;
    let mut document = Document::parse(text, path)?;
    match change(&mut document)? {
        Then::Keep => return Ok(None),
        Then::Delete => {
            std::fs::remove_file(&target).map_err(|e| Error::io("delete", &target, &e))?;
            return Ok(None);
        }
        Then::Write => {}
    }
    let text = document.text()?;
    let put = |path: &Path, bytes: &[u8]| {
        user_file::write(path, bytes, MODE, None).map_err(|e| Error::io("write", path, &e))
    };
    let backup = old.filter(|_| document.comments).map(|old| (beside(path, ".todo-bootstrap-backup"), old));
    if let Some((backup, old)) = &backup {
        put(backup, old)?;
    }
    put(&target, text.as_bytes())?;
    Ok(backup.map(|(backup, _)| backup))
}

/// The file itself, behind all links.
fn target(path: &Path) -> Result<PathBuf> {
    match std::fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => plain(path),
        Err(error) => Err(Error::io("follow the link", path, &error)
            .help("fix the link, or name another file: --file FILE")),
    }
}

/// `path` with the links in its folder resolved, but not the file itself.
fn plain(path: &Path) -> Result<PathBuf> {
    let dir = parent(path);
    let real = std::fs::canonicalize(dir).map_err(|e| Error::io("find", dir, &e))?;
    let name = path.file_name().ok_or_else(|| {
        Error::usage(format!("{} is not the name of a file", path.display())).help("name one: --file FILE")
    })?;
    Ok(real.join(name))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Duration;

    use super::*;
    use crate::exec::Script;
    use crate::kubeconfig::entries::recorded;
    use crate::task::testing::with_task;

    const TEXT: &str = "clusters: []\ncurrent-context: a\n";

    fn merge(path: &Path) -> Result<Option<PathBuf>> {
        let merge = |document: &mut Document| {
            document.merge(&recorded("todo-bootstrap", 6443), &[].into(), false)?;
            Ok(Then::Write)
        };
        with_task(&Script::default(), |task| change(task, path, merge)).0
    }

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/.kube/config");
        assert_eq!(merge(&path).unwrap(), None);
        assert_eq!(mode_of(&path), 0o600);
        std::fs::write(&path, TEXT).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        merge(&path).unwrap();
        assert_eq!(mode_of(&path), 0o640);
        assert_eq!(names(path.parent().unwrap()), ["config"], "no lock, no temporary file");
    }

    #[test]
    fn a_link_stays_one_and_what_it_leads_to_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real/config"), dir.path().join("link"));
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::fs::write(&real, TEXT).unwrap();
        symlink("real/config", &link).unwrap();
        merge(&link).unwrap();
        assert!(link.is_symlink());
        assert!(std::fs::read_to_string(&real).unwrap().contains("todo-bootstrap"));
        assert_eq!(names(&dir.path().join("real")), ["config"]);
        // A linked folder is no second name to lock.
        symlink("real", dir.path().join("folder")).unwrap();
        merge(&dir.path().join("folder/config")).unwrap();
        // Who writes by the real name is waited for as well.
        std::fs::write(dir.path().join("real/config.lock"), "").unwrap();
        let error = merge(&link).unwrap_err();
        assert!(error.to_string().contains("real/config.lock"), "{error}");
        assert_eq!(names(dir.path()), ["folder", "link", "real"], "the first lock is gone");
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        assert!(merge(&dir.path().join("dangling")).unwrap_err().to_string().contains("follow the link"));
    }

    #[test]
    fn a_file_with_comments_is_kept_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let text = format!("# by hand\n{TEXT}");
        std::fs::write(&path, &text).unwrap();
        let backup = merge(&path).unwrap().unwrap();
        assert_eq!(backup, dir.path().join("config.todo-bootstrap-backup"));
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), text);
        assert_eq!(merge(&path).unwrap(), None, "there are none to lose any more");
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        for (bytes, why) in [(&b"a: {\n"[..], "line "), (b"a: b\nc: \xff\n", "line 2 is not UTF-8")] {
            std::fs::write(&path, bytes).unwrap();
            let error = merge(&path).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(names(dir.path()), ["config"]);
        }
    }

    #[test]
    fn two_at_the_same_time_both_get_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::thread::scope(|scope| {
            for n in 0..4_u16 {
                let path = &path;
                scope.spawn(move || {
                    with_task(&Script::default(), |task| {
                        change(task, path, |document| {
                            document.merge(&recorded(&format!("n{n}"), n), &[].into(), false)?;
                            std::thread::sleep(Duration::from_millis(30));
                            Ok(Then::Write)
                        })
                        .unwrap();
                    });
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!((0..4).all(|n| text.contains(&format!("name: n{n}\n"))), "{text}");
    }

    #[test]
    fn the_file_is_the_one_that_kubectl_takes() {
        let mut process_env = ProcessEnv::real();
        process_env.home = Some("/home/me".into());
        process_env.cwd = "/work".into();
        let mut with = |value: Option<&str>| {
            process_env.env.remove("KUBECONFIG");
            process_env.env.extend(value.map(|value| ("KUBECONFIG".to_owned(), value.into())));
            default_file(&process_env).unwrap().display().to_string()
        };
        assert_eq!(with(None), "/home/me/.kube/config");
        assert_eq!(with(Some("")), "/home/me/.kube/config");
        assert_eq!(with(Some(":/a:/b")), "/a");
        assert_eq!(with(Some("mine:/b")), "/work/mine");
    }
}
