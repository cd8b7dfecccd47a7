//! The folder with the backups of a cluster: one folder for each, named by its date.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Manifest, Reason};
use crate::error::{Error, Result};
use crate::files;

/// How many automatic backups of each reason are kept.
pub const KEPT: usize = 5;
/// The beginning of the names of backups that are being made.
const PARTIAL: &str = ".partial-";

/// A folder that contains backups.
#[derive(Debug, Clone)]
pub struct Shelf {
    pub dir: PathBuf,
}

/// A complete backup; a damaged one has an error in place of the manifest.
#[derive(Debug, Clone)]
pub struct Backup {
    pub name: String,
    pub dir: PathBuf,
    pub manifest: Result<Manifest>,
}

impl Backup {
    pub fn open(dir: &Path) -> Self {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, dir: dir.to_owned(), manifest: Manifest::load(dir) }
    }

    fn is_of(&self, application: &str) -> bool {
        self.manifest.as_ref().is_ok_and(|manifest| manifest.application == application)
    }

    fn reason(&self) -> Option<Reason> {
        self.manifest.as_ref().ok().map(|manifest| manifest.reason)
    }
}

impl Shelf {
    /// All backups, the newest first.
    pub fn list(&self) -> Result<Vec<Backup>> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &self.dir, &error)),
        };
        let dirs = entries.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> =
            dirs.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort_by(|a, b| b.cmp(a));
        Ok(names.iter().map(|name| Backup::open(&self.dir.join(name))).collect())
    }

    /// The newest backup of `application`, without those that `restore` made of what it replaced.
    pub fn newest(&self, application: &str) -> Result<Option<Backup>> {
        let wanted =
            |backup: &Backup| backup.is_of(application) && backup.reason() != Some(Reason::BeforeRestore);
        Ok(self.list()?.into_iter().find(wanted))
    }

    /// The backup that `given` names: one of this folder, else a folder itself. Without it, the newest.
    pub fn find(&self, cwd: &Path, given: Option<&str>, application: &str) -> Result<Backup> {
        let Some(given) = given else {
            return self.newest(application)?.ok_or_else(|| {
                Error::failed(format!("there is no backup of {application} in {}", self.dir.display()))
                    .help("todo-bootstrap backup create")
            });
        };
        let plain = !given.is_empty() && !given.starts_with('.') && !given.contains(['/', '\\']);
        let places = [plain.then(|| self.dir.join(given)), Some(cwd.join(given))];
        places.into_iter().flatten().find(|dir| dir.is_dir()).map(|dir| Backup::open(&dir)).ok_or_else(|| {
            Error::usage(format!("there is no backup `{given}`"))
                .because(format!("it is neither in {} nor a folder", self.dir.display()))
                .help("todo-bootstrap backup list")
        })
    }

    /// Makes a backup: `fill` writes its files into a private folder, which gets its name when it is complete.
    /// What an interrupted run left behind is deleted. The caller holds the lock of the cluster.
    pub(super) fn add(&self, now: Timestamp, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Backup> {
        let temp = self.temp_dir()?;
        fill(temp.path())?;
        files::sync(temp.path()).map_err(|e| Error::io("sync", temp.path(), &e))?;
        let dir = self.free_name(now);
        let temp = temp.keep();
        std::fs::rename(&temp, &dir).map_err(|e| Error::io("rename into place", &dir, &e))?;
        files::sync_dir(&dir)?;
        Ok(Backup::open(&dir))
    }

    fn temp_dir(&self) -> Result<tempfile::TempDir> {
        files::create_private_dir(&self.dir)?;
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                let path = entry.path();
                std::fs::remove_dir_all(&path).map_err(|e| Error::io("delete", &path, &e))?;
            }
        }
        let temp = files::temp_dir(&self.dir, PARTIAL)?;
        #[cfg(unix)]
        {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(temp.path(), private)
                .map_err(|e| Error::io("set the mode of", temp.path(), &e))?;
        }
        Ok(temp)
    }

    /// `2026-01-02T030405Z`; a second one in the same second ends in `-2`. The order of names is that of time.
    fn free_name(&self, now: Timestamp) -> PathBuf {
        let name = now.strftime("%Y-%m-%dT%H%M%SZ").to_string();
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered).map(|name| self.dir.join(name));
        names.find(|dir| !dir.exists()).unwrap_or_else(|| self.dir.join(&name))
    }

    /// Deletes all automatic backups of `application` with this reason except the newest [`KEPT`]; returns the
    /// deleted names. Damaged ones are kept: nobody knows what they are.
    pub fn expire(&self, application: &str, reason: Reason) -> Result<Vec<String>> {
        if reason == Reason::Manual {
            return Ok(Vec::new());
        }
        let same = |backup: &Backup| backup.is_of(application) && backup.reason() == Some(reason);
        let mut deleted = Vec::new();
        for backup in self.list()?.into_iter().filter(same).skip(KEPT) {
            std::fs::remove_dir_all(&backup.dir).map_err(|e| Error::io("delete", &backup.dir, &e))?;
            deleted.push(backup.name);
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::testing;
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf { dir: dir.path().join("backups/c") };
        (dir, shelf)
    }

    fn add(shelf: &Shelf, second: i64, reason: Reason) -> String {
        let fill = |dir: &Path| {
            testing::write(dir, reason, None, b"rows");
            Ok(())
        };
        shelf.add(Timestamp::from_second(1_770_000_000 + second).unwrap(), fill).unwrap().name
    }

    fn names(shelf: &Shelf) -> Vec<String> {
        shelf.list().unwrap().into_iter().map(|backup| backup.name).collect()
    }

    #[test]
    fn backups_are_named_by_their_date_and_listed_newest_first() {
        let (_dir, shelf) = shelf();
        assert!(shelf.list().unwrap().is_empty() && shelf.newest("shop").unwrap().is_none());
        for second in [1, 0, 1] {
            add(&shelf, second, Reason::Manual);
        }
        assert_eq!(names(&shelf), ["2026-02-02T024001Z-2", "2026-02-02T024001Z", "2026-02-02T024000Z"]);
        assert!(shelf.newest("another").unwrap().is_none());
    }

    #[test]
    #[cfg(unix)]
    fn a_backup_is_private_and_complete_or_absent() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_dir, shelf) = shelf();
        // A killed run leaves a part; a failed one nothing.
        files::create_private_dir(&shelf.dir).unwrap();
        std::fs::create_dir_all(shelf.dir.join(".partial-1/x")).unwrap();
        let failed = shelf.add(Timestamp::UNIX_EPOCH, |dir| {
            std::fs::write(dir.join("rows.dump"), "half").unwrap();
            Err(Error::failed("the volume is full"))
        });
        assert_eq!(failed.unwrap_err().what(), "the volume is full");
        assert_eq!(std::fs::read_dir(&shelf.dir).unwrap().count(), 0);
        let name = add(&shelf, 0, Reason::Manual);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&shelf.dir), mode(&shelf.dir.join(&name))), (0o700, 0o700));
        assert_eq!(mode(&shelf.dir.join(&name).join("manifest.json")), 0o600);
    }

    #[test]
    fn automatic_backups_expire_by_reason_and_manual_ones_never() {
        let (_dir, shelf) = shelf();
        let manual = add(&shelf, 0, Reason::Manual);
        let restored = add(&shelf, 1, Reason::BeforeRestore);
        let count = i64::try_from(KEPT).unwrap() + 2;
        let down: Vec<String> = (0..count).map(|at| add(&shelf, 10 + at, Reason::BeforeDown)).collect();
        let damaged = shelf.dir.join("2020-01-01T000000Z");
        std::fs::create_dir(&damaged).unwrap();
        assert_eq!(shelf.expire("shop", Reason::BeforeDown).unwrap(), [down[1].clone(), down[0].clone()]);
        assert!(shelf.expire("shop", Reason::Manual).unwrap().is_empty());
        assert!(shelf.expire("another", Reason::BeforeDown).unwrap().is_empty());
        let left = names(&shelf);
        assert!(left.contains(&manual) && left.contains(&restored) && damaged.exists(), "{left:?}");
        assert_eq!(left.len(), KEPT + 3);
    }

    #[test]
    fn restore_takes_the_newest_that_it_did_not_make_itself_or_the_one_that_is_named() {
        let (dir, shelf) = shelf();
        let cwd = dir.path();
        let error = shelf.find(cwd, None, "shop").unwrap_err();
        assert_eq!(error.hints(), ["todo-bootstrap backup create"]);
        let down = add(&shelf, 0, Reason::BeforeDown);
        let before = add(&shelf, 1, Reason::BeforeRestore);
        assert_eq!(shelf.find(cwd, None, "shop").unwrap().name, down);
        assert_eq!(shelf.find(cwd, Some(&before), "shop").unwrap().name, before);
        let path = format!("backups/c/{before}");
        assert_eq!(shelf.find(cwd, Some(&path), "shop").unwrap().name, before);
        for wrong in ["2000-01-01T000000Z", "..", ""] {
            let found = shelf.find(&cwd.join("none"), Some(wrong), "shop");
            assert!(found.is_err_and(|error| error.what().contains("no backup")), "{wrong}");
        }
    }
}
