//! The Linux distribution (`/etc/os-release`) and its package manager.

/// As `/etc/os-release` names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Distro {
    /// `debian`, `fedora`, `alpine`, …; `linux` where the file does not say.
    pub id: String,
    /// The distributions that it is derived from, nearest first.
    pub like: Vec<String>,
    /// Empty on rolling distributions.
    pub version: String,
    /// The release of Debian or Ubuntu that the packages are of (`bookworm`), where the file says it.
    pub codename: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    Apt,
    Dnf,
    Zypper,
    Pacman,
    Apk,
}

impl Distro {
    /// Reads the text of an os-release file (see `man 5 os-release`).
    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().rev().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
            line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
        };
        let id = value("ID");
        Self {
            id: if id.is_empty() { "linux".to_owned() } else { id },
            like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
            version: value("VERSION_ID"),
            // Derived distributions have names of their own, and say beside them what they stand on.
            codename: ["DEBIAN_CODENAME", "UBUNTU_CODENAME", "VERSION_CODENAME"]
                .map(value)
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default(),
        }
    }

    /// The package manager of this distribution or of the nearest one that it is derived from.
    pub fn packages(&self) -> Option<Packages> {
        std::iter::once(&self.id).chain(&self.like).find_map(|id| match id.as_str() {
            "debian" | "ubuntu" => Some(Packages::Apt),
            "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "amzn" | "ol" => Some(Packages::Dnf),
            "suse" | "opensuse" | "sles" | "opensuse-leap" | "opensuse-tumbleweed" => Some(Packages::Zypper),
            "arch" => Some(Packages::Pacman),
            "alpine" => Some(Packages::Apk),
            _ => None,
        })
    }

    /// Whether `id` is this distribution or one that it is derived from.
    pub fn is(&self, id: &str) -> bool {
        self.id == id || self.like.iter().any(|like| like == id)
    }

    pub fn is_debian_12_or_older(&self) -> bool {
        const NAMES: [&str; 4] = ["bookworm", "daedalus", "bullseye", "chimaera"];
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        NAMES.contains(&self.codename.as_str()) || (self.id == "debian" && major.is_some_and(|n| n <= 12))
    }

    /// `debian 12`.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.version).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    const UBUNTU: &str = "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n";
    const MINT: &str = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"\n";
    const FEDORA: &str = "NAME=\"Fedora Linux\"\nVERSION=\"41 (Server Edition)\"\nID=fedora\nVERSION_ID=41\n";
    const ROCKY: &str = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
    const ALPINE: &str = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n";
    const ARCH: &str = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n";
    const TUMBLEWEED: &str =
        "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\nVERSION_ID=\"20260101\"\n";
    const NIXOS: &str = "ID=nixos\nVERSION_ID=\"24.05\"\n";

    #[test]
    fn names_the_distribution() {
        let names = [DEBIAN, UBUNTU, FEDORA, ALPINE, ARCH, ""].map(|text| Distro::parse(text).name());
        assert_eq!(names, ["debian 12", "ubuntu 24.04", "fedora 41", "alpine 3.20.3", "arch", "linux"]);
        assert_eq!(Distro::parse(ROCKY).like, ["rhel", "centos", "fedora"]);
        assert!(Distro::parse(MINT).is("debian") && !Distro::parse(ARCH).is("debian"));
    }

    #[test]
    fn tells_what_stands_on_an_old_debian() {
        let old = |text: &str| Distro::parse(text).is_debian_12_or_older();
        assert!(old(DEBIAN) && old("ID=debian\nVERSION_ID=\"11\"\n"));
        assert!(old("ID=linuxmint\nID_LIKE=debian\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm\n"));
        assert!(!old("ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n"));
        assert!(!old("ID=debian\nVERSION_CODENAME=sid\n") && !old(UBUNTU) && !old(MINT));
    }

    #[test]
    fn finds_the_package_manager_of_derived_ones() {
        let packages = |text| Distro::parse(text).packages();
        assert_eq!([DEBIAN, UBUNTU, MINT].map(packages), [Some(Packages::Apt); 3]);
        assert_eq!([FEDORA, ROCKY].map(packages), [Some(Packages::Dnf); 2]);
        assert_eq!(packages(ALPINE), Some(Packages::Apk));
        assert_eq!(packages(ARCH), Some(Packages::Pacman));
        assert_eq!(packages(TUMBLEWEED), Some(Packages::Zypper));
        assert_eq!(packages(NIXOS), None);
    }
}
