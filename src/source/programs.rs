//! The programs on this machine that builds need: Go, debootstrap.

use std::path::{Path, PathBuf};

use semver::Version;

use super::recipe::Kind;
use crate::host::{Facts, Os};
use crate::process_env::ProcessEnv;

/// The oldest Go that builds every module: the newest that one of them asks for.
const OLDEST_GO: Version = Version::new(1, 26, 4);

/// The Go command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    pub path: PathBuf,
    /// As Go writes it (`go1.24.3`); `unknown` where its distribution has no VERSION file.
    pub version: String,
}

impl Toolchain {
    /// Looks on `PATH` and where Go's own archive is unpacked to; starts no process.
    pub fn find(process_env: &ProcessEnv) -> Option<Self> {
        let path = program(process_env, "go", &["/usr/local/go/bin"])?;
        let root = path.canonicalize().ok().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
        let version = root.and_then(|root| std::fs::read_to_string(root.join("VERSION")).ok());
        let version = version.as_deref().and_then(|text| text.lines().next()).map(str::trim);
        Some(Self { path, version: version.unwrap_or("unknown").to_owned() })
    }
}

/// `go1.24.3` or `go1.26rc1` as a version.
fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix("go")?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut parts = text[..end].split('.').map(|part| part.parse().ok());
    Some(Version::new(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// debootstrap, and the program that gives it mounts of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debootstrap {
    pub path: PathBuf,
    pub unshare: PathBuf,
    /// Whether the keys of Debian's archive are installed, which only Debian depends on.
    pub keys: bool,
}

/// The package of the keys, and where debootstrap looks for them: `.pgp` since Debian 13.
pub(super) const KEYS: &str = "debian-archive-keyring";
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Whether the keys of Debian's archive are installed.
pub(super) fn has_keys() -> bool {
    KEYRINGS.iter().any(|file| Path::new(file).is_file())
}

impl Debootstrap {
    /// Looks on `PATH` and in the folders of system programs; starts no process.
    pub fn find(process_env: &ProcessEnv) -> Option<Self> {
        let path = program(process_env, "debootstrap", &["/usr/sbin", "/sbin"])?;
        Some(Self {
            path,
            unshare: program(process_env, "unshare", &["/usr/bin", "/bin"])?,
            keys: has_keys(),
        })
    }
}

pub(super) fn program(process_env: &ProcessEnv, name: &str, folders: &[&str]) -> Option<PathBuf> {
    let on_path =
        process_env.env.get("PATH").and_then(|path| which::which_in(name, Some(path), &process_env.cwd).ok());
    let usual = || folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    on_path.or_else(usual)
}

/// Why an artifact of this kind cannot be made here, with the remedy.
pub fn obstacle(
    kind: &Kind,
    facts: &Facts,
    go: Option<&Toolchain>,
    debootstrap: Option<&Debootstrap>,
) -> Option<String> {
    if !matches!(kind, Kind::Go(_)) && facts.os != Os::Linux {
        return Some(format!("images can be built from source on Linux only, this is {}", facts.os.name()));
    }
    if kind.uses_go() {
        match go {
            None => return Some(format!("Go {OLDEST_GO} or newer is not installed (https://go.dev/dl)")),
            Some(go) if version(&go.version).is_some_and(|version| version < OLDEST_GO) => {
                let path = go.path.display();
                return Some(format!("{path} is {}, Go {OLDEST_GO} or newer is needed", go.version));
            }
            Some(_) => {}
        }
    }
    if !matches!(kind, Kind::Rootfs(_)) {
        return None;
    }
    if !facts.root {
        return Some("building a root file system requires root (use sudo)".to_owned());
    }
    match debootstrap {
        None => Some(format!("debootstrap is not installed (apt-get install debootstrap {KEYS})")),
        Some(tool) if !tool.keys => {
            Some(format!("the keys of Debian's archive are not installed (apt-get install {KEYS})"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{Go, Rootfs};
    use super::*;
    use crate::host::recorded;

    fn go() -> Kind {
        Kind::Go(Go {
            module: "m".to_owned(),
            cgo: false,
            tags: Vec::new(),
            ldflags: Vec::new(),
            outputs: [("a".to_owned(), "./a".to_owned())].into(),
        })
    }

    fn rootfs() -> Kind {
        Kind::Rootfs(Rootfs { suite: "s".to_owned(), variant: "v".to_owned(), include: Vec::new() })
    }

    fn toolchain(version: &str) -> Toolchain {
        Toolchain { path: "/go/bin/go".into(), version: version.to_owned() }
    }

    #[test]
    fn go_is_judged_by_its_version() {
        let judge = |go: Option<&Toolchain>| obstacle(&self::go(), &recorded::debian(), go, None);
        assert!(judge(None).unwrap().contains("not installed"));
        assert_eq!(
            judge(Some(&toolchain("go1.19.8"))).unwrap(),
            "/go/bin/go is go1.19.8, Go 1.26.4 or newer is needed"
        );
        assert!(judge(Some(&toolchain("go1.25.9"))).is_some());
        for fine in ["go1.26.4", "go1.26.8", "go1.27rc1", "unknown", "devel go1.28-abc"] {
            assert_eq!(judge(Some(&toolchain(fine))), None, "{fine}");
        }
    }

    #[test]
    fn a_root_file_system_wants_linux_root_and_debootstrap() {
        let tools = Debootstrap { path: "/d".into(), unshare: "/u".into(), keys: true };
        let ubuntu = Debootstrap { keys: false, ..tools.clone() };
        let judge = |facts: &Facts, tools| obstacle(&rootfs(), facts, None, tools).unwrap_or_default();
        let root = Facts { root: true, ..recorded::debian() };
        assert!(judge(&recorded::macos(), Some(&tools)).contains("on Linux only, this is darwin"));
        assert!(judge(&recorded::debian(), Some(&tools)).contains("requires root"));
        assert!(judge(&root, None).contains("apt-get install debootstrap"));
        assert!(judge(&root, Some(&ubuntu)).contains("apt-get install debian-archive-keyring"));
        assert_eq!(judge(&root, Some(&tools)), "");
    }
}
