//! Which environment variables child processes inherit.
//!
//! A child process starts with an empty environment. It gets the variables in [`BASE`], those of its
//! [`Inherit`] group, and those that its command sets. Other programs' settings in the user's shell
//! therefore change neither what is built nor where it runs. docs/SECURITY.md gives the reasons and the
//! sources. A name that ends in `*` stands for all names with that prefix.

/// What every program may need: to find files, users, other programs, proxies and certificates, and to
/// reach the session's services.
const BASE: &[&str] = &[
    // POSIX (XBD chapter 8) and the XDG base directories.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "XDG_*",
    // Go's net/http, curl, wget, apt.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "ftp_proxy",
    // OpenSSL and Go's crypto/x509; Nix.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
    // Agents and the desktop session: ssh:// engines, credential helpers, browsers.
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    // Version managers, whose shims stand on PATH for Go, npm, kubectl and helm.
    "ASDF_*",
    "MISE_*",
    "VOLTA_HOME",
    // WSL: programs of Windows, and the distribution's name.
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "WSLENV",
    // Windows.
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
];

/// Where the engine is and how to connect to it. Not: platform, builder, content trust.
const ENGINE: &[&str] = &[
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "CONTAINER_HOST",
    "CONTAINER_CONNECTION",
    "CONTAINER_SSHKEY",
    "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE",
    "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF",
    "REGISTRY_AUTH_FILE",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    // Podman inside a container cannot build without them.
    "BUILDAH_ISOLATION",
    "_CONTAINERS_USERNS_CONFIGURED",
];

/// Where modules come from and where they are cached. Not: flags, toolchain, architecture variants.
const GO: &[&str] = &[
    "GOPROXY",
    "GONOPROXY",
    "GOPRIVATE",
    "GOSUMDB",
    "GONOSUMDB",
    "GOINSECURE",
    "GOAUTH",
    "GOVCS",
    "GOENV",
    "GOPATH",
    "GOMODCACHE",
    "GOCACHE",
    "GOTMPDIR",
    "NETRC",
];

/// Which registry the user has, and what a `.npmrc` may refer to.
const NPM: &[&str] = &[
    "NPM_CONFIG_REGISTRY",
    "NPM_CONFIG_USERCONFIG",
    "NPM_CONFIG_GLOBALCONFIG",
    "NPM_CONFIG_PREFIX",
    "npm_config_registry",
    "npm_config_userconfig",
    "npm_config_globalconfig",
    "npm_config_prefix",
    "NPM_TOKEN",
    "NODE_AUTH_TOKEN",
    "NODE_EXTRA_CA_CERTS",
];

/// Where the vulnerability database comes from and is kept. Not: what counts as a finding.
const SCANNER: &[&str] = &[
    "TRIVY_CACHE_DIR",
    "TRIVY_DB_REPOSITORY",
    "TRIVY_JAVA_DB_REPOSITORY",
    "TRIVY_OFFLINE_SCAN",
    "TRIVY_SKIP_DB_UPDATE",
    "GRYPE_DB_AUTO_UPDATE",
    "GRYPE_DB_CACHE_DIR",
    "GRYPE_DB_CA_CERT",
    "GRYPE_DB_UPDATE_URL",
];

/// The browser is the user's own program: all that a desktop session sets.
const BROWSER: &[&str] = &[
    "BROWSER",
    "DESKTOP_*",
    "GNOME_*",
    "KDE_*",
    "SESSION_MANAGER",
    "GDK_*",
    "GTK_*",
    "QT_*",
    "MOZ_*",
    "XMODIFIERS",
];

/// dockerd on a root file system in memory, and on a small one.
const DAEMON: &[&str] = &["DOCKER_RAMDISK", "DOCKER_TMPDIR"];

/// The variables that a program inherits in addition to the base list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Inherit {
    /// Programs of the system, git, helm and kubectl.
    #[default]
    Base,
    /// Docker, Podman, and what calls them: kind and minikube.
    Engine,
    Daemon,
    Go,
    Npm,
    Scanner,
    Browser,
}

impl Inherit {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Base => &[],
            Self::Engine => ENGINE,
            Self::Daemon => DAEMON,
            Self::Go => GO,
            Self::Npm => NPM,
            Self::Scanner => SCANNER,
            Self::Browser => BROWSER,
        }
    }

    /// Whether a program of this group inherits the variable `name`.
    pub fn includes(self, name: &str) -> bool {
        let same = |a: &str, b: &str| if cfg!(windows) { a.eq_ignore_ascii_case(b) } else { a == b };
        BASE.iter().chain(self.names()).any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.get(..prefix.len()).is_some_and(|start| same(start, prefix)),
            None => same(name, pattern),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Inherit;

    /// Variables of each program that change what it does, and must not reach any program of ours.
    const HOSTILE: [&str; 34] = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DOCKER_DEFAULT_PLATFORM",
        "DOCKER_CONTENT_TRUST",
        "DOCKER_BUILDKIT",
        "BUILDX_BUILDER",
        "BUILDKIT_PROGRESS",
        "BUILDAH_FORMAT",
        "COMPOSE_FILE",
        "COMPOSE_PROJECT_NAME",
        "KIND_CLUSTER_NAME",
        "KIND_EXPERIMENTAL_PROVIDER",
        "MINIKUBE_HOME",
        "MINIKUBE_DRIVER",
        "MINIKUBE_ACTIVE_DOCKERD",
        "HELM_DRIVER",
        "HELM_KUBECONTEXT",
        "HELM_PLUGINS",
        "KUBECONFIG",
        "KUBECTL_EXTERNAL_DIFF",
        "KUBERNETES_SERVICE_HOST",
        "GOFLAGS",
        "GOTOOLCHAIN",
        "GOROOT",
        "GOAMD64",
        "GOEXPERIMENT",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "NODE_OPTIONS",
        "npm_config_ignore_scripts",
        "PIP_INDEX_URL",
        "TRIVY_SEVERITY",
        "GRYPE_ONLY_FIXED",
        "DEBOOTSTRAP_DIR",
    ];

    #[test]
    fn each_group_inherits_what_it_needs_and_no_settings_of_other_programs() {
        let groups = [
            (Inherit::Base, ["PATH", "LC_ALL", "https_proxy"]),
            (Inherit::Engine, ["DOCKER_HOST", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR"]),
            (Inherit::Daemon, ["DOCKER_RAMDISK", "HTTPS_PROXY", "PATH"]),
            (Inherit::Go, ["GOPROXY", "GOMODCACHE", "SSL_CERT_FILE"]),
            (Inherit::Npm, ["NPM_CONFIG_REGISTRY", "NODE_EXTRA_CA_CERTS", "HOME"]),
            (Inherit::Scanner, ["TRIVY_CACHE_DIR", "GRYPE_DB_UPDATE_URL", "HOME"]),
            (Inherit::Browser, ["BROWSER", "GTK_IM_MODULE", "DISPLAY"]),
        ];
        for (group, needed) in groups {
            for name in needed {
                assert!(group.includes(name), "{group:?} needs {name}");
            }
            for name in HOSTILE {
                assert!(!group.includes(name), "{group:?} inherits {name}");
            }
        }
    }
}
