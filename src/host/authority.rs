//! Certificate authorities that were added to this machine, for example for a TLS-inspecting gateway.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Where distributions keep added authorities.
const FOLDERS: [&str; 5] = [
    "usr/local/share/ca-certificates",          // Debian, Ubuntu, Alpine
    "etc/pki/ca-trust/source/anchors",          // Fedora, RHEL
    "etc/ca-certificates/trust-source/anchors", // Arch
    "etc/pki/trust/anchors",                    // SUSE
    "usr/share/pki/trust/anchors",              // SUSE, by packages
];

/// The first line of a certificate in PEM.
pub(super) const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// The PEM files below `root` (`/`, but for tests), sorted.
pub fn local(root: &Path) -> Vec<PathBuf> {
    let files = FOLDERS.iter().flat_map(|folder| {
        let walk = WalkDir::new(root.join(folder)).max_depth(3).follow_links(true);
        walk.into_iter().flatten().map(walkdir::DirEntry::into_path).filter(|path| is_certificate(path))
    });
    let mut found: Vec<PathBuf> = files.collect();
    found.sort();
    found
}

fn is_certificate(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "crt" | "pem" | "cer")
        && std::fs::read(path).is_ok_and(|bytes| contains(&bytes, CERTIFICATE.as_bytes()))
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
