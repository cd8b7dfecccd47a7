//! Which cgroup hierarchies are mounted, and which controllers of the kernel are not.

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cgroup {
    V1,
    V2,
    /// Controllers in v1 hierarchies, with a v2 tree mounted beside them; engines see v1.
    Hybrid,
    /// Not Linux, or nothing mounted.
    None,
}

impl Cgroup {
    /// What the engine and the kubelet work with: hybrid is v1 to them.
    pub fn version(self) -> Option<u8> {
        match self {
            Self::V1 | Self::Hybrid => Some(1),
            Self::V2 => Some(2),
            Self::None => None,
        }
    }

    /// Reads `/proc/self/mountinfo`.
    pub fn parse(mountinfo: &str) -> Self {
        let (mut v1, mut v2) = (false, false);
        for (point, kind, options) in mounts(mountinfo) {
            match kind {
                "cgroup2" if point == "/sys/fs/cgroup" => return Self::V2,
                "cgroup2" => v2 = true,
                "cgroup" if !options.contains("name=") => v1 = true,
                _ => {}
            }
        }
        match (v1, v2) {
            (true, true) => Self::Hybrid,
            (true, false) => Self::V1,
            (false, true) => Self::V2,
            (false, false) => Self::None,
        }
    }
}

/// v1 controllers of the kernel (the text of `/proc/cgroups`) that no hierarchy is mounted for. A container with
/// the host's cgroup namespace mounts them, and a kubelet elsewhere then misses their paths.
pub fn unmounted(mountinfo: &str, cgroups: &str) -> Vec<String> {
    if Cgroup::parse(mountinfo).version() != Some(1) {
        return Vec::new();
    }
    let mounted: Vec<&str> = mounts(mountinfo)
        .filter(|(_, kind, _)| *kind == "cgroup")
        .flat_map(|(_, _, o)| o.split(','))
        .collect();
    let enabled = cgroups.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(3) == Some(&"1")).then(|| fields[0])
    });
    enabled.filter(|name| !mounted.contains(name)).map(str::to_owned).collect()
}

/// Mount point, file system type and super options of each mount.
fn mounts(mountinfo: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    mountinfo.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        Some((left.split(' ').nth(4)?, right.next()?, right.nth(1)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw\n\
        30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const MICRO_VM: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const JOINT: &str =
        "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n";
    const NAME_ONLY: &str = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const WSL_NONE: &str = "60 1 0:3 / / rw - ext4 /dev/sdc rw,discard\n";
    const CGROUPS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\ncpuacct\t2\t1\t1\n\
        memory\t4\t19\t1\nhugetlb\t0\t1\t1\nrdma\t0\t1\t0\n";

    #[test]
    fn tells_the_layouts_apart() {
        let seen = [V2, MICRO_VM, JOINT, WSL_NONE, "", NAME_ONLY].map(Cgroup::parse);
        assert_eq!(seen, [Cgroup::V2, Cgroup::Hybrid, Cgroup::V1, Cgroup::None, Cgroup::None, Cgroup::V2]);
    }

    #[test]
    fn finds_what_nobody_mounted() {
        assert_eq!(unmounted(MICRO_VM, CGROUPS), ["cpuacct", "hugetlb"]);
        assert_eq!(unmounted(JOINT, CGROUPS), ["memory", "hugetlb"]);
        assert!(unmounted(V2, CGROUPS).is_empty());
    }
}
