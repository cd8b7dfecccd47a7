//! Debian root file systems: created by debootstrap from signed metadata, and packed reproducibly.

use std::path::Path;

use super::Source;
use super::programs::Debootstrap;
use super::recipe::{ROOTFS_TAR, Rootfs};
use crate::error::{Error, Result};
use crate::exec::Cmd;
#[cfg(unix)]
use crate::files::listing;
use crate::task::Task;

impl Source {
    /// Lays out the tree below `work` and packs it to `out`.
    pub(super) fn build_rootfs(
        &self,
        task: &Task<'_>,
        rootfs: &Rootfs,
        work: &Path,
        out: &Path,
    ) -> Result<()> {
        let tree = work.join("tree");
        let laid_out = task.run_lines(&self.debootstrap(rootfs, &tree)?, &mut |line| {
            if let Some(line) = line.strip_prefix("I: ") {
                task.say(line);
            }
        });
        laid_out.map_err(|error| error.because(tail(&tree.join("debootstrap/debootstrap.log"))))?;
        let authorities = tree.join("usr/local/share/ca-certificates");
        std::fs::create_dir_all(&authorities).map_err(|e| Error::io("create", &authorities, &e))?;
        for path in &self.facts.local_cas {
            let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
            // update-ca-certificates reads files of this ending only.
            let to = authorities.join(format!("{name}.crt"));
            std::fs::copy(path, &to).map_err(|e| Error::io("copy", path, &e))?;
        }
        task.say("pack the tree");
        pack(task, &tree, &out.join(ROOTFS_TAR))
    }

    /// In mounts of its own: whatever ends it, no mount of it stays on the host.
    fn debootstrap(&self, rootfs: &Rootfs, tree: &Path) -> Result<Cmd> {
        let tools = Debootstrap::find(&self.process_env)
            .ok_or_else(|| Error::host("debootstrap is not installed").help("apt-get install debootstrap"))?;
        let cmd = Cmd::new(&tools.unshare, format!("lay out Debian {}", rootfs.suite))
            .args(["--mount", "--"])
            .path(&tools.path)
            // Without it, a machine without Debian's keys would get unverified packages.
            .arg("--force-check-gpg")
            .arg(format!("--variant={}", rootfs.variant))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        let include = rootfs.include.join(",");
        let cmd = if include.is_empty() { cmd } else { cmd.arg(format!("--include={include}")) };
        Ok(cmd.arg(&rootfs.suite).path(tree))
    }
}

/// The last lines of debootstrap's own log, which goes with the tree; nothing if there is none.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// Folders whose content is not the tree's own: devices, what apt downloaded, logs.
#[cfg(unix)]
const EMPTY: [&str; 6] = ["dev", "proc", "sys", "var/cache/apt/archives", "var/lib/apt/lists", "var/log"];
/// Files that debootstrap takes from this machine.
#[cfg(unix)]
const HOST: [&str; 2] = ["etc/hostname", "etc/resolv.conf"];

/// Packs `tree`: sorted, owners by number, no times, hard links kept, devices left out.
#[cfg(unix)]
fn pack(task: &Task<'_>, tree: &Path, to: &Path) -> Result<()> {
    use std::io::Write as _;
    use walkdir::WalkDir;
    let file = std::fs::File::create(to).map_err(|e| Error::io("write", to, &e))?;
    let mut tar = tar::Builder::new(std::io::BufWriter::with_capacity(1 << 20, file));
    let mut links = std::collections::BTreeMap::new();
    let mut walk = WalkDir::new(tree).min_depth(1).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        task.check()?;
        let entry = entry.map_err(|error| listing(&error))?;
        let full = entry.path();
        let path = full
            .strip_prefix(tree)
            .unwrap_or(full)
            .to_str()
            .ok_or_else(|| Error::failed(format!("{} has a name that is not text", full.display())))?;
        if HOST.contains(&path) {
            continue;
        }
        let is_dir =
            unix::append(&mut tar, full, path, &mut links).map_err(|e| Error::io("pack", full, &e))?;
        if is_dir && EMPTY.contains(&path) {
            walk.skip_current_dir();
        }
    }
    let written = tar.into_inner().and_then(|mut inner| inner.flush());
    written.map_err(|e| Error::io("write", to, &e))
}

#[cfg(not(unix))]
fn pack(_task: &Task<'_>, tree: &Path, _to: &Path) -> Result<()> {
    Err(Error::host(format!("cannot pack {} on this system", tree.display())))
}

#[cfg(unix)]
mod unix {
    use std::collections::BTreeMap;
    use std::io::{Read as _, Write};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use tar::{EntryType, Header};

    /// Adds one path; returns whether it is a folder. `links` has the first name of each file with several.
    pub fn append<W: Write>(
        tar: &mut tar::Builder<W>,
        full: &Path,
        path: &str,
        links: &mut BTreeMap<(u64, u64), String>,
    ) -> std::io::Result<bool> {
        let meta = full.symlink_metadata()?;
        let mut header = Header::new_gnu();
        header.set_uid(meta.uid().into());
        header.set_gid(meta.gid().into());
        header.set_mode(meta.mode() & 0o7777);
        header.set_mtime(0);
        header.set_size(0);
        let kind = meta.file_type();
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
        } else if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, path, std::fs::read_link(full)?)?;
        } else if kind.is_file() {
            let first = links.get(&(meta.dev(), meta.ino())).filter(|_| meta.nlink() > 1);
            if let Some(first) = first {
                header.set_entry_type(EntryType::Link);
                tar.append_link(&mut header, path, first)?;
            } else {
                links.insert((meta.dev(), meta.ino()), path.to_owned());
                header.set_entry_type(EntryType::Regular);
                header.set_size(meta.len());
                tar.append_data(&mut header, path, std::fs::File::open(full)?.take(meta.len()))?;
            }
        }
        Ok(kind.is_dir())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn tree(dir: &Path) {
        let write = |path: &str, mode: u32| {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, path.file_name().unwrap().as_encoded_bytes()).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for (path, mode) in [
            ("usr/bin/su", 0o4755),
            ("usr/bin/perl", 0o755),
            ("etc/hostname", 0o644),
            ("dev/console", 0o600),
            ("var/lib/apt/lists/big", 0o644),
            ("var/lib/dpkg/status", 0o644),
        ] {
            write(path, mode);
        }
        std::fs::hard_link(dir.join("usr/bin/perl"), dir.join("usr/bin/perl5")).unwrap();
        symlink("usr/bin", dir.join("bin")).unwrap();
        symlink("/nowhere", dir.join("etc/dangling")).unwrap();
    }

    fn packed() -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (root, to) = (dir.path().join("tree"), dir.path().join("rootfs.tar"));
        tree(&root);
        with_task(&Script::default(), |task| pack(task, &root, &to)).0.unwrap();
        std::fs::read(to).unwrap()
    }

    #[test]
    fn keeps_modes_and_links_and_leaves_out_what_is_the_host_s() {
        let bytes = packed();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let link = entry.link_name().unwrap().map(|link| link.display().to_string()).unwrap_or(content);
            let path = entry.path().unwrap().display().to_string();
            found.push(format!("{path} {:o} {link}", entry.header().mode().unwrap() & 0o7000));
        }
        let wanted = [
            "bin 0 usr/bin",
            "dev/ 0 ",
            "etc/ 0 ",
            "etc/dangling 0 /nowhere",
            "usr/ 0 ",
            "usr/bin/ 0 ",
            "usr/bin/perl 0 perl",
            "usr/bin/perl5 0 usr/bin/perl",
            "usr/bin/su 4000 su",
            "var/ 0 ",
            "var/lib/ 0 ",
            "var/lib/apt/ 0 ",
            "var/lib/apt/lists/ 0 ",
            "var/lib/dpkg/ 0 ",
            "var/lib/dpkg/status 0 status",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        assert_eq!(packed(), packed());
    }
}
