//! The hash of all inputs of an image.

use std::fs::Metadata;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::Order;
use super::ignore::Ignore;
use crate::error::{Error, Result};
use crate::files::{hex, listing, sha256_file};

/// Changed when the hash is computed differently.
const FORMAT: &str = "todo-bootstrap image inputs 4";

/// The sha256 over the files of the build context that `.dockerignore` leaves in (paths, contents, links, and whether
/// their owner may execute them: all that git keeps of a mode, so that the umask of a checkout does not count), the
/// Dockerfile, the digest of the base image, the target and what it means; not over times and labels.
pub fn inputs_hash(order: &Order<'_>) -> Result<String> {
    let spec = order.spec;
    let mut hasher = Sha256::new();
    add(&mut hasher, &["format", FORMAT, "base", order.base.map_or("none", |base| &base.digest)]);
    add(&mut hasher, &["dockerfile", &sha256_file(&spec.dockerfile)?.0]);
    let meaning = order.meaning()?;
    add(&mut hasher, &["target", order.target.name(), "stage", meaning.stage.as_deref().unwrap_or_default()]);
    for (name, value) in &meaning.args {
        add(&mut hasher, &["argument", name, value]);
    }
    let ignore = Ignore::load(&spec.context, &spec.dockerfile)?;
    for (relative, entry) in included(&spec.context, &ignore)? {
        let path = entry.path();
        let meta = entry.metadata().map_err(|error| listing(&error))?;
        if meta.is_dir() {
            add(&mut hasher, &["folder", &relative]);
        } else if meta.is_symlink() {
            let target = std::fs::read_link(path).map_err(|e| Error::io("read the link", path, &e))?;
            add(&mut hasher, &["link", &relative, &target.to_string_lossy()]);
        } else if meta.is_file() {
            add(&mut hasher, &["file", &relative, mode(&meta), &sha256_file(path)?.0]);
        }
        // Sockets and pipes are not sent to a builder.
    }
    Ok(hex(&hasher.finalize()))
}

/// Each field with its length before it, so that no two lists of fields look alike.
fn add(hasher: &mut Sha256, fields: &[&str]) {
    for field in fields {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
}

/// What is in a build context and not excluded by `.dockerignore`, with its relative path.
pub(super) fn included(context: &Path, ignore: &Ignore) -> Result<Vec<(String, DirEntry)>> {
    let mut found = Vec::new();
    let mut walk = WalkDir::new(context).min_depth(1).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|error| listing(&error))?;
        let path = entry.path();
        let relative = path
            .strip_prefix(context)
            .unwrap_or(path)
            .to_str()
            .ok_or_else(|| Error::failed(format!("{} has a name that is not text", path.display())))?;
        let relative = relative.replace(std::path::MAIN_SEPARATOR, "/");
        let excluded = ignore.excludes(&relative);
        if excluded && entry.file_type().is_dir() && !ignore.has_exceptions_below(&relative) {
            walk.skip_current_dir();
        }
        if !excluded {
            found.push((relative, entry));
        }
    }
    Ok(found)
}

#[cfg(unix)]
fn mode(meta: &Metadata) -> &'static str {
    use std::os::unix::fs::PermissionsExt as _;
    if meta.permissions().mode() & 0o100 == 0 { "" } else { "executable" }
}

#[cfg(not(unix))]
fn mode(_meta: &Metadata) -> &'static str {
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Application, Target, TargetSpec};
    use crate::images::testing::application;

    /// An application with an image whose Dockerfile has a stage and an argument.
    fn project(dir: &Path) -> Application {
        let app = application(dir);
        std::fs::create_dir(dir.join("src")).unwrap();
        for (name, text) in
            [("Dockerfile", "ARG MODE\nFROM scratch AS dev"), ("src/a", "a"), (".dockerignore", "*.log\n")]
        {
            std::fs::write(dir.join(name), text).unwrap();
        }
        app
    }

    fn hash(app: &Application, target: Target, base: Option<&str>) -> String {
        let base = base.map(crate::images::testing::stored);
        inputs_hash(&Order { app, spec: &app.images[0], target, base: base.as_ref() }).unwrap()
    }

    fn changes(change: impl FnOnce(&Path)) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let app = project(dir.path());
        let before = hash(&app, Target::Prod, Some("sha256:1"));
        change(dir.path());
        before != hash(&app, Target::Prod, Some("sha256:1"))
    }

    #[test]
    fn content_names_and_base_count() {
        assert!(changes(|dir| std::fs::write(dir.join("src/a"), "b").unwrap()));
        assert!(changes(|dir| std::fs::write(dir.join("Dockerfile"), "FROM x").unwrap()));
        assert!(changes(|dir| std::fs::rename(dir.join("src/a"), dir.join("src/b")).unwrap()));
        assert!(changes(|dir| std::fs::write(dir.join("src/new"), "").unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let app = project(dir.path());
        let with = |base: Option<&str>| hash(&app, Target::Prod, base);
        assert_ne!(with(Some("sha256:1")), with(Some("sha256:2")));
        assert_ne!(with(Some("sha256:1")), with(None));
    }

    #[test]
    fn the_target_and_what_it_means_count() {
        let dir = tempfile::tempdir().unwrap();
        let mut app = project(dir.path());
        let plain = hash(&app, Target::Dev, None);
        assert_ne!(plain, hash(&app, Target::Prod, None));
        let args = [("MODE".to_owned(), "fast".to_owned())].into();
        app.images[0].targets.insert(Target::Dev, TargetSpec { stage: None, args });
        assert_ne!(plain, hash(&app, Target::Dev, None));
    }

    #[test]
    #[cfg(unix)]
    fn an_executable_and_a_links_target_count_but_no_umask() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let set = |dir: &Path, name: &str, mode| {
            std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        assert!(changes(|dir| set(dir, "src/a", 0o755)));
        // A checkout with the umask 077, or 002.
        for (file, folder) in [(0o600, 0o700), (0o664, 0o775)] {
            assert!(!changes(|dir| {
                set(dir, "src/a", file);
                set(dir, "src", folder);
            }));
        }
        let dir = tempfile::tempdir().unwrap();
        let app = project(dir.path());
        let link = dir.path().join("link");
        let with = |target: &str| {
            let _ = std::fs::remove_file(&link);
            symlink(target, &link).unwrap();
            hash(&app, Target::Prod, None)
        };
        assert_ne!(with("src/a"), with("src/b"));
    }

    /// Two images with one context and an ignore file each: `<Dockerfile>.dockerignore`.
    #[test]
    fn images_that_share_a_folder_change_with_it_and_not_with_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let mut app = application(dir.path());
        app.images.push(app.images[0].clone());
        for name in ["common", "one", "two"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            write(&format!("{name}/code"), "first");
        }
        for (image, name) in app.images.iter_mut().zip(["one", "two"]) {
            write(&format!("{name}/Dockerfile"), "FROM scratch");
            write(&format!("{name}/Dockerfile.dockerignore"), &format!("*\n!common\n!{name}/code\n"));
            image.dockerfile = dir.path().join(name).join("Dockerfile");
        }
        let hashes = || {
            [0, 1].map(|image| {
                let order = Order { app: &app, spec: &app.images[image], target: Target::Prod, base: None };
                inputs_hash(&order).unwrap()
            })
        };
        let [one, two] = hashes();
        write("one/code", "second");
        assert!(hashes()[0] != one && hashes()[1] == two);
        write("common/code", "second");
        assert!(hashes()[1] != two);
    }

    #[test]
    fn times_and_ignored_files_do_not_count() {
        assert!(!changes(|dir| std::fs::write(dir.join("src/a"), "a").unwrap()));
        assert!(!changes(|dir| std::fs::write(dir.join("x.log"), "noise").unwrap()));
    }
}
