//! Which environment variables child processes inherit.
//!
//! A child process gets the variables in [`BASE`], those of its [`Inherit`] group, and those that its command sets, so
//! that other programs' settings in the user's shell change neither what is built nor where it runs. docs/SECURITY.md
//! explains the lists. A name that ends in `*` stands for all names with that prefix.

/// What every program may need.
const BASE: &[&str] = &[
    // POSIX (XBD chapter 8) and XDG.
    "PATH HOME USER LOGNAME SHELL TERM TMPDIR TZ LANG LANGUAGE LC_* XDG_*",
    // Proxies of Go's net/http, curl, wget and apt.
    "HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY FTP_PROXY",
    "http_proxy https_proxy no_proxy all_proxy ftp_proxy",
    // Certificates of OpenSSL, Go's crypto/x509 and Nix.
    "SSL_CERT_FILE SSL_CERT_DIR NIX_SSL_CERT_FILE",
    // Agents and the desktop session, for ssh:// engines, credential helpers and browsers.
    "SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY XAUTHORITY",
    "GNUPGHOME GPG_TTY PASSWORD_STORE_DIR",
    // Version managers, whose shims on PATH run Go, npm, kubectl and helm.
    "ASDF_* MISE_* VOLTA_HOME",
    "WSL_DISTRO_NAME WSL_INTEROP WSLENV",
    // Windows.
    "SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT TEMP TMP USERNAME USERPROFILE HOMEDRIVE HOMEPATH",
    "APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86)",
];

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
            // How to connect to the engine; not the platform, the builder or content trust.
            Self::Engine => &[
                "DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_CERT_PATH DOCKER_TLS DOCKER_TLS_VERIFY",
                "DOCKER_API_VERSION CONTAINER_HOST CONTAINER_CONNECTION CONTAINER_SSHKEY",
                "CONTAINERS_CONF CONTAINERS_CONF_OVERRIDE CONTAINERS_REGISTRIES_CONF",
                "CONTAINERS_STORAGE_CONF REGISTRY_AUTH_FILE STORAGE_DRIVER STORAGE_OPTS",
                // Podman inside a container cannot build without them.
                "BUILDAH_ISOLATION _CONTAINERS_USERNS_CONFIGURED",
            ],
            // For a root file system in memory, and for a small one.
            Self::Daemon => &["DOCKER_RAMDISK DOCKER_TMPDIR"],
            // Where modules come from and where they are cached; not flags, toolchain or architecture.
            Self::Go => &[
                "GOPROXY GONOPROXY GOPRIVATE GOSUMDB GONOSUMDB GOINSECURE GOAUTH GOVCS NETRC",
                "GOENV GOPATH GOMODCACHE GOCACHE GOTMPDIR",
            ],
            // The user's registry, and what a .npmrc may refer to.
            Self::Npm => &[
                "NPM_CONFIG_REGISTRY NPM_CONFIG_USERCONFIG NPM_CONFIG_GLOBALCONFIG NPM_CONFIG_PREFIX",
                "npm_config_registry npm_config_userconfig npm_config_globalconfig npm_config_prefix",
                "NPM_TOKEN NODE_AUTH_TOKEN NODE_EXTRA_CA_CERTS",
            ],
            // Location and updates of the vulnerability database; not what counts as a finding.
            Self::Scanner => &[
                "TRIVY_CACHE_DIR TRIVY_DB_REPOSITORY TRIVY_JAVA_DB_REPOSITORY TRIVY_OFFLINE_SCAN",
                "TRIVY_SKIP_DB_UPDATE GRYPE_DB_AUTO_UPDATE GRYPE_DB_CACHE_DIR GRYPE_DB_CA_CERT",
                "GRYPE_DB_UPDATE_URL",
            ],
            // The browser is the user's own program and gets what a desktop session sets.
            Self::Browser => {
                &["BROWSER DESKTOP_* GNOME_* KDE_* SESSION_MANAGER GDK_* GTK_* QT_* MOZ_* XMODIFIERS"]
            }
        }
    }

    pub fn includes(self, name: &str) -> bool {
        let same = |a: &str, b: &str| if cfg!(windows) { a.eq_ignore_ascii_case(b) } else { a == b };
        let mut patterns = BASE.iter().chain(self.names()).flat_map(|names| names.split(' '));
        patterns.any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.get(..prefix.len()).is_some_and(|start| same(start, prefix)),
            None => same(name, pattern),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Inherit;

    /// Settings that change what a program does.
    const HOSTILE: &str = "LD_PRELOAD LD_LIBRARY_PATH DOCKER_DEFAULT_PLATFORM DOCKER_CONTENT_TRUST \
        DOCKER_BUILDKIT BUILDX_BUILDER BUILDKIT_PROGRESS BUILDAH_FORMAT COMPOSE_FILE KIND_CLUSTER_NAME \
        KIND_EXPERIMENTAL_PROVIDER MINIKUBE_HOME MINIKUBE_DRIVER HELM_DRIVER HELM_KUBECONTEXT HELM_PLUGINS \
        KUBECONFIG KUBECTL_EXTERNAL_DIFF KUBERNETES_SERVICE_HOST GOFLAGS GOTOOLCHAIN GOROOT GOAMD64 \
        GOEXPERIMENT GIT_DIR GIT_WORK_TREE NODE_OPTIONS npm_config_ignore_scripts PIP_INDEX_URL \
        TRIVY_SEVERITY GRYPE_ONLY_FIXED DEBOOTSTRAP_DIR";

    #[test]
    fn each_group_inherits_what_it_needs_and_no_settings_of_other_programs() {
        for (group, needed) in [
            (Inherit::Base, "PATH LC_ALL https_proxy SSL_CERT_FILE"),
            (Inherit::Engine, "DOCKER_HOST DOCKER_CONTEXT XDG_RUNTIME_DIR SSH_AUTH_SOCK"),
            (Inherit::Daemon, "DOCKER_RAMDISK HTTPS_PROXY PATH"),
            (Inherit::Go, "GOPROXY GOMODCACHE HOME"),
            (Inherit::Npm, "NPM_CONFIG_REGISTRY NODE_EXTRA_CA_CERTS HOME"),
            (Inherit::Scanner, "TRIVY_CACHE_DIR GRYPE_DB_UPDATE_URL HOME"),
            (Inherit::Browser, "BROWSER GTK_IM_MODULE DISPLAY"),
        ] {
            assert!(needed.split(' ').all(|name| group.includes(name)), "{group:?} lacks one of {needed}");
            for name in HOSTILE.split(' ') {
                assert!(!group.includes(name), "{group:?} inherits {name}");
            }
        }
    }
}
