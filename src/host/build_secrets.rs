//! The settings with which this machine reaches package registries, as files for image builds.
//!
//! A Dockerfile mounts them by name (`RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf`), so they are neither
//! in the image nor in its history, and do not invalidate the builder's cache.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::authority::CERTIFICATE;
use crate::process_env::ProcessEnv;

/// Where a builder mounts [`AUTHORITIES`], unless a Dockerfile names another place.
const MOUNTED: &str = "/run/secrets/ca.crt";
/// The certificates of all authorities that this machine trusts, in PEM.
const AUTHORITIES: &str = "ca.crt";
/// pip's configuration file.
const PIP: &str = "pip.conf";
/// npm's configuration file.
const NPM: &str = "npmrc";

/// What a build needs of pip's options, and not what would change where packages are installed.
const PIP_OPTIONS: [&str; 5] = ["index-url", "extra-index-url", "trusted-host", "timeout", "retries"];

/// The files with all authorities that distributions generate.
const BUNDLES: [&str; 4] = [
    "etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
    "etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
    "etc/ssl/ca-bundle.pem",             // SUSE
    "etc/ssl/cert.pem",                  // macOS
];

/// File contents by name. They can contain passwords, so `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BuildSecrets(BTreeMap<&'static str, String>);

impl BuildSecrets {
    /// Reads the settings of `process_env` and its home directory. `added` are the authorities that were added to
    /// this machine; without them and without `SSL_CERT_FILE`, builds use the authorities of their base image.
    pub fn of(process_env: &ProcessEnv, added: &[PathBuf]) -> Self {
        let authorities = authorities(process_env, added, Path::new("/"));
        let certificates = authorities.is_some();
        let pip = pip(process_env, certificates).map(|text| (PIP, text));
        let npm = npm(process_env, certificates).map(|text| (NPM, text));
        Self(authorities.map(|text| (AUTHORITIES, text)).into_iter().chain(pip).chain(npm).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, content)| (*name, content.as_str()))
    }

    /// The certificate authorities, in PEM; `None` if none were added to this machine.
    pub fn authorities(&self) -> Option<&str> {
        self.0.get(AUTHORITIES).map(String::as_str)
    }
}

impl fmt::Debug for BuildSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

fn authorities(process_env: &ProcessEnv, added: &[PathBuf], root: &Path) -> Option<String> {
    let read = |path: &Path| std::fs::read_to_string(path).ok().filter(|text| text.contains(CERTIFICATE));
    if let Some(file) = process_env.var("SSL_CERT_FILE") {
        return read(&process_env.cwd.join(file));
    }
    if added.is_empty() {
        return None;
    }
    let system = BUNDLES.iter().find_map(|bundle| read(&root.join(bundle))).unwrap_or_default();
    Some(added.iter().filter_map(|path| read(path)).fold(system, |all, one| all + "\n" + &one))
}

/// The index that pip uses; `None` if it is not configured.
pub fn pip_index(process_env: &ProcessEnv) -> Option<String> {
    pip_options(process_env).remove("index-url").filter(|index| index.contains("://"))
}

fn pip(process_env: &ProcessEnv, certificates: bool) -> Option<String> {
    let mut options = pip_options(process_env);
    if certificates {
        options.insert("cert", MOUNTED.to_owned());
    }
    let lines = options.iter().map(|(key, value)| format!("{key} = {value}\n"));
    (!options.is_empty()).then(|| format!("[global]\n{}", lines.collect::<String>()))
}

/// The variables of pip win over its configuration files (pip's documentation, "Configuration").
fn pip_options(process_env: &ProcessEnv) -> BTreeMap<&'static str, String> {
    let file = text(
        process_env,
        &["PIP_CONFIG_FILE"],
        &[".config/pip/pip.conf", ".pip/pip.conf", "Library/Application Support/pip/pip.conf"],
        "/etc/pip.conf",
    );
    let mut options = BTreeMap::new();
    let mut last = None;
    for line in file.lines() {
        // An indented line continues the value of the line above.
        if line.starts_with([' ', '\t']) {
            if let Some(value) = last.and_then(|key| options.get_mut(key)) {
                *value = format!("{value}\n    {}", line.trim());
            }
            continue;
        }
        let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
        last = PIP_OPTIONS.into_iter().find(|option| key.trim().replace('_', "-") == *option);
        if let Some(key) = last {
            options.insert(key, value.trim().to_owned());
        }
    }
    for option in PIP_OPTIONS {
        let variable = format!("PIP_{}", option.to_ascii_uppercase().replace('-', "_"));
        if let Some(value) = process_env.var(&variable) {
            options.insert(option, value.split_whitespace().collect::<Vec<_>>().join("\n    "));
        }
    }
    options
}

/// The registry that npm uses before it reads its files.
pub fn npm_registry(process_env: &ProcessEnv) -> Option<&str> {
    ["npm_config_registry", "NPM_CONFIG_REGISTRY"].iter().find_map(|name| process_env.var(name))
}

/// The registries, and the credentials for them, that npm uses.
fn npm(process_env: &ProcessEnv, certificates: bool) -> Option<String> {
    let file =
        text(process_env, &["NPM_CONFIG_USERCONFIG", "npm_config_userconfig"], &[".npmrc"], "/etc/npmrc");
    let wanted = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        key == "registry" || key.ends_with(":registry") || key.starts_with("//")
    };
    let mut lines: Vec<String> =
        file.lines().map(str::trim).filter(wanted).map(|line| expand(process_env, line)).collect();
    // The last of several lines counts.
    lines.extend(npm_registry(process_env).map(|registry| format!("registry={registry}")));
    lines.extend(certificates.then(|| format!("cafile={MOUNTED}")));
    (!lines.is_empty()).then(|| lines.join("\n") + "\n")
}

/// The first file that exists: the one that a variable names, else one below the home directory, else the system's.
fn text(process_env: &ProcessEnv, variables: &[&str], below_home: &[&str], system: &str) -> String {
    let named =
        variables.iter().find_map(|name| process_env.var(name)).map(|path| process_env.cwd.join(path));
    let home = process_env.home.iter().flat_map(|home| below_home.iter().map(|path| home.join(path)));
    let mut files =
        named.map_or_else(|| home.chain([PathBuf::from(system)]).collect(), |path| vec![path]).into_iter();
    files.find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

/// npm replaces `${NAME}` by the variable's value.
fn expand(process_env: &ProcessEnv, line: &str) -> String {
    let mut parts = line.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once('}') {
        Some((name, rest)) if process_env.var(name).is_some() => {
            text + process_env.var(name).unwrap_or_default() + rest
        }
        _ => text + "${" + part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    /// A machine with these variables, and these files below its home directory.
    fn machine(variables: &[(&str, &str)], files: &[(&str, &str)]) -> (ProcessEnv, tempfile::TempDir) {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let env = variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        let own = home.path().to_owned();
        (ProcessEnv { env, cwd: own.clone(), home: Some(own), ..ProcessEnv::real() }, home)
    }

    #[test]
    fn pip_gets_the_index_and_nothing_that_changes_the_installation() {
        let file = "[global]\nindex-url = https://file.example/simple\nuser = yes\nrequire-virtualenv = true\n\
                    [install]\nextra_index_url =\n  https://one.example\n  https://two.example\nfind-links = /wheels\n";
        let extra = "extra-index-url = \n    https://one.example\n    https://two.example\n";
        let (env, _home) = machine(&[], &[(".config/pip/pip.conf", file)]);
        assert_eq!(
            pip(&env, false).unwrap(),
            format!("[global]\n{extra}index-url = https://file.example/simple\n")
        );
        let (env, _home) = machine(
            &[("PIP_INDEX_URL", "https://me:secret@own.example/simple"), ("PIP_TRUSTED_HOST", "own.example")],
            &[(".pip/pip.conf", file)],
        );
        let own = "index-url = https://me:secret@own.example/simple\ntrusted-host = own.example\n";
        assert_eq!(pip(&env, true).unwrap(), format!("[global]\ncert = {MOUNTED}\n{extra}{own}"));
    }

    #[test]
    fn npm_gets_registries_with_their_credentials() {
        let file = "registry=https://file.example/\n@own:registry=https://own.example/\nprefix=/home/me\n\
                    //own.example/:_authToken=${TOKEN}\n//file.example/:_authToken=${MISSING}\n";
        let (env, _home) = machine(
            &[("TOKEN", "4711"), ("NPM_CONFIG_REGISTRY", "https://npm.example/")],
            &[(".npmrc", file)],
        );
        assert_eq!(
            npm(&env, true).unwrap(),
            "registry=https://file.example/\n@own:registry=https://own.example/\n//own.example/:_authToken=4711\n\
             //file.example/:_authToken=${MISSING}\nregistry=https://npm.example/\ncafile=/run/secrets/ca.crt\n"
        );
    }

    #[test]
    fn authorities_are_passed_only_where_they_were_added() {
        let (env, home) = machine(&[], &[("etc/ssl/ca-bundle.pem", PEM), ("own.crt", PEM)]);
        assert_eq!(authorities(&env, &[], home.path()), None);
        let all = authorities(&env, &[home.path().join("own.crt")], home.path()).unwrap();
        assert_eq!(all.matches("BEGIN CERTIFICATE").count(), 2);
        let (env, home) = machine(&[("SSL_CERT_FILE", "own.crt")], &[("own.crt", PEM)]);
        assert_eq!(authorities(&env, &[], home.path()).as_deref(), Some(PEM));
    }

    #[test]
    fn what_is_passed_is_not_shown() {
        let (env, _home) =
            machine(&[("PIP_INDEX_URL", "https://me:secret@own.example/"), ("PIP_CONFIG_FILE", "none")], &[]);
        let secrets = BuildSecrets::of(&env, &[]);
        assert_eq!(format!("{secrets:?}"), "{\"pip.conf\"}");
        assert_eq!(secrets.iter().next().unwrap().0, "pip.conf");
    }
}
