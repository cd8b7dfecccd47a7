//! Facts about the machine on which decisions are based.

use std::path::{Path, PathBuf};

use super::{Cgroup, Distro, authority, capability, cgroup};
use crate::process_env::ProcessEnv;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    Linux,
    MacOs,
    Windows,
}

impl Os {
    /// The name in Go's and the OCI's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "darwin",
            Self::Windows => "windows",
        }
    }

    fn here() -> Self {
        match std::env::consts::OS {
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    Amd64,
    Arm64,
    /// One that nothing is published for.
    Other,
}

impl Arch {
    /// The name in Go's and the OCI's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Other => std::env::consts::ARCH,
        }
    }

    /// That of this program.
    pub fn here() -> Self {
        match std::env::consts::ARCH {
            "x86_64" => Self::Amd64,
            "aarch64" => Self::Arm64,
            _ => Self::Other,
        }
    }
}

/// What [`probe`] found; plain values, so that a test can record any machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Facts {
    pub os: Os,
    pub arch: Arch,
    /// What this process may use, limits of its cgroup included.
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes that can be had without swapping.
    pub memory_available: u64,
    /// Bytes free for this user on the file system of the cache directory.
    pub disk_free: u64,
    /// Linux only.
    pub distro: Option<Distro>,
    /// Whether systemd is process 1.
    pub systemd: bool,
    pub root: bool,
    pub cgroup: Cgroup,
    /// v1 controllers of the kernel that are not mounted.
    pub unmounted_controllers: Vec<String>,
    /// `CAP_SYS_RESOURCE`, …: what the bounding set of this machine lacks.
    pub missing_capabilities: Vec<String>,
    pub wsl: bool,
    /// Certificate authorities that were added by hand.
    pub local_cas: Vec<PathBuf>,
    /// The names (never the values) of the proxy variables that are set.
    pub proxies: Vec<String>,
    /// The process that `/proc/1` is, empty if that cannot be known.
    pub init: String,
}

impl Facts {
    /// `linux/amd64`: the platform of what runs in the engine on this machine.
    pub fn container_platform(&self) -> String {
        format!("linux/{}", self.arch.name())
    }

    /// `darwin/arm64`: the platform of tools that run here.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.os.name(), self.arch.name())
    }
}

/// Asks the machine; no process is started. `cache` need not exist yet.
pub fn probe(process_env: &ProcessEnv, cache: &Path) -> Facts {
    let os = Os::here();
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mountinfo = text("/proc/self/mountinfo");
    let init = text("/proc/1/comm").trim().to_owned();
    let memory = memory();
    Facts {
        os,
        arch: Arch::here(),
        cpus: std::thread::available_parallelism()
            .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        memory: memory.0,
        memory_available: memory.1,
        disk_free: disk_free(cache),
        distro: (os == Os::Linux).then(distro),
        systemd: init == "systemd" && Path::new("/run/systemd/system").is_dir(),
        root: is_root(),
        cgroup: Cgroup::parse(&mountinfo),
        unmounted_controllers: cgroup::unmounted(&mountinfo, &text("/proc/cgroups")),
        missing_capabilities: capability::missing(
            &text("/proc/self/status"),
            text("/proc/sys/kernel/cap_last_cap").trim().parse().ok(),
        ),
        wsl: is_wsl(&text("/proc/sys/kernel/osrelease")),
        local_cas: authority::local(Path::new("/")),
        proxies: proxies(process_env),
        init,
    }
}

fn distro() -> Distro {
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    Distro::parse(&text)
}

/// WSL's kernels say so in their release: `5.15.153.1-microsoft-standard-WSL2`.
fn is_wsl(osrelease: &str) -> bool {
    osrelease.to_ascii_lowercase().contains("microsoft")
}

fn proxies(process_env: &ProcessEnv) -> Vec<String> {
    const NAMES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    let upper = |name: &&str| name.to_ascii_uppercase();
    let both = NAMES.iter().map(|name| (*name).to_owned()).chain(NAMES.iter().map(upper));
    both.filter(|name| process_env.var(name).is_some()).collect()
}

/// The names of the proxy variables for containers, which cannot reach a proxy on this machine's loopback address.
pub fn container_proxies(process_env: &ProcessEnv) -> Vec<String> {
    let mut names = proxies(process_env);
    let exceptions = |name: &str| name.eq_ignore_ascii_case("no_proxy");
    names.retain(|name| exceptions(name) || !process_env.var(name).is_some_and(is_loopback));
    if names.iter().all(|name| exceptions(name)) { Vec::new() } else { names }
}

/// Of `http://user@127.0.0.1:3128`, or the same without scheme.
fn is_loopback(proxy: &str) -> bool {
    let rest = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost") || name.starts_with("127.") || name == "[::1]"
}

/// Total and available bytes, cut to the limit of the cgroup that we run in.
fn memory() -> (u64, u64) {
    use sysinfo::{MemoryRefreshKind, System};
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let (total, available) = (system.total_memory(), system.available_memory());
    match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 && limits.total_memory < total => {
            (limits.total_memory, available.min(limits.free_memory))
        }
        _ => (total, available),
    }
}

/// Bytes free for this user on the file system of a folder, which need not exist yet.
#[cfg(unix)]
pub fn disk_free(cache: &Path) -> u64 {
    let existing = cache.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
    rustix::fs::statvfs(existing).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes free for this user on the file system of a folder, which need not exist yet.
#[cfg(not(unix))]
pub fn disk_free(cache: &Path) -> u64 {
    let disks = sysinfo::Disks::new_with_refreshed_list();
    let holding = disks.iter().filter(|disk| cache.starts_with(disk.mount_point()));
    let nearest = holding.max_by_key(|disk| disk.mount_point().as_os_str().len());
    nearest.map_or(0, sysinfo::Disk::available_space)
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::recorded::{macos, micro_vm};

    #[test]
    fn knows_wsl_by_its_kernel() {
        assert!(is_wsl("5.15.153.1-microsoft-standard-WSL2\n") && is_wsl("4.4.0-19041-Microsoft"));
        assert!(!is_wsl("6.1.0-28-amd64") && !is_wsl(""));
    }

    #[test]
    fn containers_get_the_proxies_that_they_can_reach() {
        let names = |variables: &[(&str, &str)]| {
            let mut process_env = ProcessEnv::real();
            process_env.env =
                variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
            container_proxies(&process_env)
        };
        let company = ("HTTPS_PROXY", "http://me:secret@proxy.example:3128/");
        let empty = ("http_proxy", "");
        assert_eq!(names(&[company, ("no_proxy", "localhost"), empty]), ["no_proxy", "HTTPS_PROXY"]);
        for local in
            ["http://127.0.0.1:3128", "localhost:3128", "http://me@[::1]:8080/", "socks5://127.1.2.3"]
        {
            assert_eq!(names(&[("http_proxy", local), company]), ["HTTPS_PROXY"], "{local}");
            assert!(names(&[("ALL_PROXY", local), ("NO_PROXY", "localhost")]).is_empty(), "{local}");
        }
    }

    #[test]
    fn platforms_are_written_as_go_writes_them() {
        assert_eq!(macos().platform(), "darwin/arm64");
        assert_eq!(macos().container_platform(), "linux/arm64");
        assert_eq!(micro_vm().platform(), "linux/amd64");
    }

    #[test]
    fn this_machine_is_probed_even_where_the_cache_is_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        let facts = probe(&ProcessEnv::real(), &dir.path().join("none/cache"));
        assert!(facts.cpus > 0 && facts.memory > 0 && facts.disk_free > 0, "{facts:?}");
        assert!(facts.memory_available <= facts.memory);
    }
}
