//! Recorded machines, for tests.

use std::path::PathBuf;

use super::{Arch, Cgroup, Distro, Facts, Os};

/// A Linux machine on which nothing is amiss.
pub fn linux(os_release: &str) -> Facts {
    Facts {
        os: Os::Linux,
        arch: Arch::Amd64,
        cpus: 4,
        memory: 16 << 30,
        memory_available: 12 << 30,
        disk_free: 100 << 30,
        distro: Some(Distro::parse(os_release)),
        systemd: true,
        root: false,
        cgroup: Cgroup::V2,
        unmounted_controllers: Vec::new(),
        missing_capabilities: Vec::new(),
        wsl: false,
        local_cas: Vec::new(),
        proxies: Vec::new(),
        init: "systemd".to_owned(),
    }
}

pub fn debian() -> Facts {
    linux("ID=debian\nVERSION_ID=\"12\"\n")
}

/// The hardest machine that we know: a micro-VM without systemd, on cgroup v1, root.
pub fn micro_vm() -> Facts {
    Facts {
        systemd: false,
        root: true,
        cpus: 2,
        cgroup: Cgroup::Hybrid,
        unmounted_controllers: vec!["hugetlb".to_owned()],
        missing_capabilities: vec!["CAP_SYS_RESOURCE".to_owned()],
        local_cas: vec![PathBuf::from("/usr/local/share/ca-certificates/gateway.crt")],
        init: "init".to_owned(),
        ..debian()
    }
}

pub fn alpine() -> Facts {
    Facts { systemd: false, init: "init".to_owned(), ..linux("ID=alpine\nVERSION_ID=3.20.3\n") }
}

pub fn wsl() -> Facts {
    Facts { wsl: true, ..linux("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n") }
}

pub fn macos() -> Facts {
    Facts {
        os: Os::MacOs,
        arch: Arch::Arm64,
        distro: None,
        systemd: false,
        cgroup: Cgroup::None,
        init: String::new(),
        ..debian()
    }
}

pub fn windows() -> Facts {
    Facts { os: Os::Windows, ..macos() }
}
