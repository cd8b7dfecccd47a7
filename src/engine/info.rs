//! Parsing the output of `docker info` and `podman info`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Builder, Engine, EngineHost, Fault};
use crate::host::BuildSecrets;

/// The engine that the output of `info --format '{{json .}}'` describes, or what is wrong with it.
/// If no daemon responds, clients older than 23 exit with 0 and `ServerErrors`, newer ones with 1 and an
/// error message. `podman-docker` is a `docker` with podman's output.
pub fn parse(client: &Path, stdout: &str, stderr: &str) -> Result<Engine, Fault> {
    let Ok(info) = serde_json::from_str::<Value>(stdout.trim()) else {
        return Err(Fault::classify(if stderr.trim().is_empty() { stdout } else { stderr }));
    };
    if info.get("host").is_some() {
        return Ok(podman(client, &info));
    }
    let errors: Vec<String> = serde_json::from_value(info["ServerErrors"].clone()).unwrap_or_default();
    if text(&info, "ServerVersion").is_empty() || !errors.is_empty() {
        let message = if errors.is_empty() { stderr.to_owned() } else { errors.join("; ") };
        return Err(Fault::classify(&message));
    }
    Ok(docker(client, &info))
}

/// Where a containerd of the system stores images. Docker names its own directory only.
const CONTAINERD_ROOT: &str = "/var/lib/containerd";
/// The variants of Fedora that are the system of a Podman machine: before and since Podman 6, and in WSL.
const MACHINES: [&str; 3] = ["coreos", "podman-machine-os", "container"];

fn docker(client: &Path, info: &Value) -> Engine {
    let rootless = info["SecurityOptions"]
        .as_array()
        .is_some_and(|all| all.iter().any(|option| option == "name=rootless"));
    let containerd_store = is_containerd(&info["DriverStatus"]);
    Engine {
        client: client.to_owned(),
        name: "docker".to_owned(),
        version: text(info, "ServerVersion"),
        cpus: number(&info["NCPU"]),
        memory: info["MemTotal"].as_u64().unwrap_or_default(),
        storage_driver: text(info, "Driver"),
        containerd_store,
        data_root: data_root(info, containerd_store, rootless),
        cgroup_version: text(info, "CgroupVersion").parse().unwrap_or_default(),
        builder: builder(&info["ClientInfo"]),
        runtime: text(info, "DefaultRuntime"),
        context: text(&info["ClientInfo"], "Context"),
        platform: platform(&text(info, "OSType"), &text(info, "Architecture")),
        host: match (text(info, "OperatingSystem").as_str(), text(info, "Name").as_str()) {
            ("Docker Desktop", _) => EngineHost::DockerDesktop,
            ("OrbStack", _) => EngineHost::OrbStack,
            ("Rancher Desktop WSL Distribution", _) | (_, "lima-rancher-desktop") => {
                EngineHost::RancherDesktop
            }
            // Profiles other than the default one follow: `colima-work`.
            (_, name) if name.starts_with("colima") => EngineHost::Colima,
            _ => EngineHost::Unknown,
        },
        rootless,
        // As in kind (pkg/cluster/internal/providers/docker/util.go): without a driver, the values mean nothing.
        unlimited: [("cpu", "CPUShares"), ("memory", "MemoryLimit"), ("pids", "PidsLimit")]
            .into_iter()
            .filter(|(_, key)| info[*key] == false || info["CgroupDriver"] == "none")
            .map(|(name, _)| name)
            .collect(),
        confined_to: None,
        proxies: Vec::new(),
        secrets: BuildSecrets::default(),
    }
}

/// A containerd that the daemon starts itself stores below the daemon's directory.
fn data_root(info: &Value, containerd_store: bool, rootless: bool) -> PathBuf {
    // Reported since Docker 27.
    let address = info["Containerd"]["Address"].as_str();
    let of_system = address.map_or(!rootless, |address| {
        ["/run/containerd/", "/var/run/containerd/"].iter().any(|dir| address.starts_with(dir))
    });
    let root = text(info, "DockerRootDir");
    if containerd_store && of_system && !root.starts_with("/var/snap/") {
        return PathBuf::from(CONTAINERD_ROOT);
    }
    PathBuf::from(root)
}

/// Clients report their own version since 23, the first version without `BuildKit` in the client.
fn builder(client: &Value) -> Builder {
    let plugins = client["Plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
    let buildx =
        |plugin: &Value| plugin["Name"] == "buildx" && plugin["Err"].as_str().unwrap_or_default().is_empty();
    let major = text(client, "Version").split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        _ if plugins.iter().any(buildx) => Builder::Buildx,
        Some(23..) => Builder::Legacy,
        _ => Builder::BuildKit,
    }
}

fn podman(client: &Path, info: &Value) -> Engine {
    let host = &info["host"];
    let runtime = &host["ociRuntime"];
    let variant = text(&host["distribution"], "variant");
    Engine {
        client: client.to_owned(),
        name: "podman".to_owned(),
        version: text(&info["version"], "Version"),
        cpus: number(&host["cpus"]),
        memory: host["memTotal"].as_u64().unwrap_or_default(),
        storage_driver: text(&info["store"], "graphDriverName"),
        containerd_store: false,
        data_root: PathBuf::from(text(&info["store"], "graphRoot")),
        cgroup_version: text(host, "cgroupVersion").trim_start_matches('v').parse().unwrap_or_default(),
        builder: Builder::Buildah,
        runtime: text(runtime, "name"),
        context: String::new(),
        platform: platform(&text(host, "os"), &text(host, "arch")),
        // A client reaches a machine as a remote service, but also a service of this system by its socket.
        host: if host["serviceIsRemote"] == true && MACHINES.contains(&variant.as_str()) {
            EngineHost::PodmanMachine
        } else {
            EngineHost::Unknown
        },
        rootless: host["security"]["rootless"] == true,
        // Reported since Podman 4.
        unlimited: host["cgroupControllers"].as_array().map_or_else(Vec::new, |controllers| {
            let limits = |name: &&str| controllers.iter().any(|controller| controller == name);
            ["cpu", "memory", "pids"].into_iter().filter(|name| !limits(name)).collect()
        }),
        confined_to: None,
        proxies: Vec::new(),
        secrets: BuildSecrets::default(),
    }
}

/// `status` is a list of pairs of key and value.
fn is_containerd(status: &Value) -> bool {
    let pairs = status.as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().any(|pair| pair[0] == "driver-type" && pair[1] == "io.containerd.snapshotter.v1")
}

/// Docker reports the kernel's name of the architecture.
fn platform(os: &str, arch: &str) -> String {
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if os.is_empty() || arch.is_empty() { String::new() } else { format!("{os}/{arch}") }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::testing::{DOCKER_20, DOCKER_28, DOCKER_DESKTOP, PODMAN};

    fn read(stdout: &str) -> Engine {
        parse(Path::new("/usr/bin/docker"), stdout, "").unwrap()
    }

    #[test]
    fn each_engine_is_parsed() {
        let engine = read(DOCKER_20);
        assert_eq!((engine.name.as_str(), engine.version.as_str()), ("docker", "20.10.24+dfsg1"));
        assert_eq!((engine.cpus, engine.memory, engine.cgroup_version), (2, 25_276_518_400, 1));
        assert_eq!((engine.storage_driver.as_str(), engine.runtime.as_str()), ("overlay2", "bounded"));
        let engine = read(PODMAN);
        assert_eq!((engine.name.as_str(), engine.version.as_str()), ("podman", "5.2.3"));
        assert_eq!((engine.cpus, engine.cgroup_version), (8, 2));
    }

    #[test]
    fn the_image_store_is_recognized() {
        let status = r#"{"ServerVersion":"28.5.2","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
        assert!(read(status).containerd_store);
        let graph = r#"{"ServerVersion":"28.5.2","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"]]}"#;
        assert!(![graph, DOCKER_20, PODMAN].iter().any(|info| read(info).containerd_store));
    }

    #[test]
    fn context_and_platform_are_parsed() {
        let docker = r#"{"ServerVersion":"28.5.2","OSType":"linux","Architecture":"aarch64","ClientInfo":{"Context":"desktop-linux"}}"#;
        let podman = PODMAN.replace("\"arch\"", "\"os\":\"linux\",\"arch\"");
        let both = [docker, &podman, DOCKER_20].map(|info| (read(info).context, read(info).platform));
        let expected = [("desktop-linux", "linux/arm64"), ("", "linux/amd64"), ("default", "")];
        assert_eq!(both, expected.map(|(context, platform)| (context.to_owned(), platform.to_owned())));
    }

    #[test]
    fn the_builder_and_the_engines_host_are_recognized() {
        let colima = DOCKER_28.replace("{\"Driver\"", "{\"Name\":\"colima\",\"Driver\"");
        let remote = |variant: &str| {
            let service =
                format!(r#""serviceIsRemote":true,"distribution":{{"variant":"{variant}"}},"cpus""#);
            PODMAN.replace("\"cpus\"", &service)
        };
        for (info, builder, host) in [
            (DOCKER_20, Builder::BuildKit, EngineHost::Unknown),
            (DOCKER_28, Builder::Legacy, EngineHost::Unknown),
            (DOCKER_DESKTOP, Builder::Buildx, EngineHost::DockerDesktop),
            (&colima, Builder::Legacy, EngineHost::Colima),
            (PODMAN, Builder::Buildah, EngineHost::Unknown),
            (&remote("coreos"), Builder::Buildah, EngineHost::PodmanMachine),
            // CONTAINER_HOST names a socket of this machine.
            (&remote("workstation"), Builder::Buildah, EngineHost::Unknown),
        ] {
            assert_eq!((read(info).builder, read(info).host), (builder, host), "{info}");
        }
    }

    #[test]
    fn a_missing_daemon_is_reported_by_old_and_new_clients() {
        let old = r#"{"ServerErrors":["Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"],"ClientInfo":{"Plugins":[]}}"#;
        let new = r#"{"ServerVersion":"","ClientInfo":{"Version":"28.2.2"}}"#;
        let stderr = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://x\": dial unix /var/run/docker.sock: connect: permission denied";
        for (stdout, stderr, code) in [
            (old, "", "engine-not-running"),
            (new, stderr, "engine-no-permission"),
            ("not json", "Segmentation fault", "engine-unusable"),
        ] {
            assert_eq!(parse(Path::new("docker"), stdout, stderr).unwrap_err().code(), code, "{stdout}");
        }
    }
}
