//! The folders that are written to: on which file system they are, and whether they may be used.

use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Home,
    /// Tools that are run, and images.
    Cache,
    State,
    /// `TMPDIR`.
    Temp,
}

/// A folder, or the nearest existing one above it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub struct Folder {
    pub purpose: Purpose,
    pub path: PathBuf,
    /// As Linux names it: `ext4`, `nfs4`; empty if it is not known.
    pub file_system: String,
    /// Whether it is on another machine.
    pub network: bool,
    /// Whether programs in it cannot be run.
    pub noexec: bool,
    pub read_only: bool,
    /// Whether this user may create files in it.
    pub writable: bool,
    /// The user that it belongs to, if that is another one.
    pub owner: Option<u32>,
}

impl Folder {
    /// `mountinfo` is the text of `/proc/self/mountinfo`, empty on other systems.
    pub fn inspect(purpose: Purpose, path: &Path, mountinfo: &str) -> Self {
        let existing = path.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
        let existing = existing.canonicalize().unwrap_or_else(|_| existing.to_owned());
        let (file_system, options) = mount(mountinfo, &existing).unwrap_or_default();
        let (noexec, read_only) = flags(&existing);
        let network = is_network(&file_system, &options);
        let (writable, owner) = (is_writable(&existing), owner(&existing));
        Self { purpose, path: existing, file_system, network, noexec, read_only, writable, owner }
    }
}

/// The type and the options of the mount that `path` is on: of the last one at the longest mount point.
fn mount(mountinfo: &str, path: &Path) -> Option<(String, String)> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        // A space in a path is written as \040 (proc_pid_mountinfo(5)).
        let point = left.split(' ').nth(4)?.replace("\\040", " ");
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?.to_owned(), right.nth(1).unwrap_or_default().to_owned());
        path.starts_with(&point).then_some((point.len(), kind, options))
    });
    mounts.max_by_key(|(length, ..)| *length).map(|(_, kind, options)| (kind, options))
}

fn is_network(kind: &str, options: &str) -> bool {
    const KINDS: [&str; 15] = [
        "nfs",
        "nfs3",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "ncpfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.rclone",
    ];
    // The drives of Windows in WSL 2; other virtual machines have their own disks as 9p.
    KINDS.contains(&kind) || (kind == "9p" && options.contains("aname=drvfs"))
}

/// Whether programs cannot be run, and files not be written, by the flags of the mount.
#[cfg(unix)]
fn flags(path: &Path) -> (bool, bool) {
    use rustix::fs::StatVfsMountFlags;
    let Ok(flags) = rustix::fs::statvfs(path).map(|stat| stat.f_flag) else { return (false, false) };
    #[cfg(target_os = "linux")]
    let noexec = flags.contains(StatVfsMountFlags::NOEXEC);
    // Other systems do not tell.
    #[cfg(not(target_os = "linux"))]
    let noexec = false;
    (noexec, flags.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(unix)]
fn is_writable(path: &Path) -> bool {
    use rustix::fs::Access;
    rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let (found, own) = (std::fs::metadata(path).ok()?.uid(), rustix::process::geteuid().as_raw());
    (found != own).then_some(found)
}

#[cfg(not(unix))]
fn flags(_path: &Path) -> (bool, bool) {
    (false, false)
}

#[cfg(not(unix))]
fn is_writable(_path: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn owner(_path: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
        90 22 0:50 / /home rw,relatime - nfs4 filer:/home rw,vers=4.2\n\
        91 90 0:51 / /home/me/My\\040Disk rw - ext4 /dev/sdb1 rw\n\
        92 22 0:52 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs;path=C:\\;uid=1000\n\
        93 22 0:53 / /shared rw - 9p share rw,trans=virtio\n\
        94 22 0:54 / /shared rw - tmpfs tmpfs rw\n";

    #[test]
    fn the_nearest_and_latest_mount_tells_where_a_folder_is() {
        for (path, kind, network) in [
            ("/var/tmp", "ext4", false),
            ("/home/me/.cache", "nfs4", true),
            ("/homework", "ext4", false),
            ("/home/me/My Disk/x", "ext4", false),
            ("/mnt/c/Users/me", "9p", true),
            ("/shared/x", "tmpfs", false),
        ] {
            let (found, options) = mount(MOUNTS, Path::new(path)).unwrap();
            assert_eq!((found.as_str(), is_network(&found, &options)), (kind, network), "{path}");
        }
        assert!(!is_network("9p", "rw,trans=virtio"));
        assert_eq!(mount("", Path::new("/")), None);
    }

    #[test]
    fn a_folder_that_is_missing_stands_for_the_one_above() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let folder = Folder::inspect(Purpose::Cache, &dir.join("none/cache"), "");
        assert_eq!((folder.path, folder.writable, folder.owner), (dir, true, None));
        assert!(!folder.read_only && folder.file_system.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_written_to_is_noticed() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
        let folder = Folder::inspect(Purpose::Cache, dir.path(), "");
        assert_eq!(folder.writable, rustix::process::geteuid().is_root());
    }
}
