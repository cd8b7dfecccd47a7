//! Certificate authorities that this machine's owner added: what a TLS-inspecting gateway needs.

use std::path::{Path, PathBuf};

/// Where distributions keep the authorities that were added by hand.
const FOLDERS: [&str; 5] = [
    "usr/local/share/ca-certificates",          // Debian, Ubuntu, Alpine
    "etc/pki/ca-trust/source/anchors",          // Fedora, RHEL
    "etc/ca-certificates/trust-source/anchors", // Arch
    "etc/pki/trust/anchors",                    // SUSE
    "usr/share/pki/trust/anchors",              // SUSE, by packages
];

/// The PEM files below `root` (`/`, but for tests), sorted.
pub fn local(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), 2, &mut found);
    }
    found.sort();
    found
}

fn collect(dir: &Path, depth: u8, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if is_certificate(&path) {
            found.push(path);
        }
    }
}

fn is_certificate(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "crt" | "pem" | "cer")
        && std::fs::read(path).is_ok_and(|bytes| contains(&bytes, b"-----BEGIN CERTIFICATE-----"))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn finds_pem_files_in_the_folders_of_each_distribution() {
        let root = tempfile::tempdir().unwrap();
        let pem = "# gateway\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (path, text) in [
            ("usr/local/share/ca-certificates/corp/proxy.crt", pem),
            ("usr/local/share/ca-certificates/readme.txt", pem),
            ("usr/local/share/ca-certificates/empty.crt", ""),
            ("etc/pki/ca-trust/source/anchors/gateway.pem", pem),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = local(root.path());
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(
            names.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>(),
            ["etc/pki/ca-trust/source/anchors/gateway.pem", "usr/local/share/ca-certificates/corp/proxy.crt"]
        );
    }
}
